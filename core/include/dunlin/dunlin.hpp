// Dunlin for C++20: RAII over dunlin.h, header-only. Errors are dunlin::Error; a handle owns and is
// move-only.
//
//   dunlin::Model model("model.gguf");
//   dunlin::Engine engine(model);
//   dunlin::Session session(engine);
//   session.generate("Once upon a time", [](std::string_view piece) { std::cout << piece; return true; });
//
// Threads and lifetimes are those of dunlin.h.
#ifndef DUNLIN_HPP
#define DUNLIN_HPP

#include <exception>
#include <functional>
#include <memory>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

#include "dunlin/dunlin.h"

// The inline namespace keeps these classes apart from the library's own when it is linked statically.
namespace dunlin {
inline namespace v1 {

class Error : public std::runtime_error {
 public:
  Error(dunlin_status status, const std::string& message) : std::runtime_error(message), status_(status) {}
  dunlin_status status() const { return status_; }

 private:
  dunlin_status status_;
};

inline void check(dunlin_status status) {
  if (status != DUNLIN_OK) throw Error(status, dunlin_last_error());
}

namespace detail {

struct TextDeleter {
  void operator()(char* text) const { dunlin_free_text(text); }
};

// Calls a function that gives out a text, and takes the text over.
template <typename Call>
std::string take_text(Call&& call) {
  char* text = nullptr;
  check(call(&text));
  const std::unique_ptr<char, TextDeleter> owner(text);
  return text;
}

// The same for a text that may hold zeros, with its length.
template <typename Call>
std::string take_bytes(Call&& call) {
  char* text = nullptr;
  size_t n_bytes = 0;
  check(call(&text, &n_bytes));
  const std::unique_ptr<char, TextDeleter> owner(text);
  return std::string(text, n_bytes);
}

// Calls a function that fills an array of tokens: once for the count, once for the tokens.
template <typename Call>
std::vector<int32_t> take_tokens(Call&& call) {
  size_t n = 0;
  const dunlin_status status = call(nullptr, &n);
  if (status != DUNLIN_OK && n == 0) check(status);
  std::vector<int32_t> tokens(n);
  if (n > 0) check(call(tokens.data(), &n));
  return tokens;
}

}  // namespace detail

inline std::string devices_json() {
  return detail::take_text([](char** text) { return dunlin_devices_json(text); });
}

inline std::string device_notes_json() {
  return detail::take_text([](char** text) { return dunlin_device_notes_json(text); });
}

inline dunlin_model_options model_options() {
  dunlin_model_options options;
  dunlin_model_options_init(&options);
  return options;
}
inline dunlin_engine_options engine_options() {
  dunlin_engine_options options;
  dunlin_engine_options_init(&options);
  return options;
}
inline dunlin_profile_options profile_options() {
  dunlin_profile_options options;
  dunlin_profile_options_init(&options);
  return options;
}
inline dunlin_generation_options generation_options() {
  dunlin_generation_options options;
  dunlin_generation_options_init(&options);
  return options;
}

class Model {
 public:
  explicit Model(const std::string& path, const dunlin_model_options& options = model_options()) {
    dunlin_model* raw = nullptr;
    check(dunlin_model_open(path.c_str(), &options, &raw));
    handle_.reset(raw);
  }
  Model(const void* bytes, size_t n_bytes, const std::string& name,
        const dunlin_model_options& options = model_options()) {
    dunlin_model* raw = nullptr;
    check(dunlin_model_open_memory(bytes, n_bytes, name.c_str(), &options, &raw));
    handle_.reset(raw);
  }

  const dunlin_model* get() const { return handle_.get(); }
  int32_t n_vocab() const { return dunlin_model_n_vocab(get()); }
  int32_t n_ctx_train() const { return dunlin_model_n_ctx_train(get()); }
  bool has_chat_template() const { return dunlin_model_has_chat_template(get()) != 0; }

  std::string describe_json() const {
    return detail::take_text([&](char** text) { return dunlin_model_describe_json(get(), text); });
  }
  std::vector<int32_t> tokenize(std::string_view text, bool add_special = true,
                                bool parse_special = false) const {
    return detail::take_tokens([&](int32_t* tokens, size_t* n) {
      return dunlin_tokenize(get(), text.data(), text.size(), add_special, parse_special, tokens, n);
    });
  }
  // tools_json and variables_json may be empty.
  std::vector<int32_t> tokenize_chat(const std::string& messages_json, const std::string& tools_json = "",
                                     const std::string& variables_json = "") const {
    return detail::take_tokens([&](int32_t* tokens, size_t* n) {
      return dunlin_tokenize_chat_with(get(), messages_json.c_str(), tools_json.c_str(),
                                       variables_json.c_str(), 1, tokens, n);
    });
  }
  std::string detokenize(const std::vector<int32_t>& tokens, bool print_control = false) const {
    return detail::take_bytes([&](char** text, size_t* n_bytes) {
      return dunlin_detokenize(get(), tokens.data(), tokens.size(), print_control, text, n_bytes);
    });
  }
  std::string verify_json(const std::string& device, const std::vector<int32_t>& tokens) const {
    return detail::take_text([&](char** text) {
      return dunlin_verify_json(get(), device.c_str(), tokens.data(), tokens.size(), text);
    });
  }

 private:
  struct Deleter {
    void operator()(dunlin_model* model) const { dunlin_model_free(model); }
  };
  std::unique_ptr<dunlin_model, Deleter> handle_;
};

class Engine {
 public:
  explicit Engine(const Model& model, const dunlin_engine_options& options = engine_options()) {
    dunlin_engine* raw = nullptr;
    check(dunlin_engine_create(model.get(), &options, &raw));
    handle_.reset(raw);
  }

  dunlin_engine* get() const { return handle_.get(); }
  std::string describe_json() const {
    return detail::take_text([&](char** text) { return dunlin_engine_describe_json(get(), text); });
  }
  std::string plan_text(int32_t n_rows) const {
    return detail::take_text([&](char** text) { return dunlin_engine_plan_text(get(), n_rows, text); });
  }
  dunlin_roofline measure_roofline() {
    dunlin_roofline roofline{};
    roofline.struct_size = sizeof(roofline);
    check(dunlin_engine_measure_roofline(get(), &roofline));
    return roofline;
  }
  std::string profile_json(const dunlin_profile_options& options = profile_options()) {
    return detail::take_text([&](char** text) { return dunlin_engine_profile_json(get(), &options, text); });
  }
  uint64_t submit(const std::vector<int32_t>& prompt, const dunlin_generation_options& options,
                  const dunlin_callbacks& callbacks) {
    uint64_t id = 0;
    check(dunlin_submit(get(), prompt.data(), prompt.size(), &options, &callbacks, &id));
    return id;
  }
  void cancel(uint64_t id) { dunlin_cancel(get(), id); }

 private:
  struct Deleter {
    void operator()(dunlin_engine* engine) const { dunlin_engine_free(engine); }
  };
  std::unique_ptr<dunlin_engine, Deleter> handle_;
};

class Session {
 public:
  // Gets each piece of text as it comes, on the engine's thread; false ends the generation.
  using OnText = std::function<bool(std::string_view piece)>;

  explicit Session(Engine& engine) {
    dunlin_session* raw = nullptr;
    check(dunlin_session_create(engine.get(), &raw));
    handle_.reset(raw);
  }

  dunlin_session* get() const { return handle_.get(); }
  void set_system(std::string_view text) {
    check(dunlin_session_set_system(get(), text.data(), text.size()));
  }
  // A JSON object for the chat template, such as {"enable_thinking": false}; empty: none.
  void set_template_variables(const std::string& json) {
    check(dunlin_session_set_template_variables(get(), json.c_str()));
  }
  void cancel() { dunlin_session_cancel(get()); }
  void reset() { dunlin_session_reset(get()); }

  // Continues the session's text.
  dunlin_result generate(std::string_view text, const OnText& on_text,
                         const dunlin_generation_options& options = generation_options(),
                         bool parse_special = false) {
    return run(on_text, [&](const dunlin_callbacks* callbacks, dunlin_result* result) {
      return dunlin_session_generate(get(), text.data(), text.size(), parse_special, &options, callbacks,
                                     result);
    });
  }
  // Answers a user's message.
  dunlin_result chat(std::string_view message, const OnText& on_text,
                     const dunlin_generation_options& options = generation_options()) {
    return run(on_text, [&](const dunlin_callbacks* callbacks, dunlin_result* result) {
      return dunlin_session_chat(get(), message.data(), message.size(), &options, callbacks, result);
    });
  }

 private:
  struct Deleter {
    void operator()(dunlin_session* session) const { dunlin_session_free(session); }
  };
  // An exception of the callback must not pass the library: it ends the generation and is thrown again here.
  struct Receiver {
    const OnText& on_text;
    std::exception_ptr thrown;
  };

  template <typename Call>
  static dunlin_result run(const OnText& on_text, Call&& call) {
    Receiver receiver{on_text, nullptr};
    dunlin_callbacks callbacks{};
    callbacks.struct_size = sizeof(callbacks);
    callbacks.user_data = &receiver;
    callbacks.on_token = [](void* user_data, const dunlin_token* token) -> int32_t {
      auto& r = *static_cast<Receiver*>(user_data);
      if (token->n_bytes == 0 || r.thrown) return !r.thrown;
      try {
        return r.on_text(std::string_view(token->text, token->n_bytes));
      } catch (...) {
        r.thrown = std::current_exception();
        return 0;
      }
    };
    dunlin_result result{};
    result.struct_size = sizeof(result);
    const dunlin_status status = call(&callbacks, &result);
    if (receiver.thrown) std::rethrow_exception(receiver.thrown);
    check(status);
    return result;
  }

  std::unique_ptr<dunlin_session, Deleter> handle_;
};

}  // namespace v1
}  // namespace dunlin

#endif
