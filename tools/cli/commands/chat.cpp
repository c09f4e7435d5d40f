// chat: a conversation in the terminal; without one, each line of stdin is a message.
#include <cstdio>
#include <iostream>
#include <memory>
#include <string>

#include "../exit_code.h"
#include "../interrupt.h"
#include "../model_options.h"
#include "../sampling_options.h"
#include "../terminal.h"
#include "../text_io.h"
#include "commands.h"

namespace dunlin::cli {
namespace {

struct ChatFlags {
  ModelFlags model;
  SamplingFlags sampling;
  std::string system;
  std::string template_variables;
};

bool read_message(std::string& message) {
  if (stdin_is_terminal()) std::cerr << "> " << std::flush;
  return read_stdin_line(message);
}

void chat(ChatFlags& flags) {
  const Model model = open_model(flags.model);
  Engine engine = open_engine(model, flags.model);
  Session session(engine);
  if (!flags.system.empty()) session.set_system(flags.system);
  session.set_template_variables(flags.template_variables);
  const bool on_terminal = stdin_is_terminal();
  if (on_terminal) std::cerr << "/bye or Ctrl-D ends the chat, Ctrl-C an answer\n";
  const auto print = [](std::string_view piece) {
    std::cout << piece << std::flush;
    return !was_interrupted();
  };
  for (std::string message; read_message(message) && message != "/bye";) {
    if (message.empty()) continue;
    if (on_terminal) clear_interrupt();
    session.chat(message, print, flags.sampling.resolve());
    std::cout << std::endl;
    if (was_interrupted() && !on_terminal) throw Interrupted();
    clear_interrupt();
  }
}

}  // namespace

void add_chat_command(CLI::App& app) {
  const auto flags = std::make_shared<ChatFlags>();
  CLI::App* command = app.add_subcommand("chat", "talk with a model");
  add_model_file_flags(*command, flags->model);
  add_engine_flags(*command, flags->model);
  add_sampling_flags(*command, flags->sampling);
  command->add_option("--system", flags->system, "system message");
  command->callback([flags] { chat(*flags); });
}

}  // namespace dunlin::cli
