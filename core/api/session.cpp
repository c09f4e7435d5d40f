#include "core/api/session.h"

#include <future>
#include <nlohmann/json.hpp>

#include "core/api/options.h"

namespace dunlin {
namespace {

// Keeps what was generated, beside telling the caller's callbacks.
class Recorder final : public GenerationListener {
 public:
  explicit Recorder(const dunlin_callbacks& callbacks) : next_(make_listener(callbacks)) {}

  void on_prefill(int32_t n_done, int32_t n_total) override { next_->on_prefill(n_done, n_total); }
  bool on_token(const TokenEvent& event) override {
    if (event.id >= 0) tokens.push_back(event.id);
    text += event.text;
    return next_->on_token(event);
  }
  // Whatever the callback does, the one who waits is woken.
  void on_finished(const GenerationResult& result) override {
    try {
      next_->on_finished(result);
      done_.set_value(result);
    } catch (...) {
      done_.set_exception(std::current_exception());
    }
  }
  // Once. Throws what on_finished threw.
  GenerationResult wait() {
    const GenerationResult result = done_.get_future().get();
    reason = result.reason;
    return result;
  }

  std::vector<int32_t> tokens;
  std::string text;
  FinishReason reason = FinishReason::kError;

 private:
  std::shared_ptr<GenerationListener> next_;
  std::promise<GenerationResult> done_;
};

Result<std::shared_ptr<Recorder>> run(dunlin_session& session, GenerationRequest request,
                                      const dunlin_callbacks& callbacks, dunlin_result* result) {
  const auto recorder = std::make_shared<Recorder>(callbacks);
  DUNLIN_ASSIGN_OR_RETURN(const uint64_t id, session.engine->submit(std::move(request), recorder));
  if (session.running.started(id)) session.engine->cancel(id);
  const GenerationResult finished = recorder->wait();
  session.running.end();
  session.last_message = finished.status.message();
  if (result != nullptr) {
    dunlin_result full = to_c_result(finished);
    full.message = session.last_message.c_str();
    write_result(full, result);
  }
  if (finished.reason == FinishReason::kError) return finished.status;
  return recorder;
}

// What the model said. Printed control tokens are none of it: the template puts its own.
std::string text_said(const Tokenizer& tokenizer, const GenerationRequest& request, const Recorder& answer) {
  if (!request.print_control) return answer.text;
  Detokenizer detokenizer(tokenizer);
  detokenizer.follow(request.prompt);
  StopMatcher stops(request.stop);
  const size_t n_end_tokens = answer.reason == FinishReason::kStop ? 1 : 0;
  std::string text;
  for (size_t i = 0; i + n_end_tokens < answer.tokens.size(); ++i)
    text += stops.push(detokenizer.push(answer.tokens[i]));
  text += stops.push(detokenizer.flush());
  return text + stops.flush();
}

std::string messages_json(const dunlin_session& session) {
  using Json = nlohmann::ordered_json;
  Json messages = Json::array();
  for (const auto& m : session.messages) messages.push_back({{"role", m.role}, {"content", m.content}});
  return messages.dump(-1, ' ', false, Json::error_handler_t::replace);
}

}  // namespace

Status continue_text(dunlin_session& session, std::string_view text, bool parse_special,
                     GenerationRequest request, const dunlin_callbacks& callbacks, dunlin_result* result) {
  session.running.begin();
  const EncodeOptions options{session.tokens.empty(), parse_special, /*is_prompt=*/true};
  DUNLIN_ASSIGN_OR_RETURN(const auto ids, session.engine->model().tokenizer().encode(text, options));
  request.prompt = session.tokens;
  request.prompt.insert(request.prompt.end(), ids.begin(), ids.end());
  std::vector<int32_t> tokens = request.prompt;
  DUNLIN_ASSIGN_OR_RETURN(const auto recorder, run(session, std::move(request), callbacks, result));
  tokens.insert(tokens.end(), recorder->tokens.begin(), recorder->tokens.end());
  session.tokens = std::move(tokens);
  return Status::ok();
}

Status answer_chat(dunlin_session& session, std::string_view message, GenerationRequest request,
                   const dunlin_callbacks& callbacks, dunlin_result* result) {
  session.running.begin();
  session.messages.push_back({"user", std::string(message)});
  const Status status = [&]() -> Status {
    DUNLIN_ASSIGN_OR_RETURN(
        request.prompt, session.engine->model().apply_chat_template(
                            {.messages = messages_json(session), .variables = session.template_variables}));
    DUNLIN_ASSIGN_OR_RETURN(const auto recorder, run(session, request, callbacks, result));
    session.messages.push_back(
        {"assistant", text_said(session.engine->model().tokenizer(), request, *recorder)});
    return Status::ok();
  }();
  // A message that could not be answered is not part of the conversation.
  if (!status.is_ok()) session.messages.pop_back();
  return status;
}

}  // namespace dunlin
