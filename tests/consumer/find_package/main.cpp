// A C++20 program that uses the library through dunlin.hpp.
#include <dunlin/dunlin.hpp>
#include <iostream>

int main(int argc, char** argv) {
  if (argc != 2) return 2;
  try {
    dunlin::Model model(argv[1]);
    dunlin::Engine engine(model);
    dunlin::Session session(engine);
    dunlin_generation_options options = dunlin::generation_options();
    options.max_tokens = 5;
    options.ignore_eos = 1;
    std::string text;
    const auto collect = [&](std::string_view piece) {
      text += piece;
      return true;
    };
    if (session.generate("The king", collect, options).n_generated != 5 || text.empty()) return 1;
    return session.chat("Tell me a tale about a frog.", collect, options).n_generated == 5 ? 0 : 1;
  } catch (const dunlin::Error& error) {
    std::cerr << error.what() << '\n';
    return 1;
  }
}
