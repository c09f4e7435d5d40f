// The only definer of C symbols, and the boundary that no exception passes.
#include <cstdlib>
#include <cstring>

#include "backends/builtin.h"
#include "core/api/describe.h"
#include "core/api/handles.h"
#include "core/api/options.h"
#include "core/api/session.h"
#include "core/base/exception_status.h"

using namespace dunlin;

namespace {

std::string& last_error() {
  thread_local std::string text;
  return text;
}

dunlin_status fail(const Status& status) noexcept {
  try {
    last_error() = status.message();
  } catch (...) {
    last_error() = "out of memory";  // short enough to need none
  }
  return dunlin_status(status.code());
}

// Runs body, which returns a Status, and turns whatever happens into a dunlin_status.
template <typename Body>
dunlin_status guard(Body&& body) noexcept {
  try {
    const Status status = body();
    return status.is_ok() ? DUNLIN_OK : fail(status);
  } catch (...) {
    return fail(status_of_exception());
  }
}

Status check_not_null(const void* pointer, const char* name) {
  return pointer != nullptr ? Status::ok() : Status::invalid(name, " is NULL");
}

// A text of no bytes needs no place.
Status check_text(const char* text, size_t n_bytes, const char* name) {
  return n_bytes == 0 ? Status::ok() : check_not_null(text, name);
}

std::string_view text_or_empty(const char* text) {
  return text == nullptr ? std::string_view() : std::string_view(text);
}

Status give_text(const std::string& text, char** out, size_t* n_bytes = nullptr) {
  DUNLIN_RETURN_IF_ERROR(check_not_null(out, "text"));
  auto* copy = static_cast<char*>(std::malloc(text.size() + 1));
  if (copy == nullptr) return Status::exhausted("out of memory");
  std::memcpy(copy, text.c_str(), text.size() + 1);
  *out = copy;
  if (n_bytes != nullptr) *n_bytes = text.size();
  return Status::ok();
}

Status give_tokens(const Result<std::vector<int32_t>>& ids, int32_t* tokens, size_t* n_tokens) {
  if (!ids.is_ok()) return ids.status();
  DUNLIN_RETURN_IF_ERROR(check_not_null(n_tokens, "n_tokens"));
  const size_t room = tokens == nullptr ? 0 : *n_tokens;
  *n_tokens = ids->size();
  if (room < ids->size()) return Status::exhausted("room for ", room, " tokens, ", ids->size(), " needed");
  std::copy(ids->begin(), ids->end(), tokens);
  return Status::ok();
}

Status open_model(Result<std::shared_ptr<const Model>> model, dunlin_model** out) {
  if (!model.is_ok()) return model.status();
  *out = new dunlin_model{std::move(model).value()};
  return Status::ok();
}

Result<dunlin_callbacks> read_callbacks(const dunlin_callbacks* given) {
  const auto init = [](dunlin_callbacks* c) {
    *c = {sizeof(dunlin_callbacks), nullptr, nullptr, nullptr, nullptr, nullptr};
  };
  return read_options<dunlin_callbacks>(given, init, "dunlin_callbacks");
}

Status submit(Engine& engine, GenerationRequest request, const dunlin_callbacks* callbacks,
              uint64_t* request_id) {
  DUNLIN_ASSIGN_OR_RETURN(const dunlin_callbacks c, read_callbacks(callbacks));
  DUNLIN_ASSIGN_OR_RETURN(const uint64_t id, engine.submit(std::move(request), make_listener(c)));
  if (request_id != nullptr) *request_id = id;
  return Status::ok();
}

}  // namespace

extern "C" {

const char* dunlin_version(void) {
  return DUNLIN_VERSION_TEXT;
}

const char* dunlin_last_error(void) {
  return last_error().c_str();
}

const char* dunlin_status_name(dunlin_status status) {
  return status_code_name(StatusCode(status));
}

void dunlin_free_text(char* text) {
  std::free(text);
}

dunlin_status dunlin_devices_json(char** text) {
  return guard([&] { return give_text(describe_devices(make_builtin_registry()), text); });
}

dunlin_status dunlin_device_notes_json(char** text) {
  return guard([&] { return give_text(describe_device_notes(make_builtin_registry()), text); });
}

void dunlin_model_options_init(dunlin_model_options* options) {
  if (options == nullptr) return;
  *options = {sizeof(dunlin_model_options), 1, 0, nullptr, nullptr, 0};
}

dunlin_status dunlin_model_open(const char* path, const dunlin_model_options* options, dunlin_model** out) {
  return guard([&]() -> Status {
    DUNLIN_RETURN_IF_ERROR(check_not_null(path, "path"));
    DUNLIN_RETURN_IF_ERROR(check_not_null(out, "out"));
    DUNLIN_ASSIGN_OR_RETURN(const auto o,
                            read_options(options, dunlin_model_options_init, "dunlin_model_options"));
    return open_model(Model::open(path, model_file_options(o), make_log(o.log, o.log_user_data)), out);
  });
}

dunlin_status dunlin_model_open_memory(const void* bytes, size_t n_bytes, const char* name,
                                       const dunlin_model_options* options, dunlin_model** out) {
  return guard([&]() -> Status {
    DUNLIN_RETURN_IF_ERROR(check_not_null(bytes, "bytes"));
    DUNLIN_RETURN_IF_ERROR(check_not_null(name, "name"));
    DUNLIN_RETURN_IF_ERROR(check_not_null(out, "out"));
    DUNLIN_ASSIGN_OR_RETURN(const auto o,
                            read_options(options, dunlin_model_options_init, "dunlin_model_options"));
    const std::span<const uint8_t> span(static_cast<const uint8_t*>(bytes), n_bytes);
    return open_model(Model::open_bytes(span, name, model_file_options(o), make_log(o.log, o.log_user_data)),
                      out);
  });
}

void dunlin_model_free(dunlin_model* model) {
  delete model;
}

dunlin_status dunlin_model_describe_json(const dunlin_model* model, char** text) {
  return guard([&]() -> Status {
    DUNLIN_RETURN_IF_ERROR(check_not_null(model, "model"));
    return give_text(describe_model(*model->model), text);
  });
}

int32_t dunlin_model_n_vocab(const dunlin_model* model) {
  return model == nullptr ? 0 : int32_t(model->model->config().n_vocab);
}

int32_t dunlin_model_n_ctx_train(const dunlin_model* model) {
  return model == nullptr ? 0 : int32_t(model->model->config().n_ctx_train);
}

int32_t dunlin_model_has_chat_template(const dunlin_model* model) {
  return model != nullptr && model->model->has_chat_template();
}

dunlin_status dunlin_tokenize(const dunlin_model* model, const char* text, size_t n_bytes,
                              int32_t add_special, int32_t parse_special, int32_t* tokens, size_t* n_tokens) {
  return guard([&]() -> Status {
    DUNLIN_RETURN_IF_ERROR(check_not_null(model, "model"));
    DUNLIN_RETURN_IF_ERROR(check_text(text, n_bytes, "text"));
    const EncodeOptions options{add_special != 0, parse_special != 0};
    return give_tokens(model->model->tokenizer().encode({text, n_bytes}, options), tokens, n_tokens);
  });
}

dunlin_status dunlin_tokenize_chat(const dunlin_model* model, const char* messages_json,
                                   const char* tools_json, int32_t add_generation_prompt, int32_t* tokens,
                                   size_t* n_tokens) {
  return dunlin_tokenize_chat_with(model, messages_json, tools_json, nullptr, add_generation_prompt, tokens,
                                   n_tokens);
}

dunlin_status dunlin_tokenize_chat_with(const dunlin_model* model, const char* messages_json,
                                        const char* tools_json, const char* variables_json,
                                        int32_t add_generation_prompt, int32_t* tokens, size_t* n_tokens) {
  return guard([&]() -> Status {
    DUNLIN_RETURN_IF_ERROR(check_not_null(model, "model"));
    DUNLIN_RETURN_IF_ERROR(check_not_null(messages_json, "messages_json"));
    const ChatTexts chat{messages_json, text_or_empty(tools_json), text_or_empty(variables_json),
                         add_generation_prompt != 0};
    return give_tokens(model->model->apply_chat_template(chat), tokens, n_tokens);
  });
}

dunlin_status dunlin_detokenize(const dunlin_model* model, const int32_t* tokens, size_t n_tokens,
                                int32_t print_control, char** text, size_t* n_bytes) {
  return guard([&]() -> Status {
    DUNLIN_RETURN_IF_ERROR(check_not_null(model, "model"));
    if (n_tokens > 0) DUNLIN_RETURN_IF_ERROR(check_not_null(tokens, "tokens"));
    return give_text(model->model->tokenizer().decode({tokens, n_tokens}, print_control != 0), text, n_bytes);
  });
}

void dunlin_engine_options_init(dunlin_engine_options* options) {
  if (options == nullptr) return;
  *options = {sizeof(dunlin_engine_options),
              "auto",
              0,
              0,
              0,
              1,
              512,
              0,
              DUNLIN_KV_F16,
              1,
              nullptr,
              nullptr,
              nullptr,
              nullptr,
              0,
              nullptr,
              kAllThatFit,
              0};
}

dunlin_status dunlin_engine_create(const dunlin_model* model, const dunlin_engine_options* options,
                                   dunlin_engine** out) {
  return guard([&]() -> Status {
    DUNLIN_RETURN_IF_ERROR(check_not_null(model, "model"));
    DUNLIN_RETURN_IF_ERROR(check_not_null(out, "out"));
    DUNLIN_ASSIGN_OR_RETURN(const auto o,
                            read_options(options, dunlin_engine_options_init, "dunlin_engine_options"));
    DUNLIN_ASSIGN_OR_RETURN(const EngineOptions e, engine_options(o));
    DUNLIN_ASSIGN_OR_RETURN(auto engine, Engine::create(model->model, make_builtin_registry(), e,
                                                        make_log(o.log, o.log_user_data), load_progress(o)));
    *out = new dunlin_engine{std::move(engine)};
    return Status::ok();
  });
}

void dunlin_engine_free(dunlin_engine* engine) {
  delete engine;
}

dunlin_status dunlin_engine_describe_json(const dunlin_engine* engine, char** text) {
  return guard([&]() -> Status {
    DUNLIN_RETURN_IF_ERROR(check_not_null(engine, "engine"));
    return give_text(describe_engine(*engine->engine), text);
  });
}

dunlin_status dunlin_engine_plan_text(const dunlin_engine* engine, int32_t n_rows, char** text) {
  return guard([&]() -> Status {
    DUNLIN_RETURN_IF_ERROR(check_not_null(engine, "engine"));
    if (n_rows < 1 || n_rows > engine->engine->info().n_batch)
      return Status::invalid("n_rows is ", n_rows, ", expected 1..", engine->engine->info().n_batch);
    return give_text(engine->engine->describe_plan(n_rows), text);
  });
}

dunlin_status dunlin_engine_measure_roofline(dunlin_engine* engine, dunlin_roofline* out) {
  return guard([&]() -> Status {
    DUNLIN_RETURN_IF_ERROR(check_not_null(engine, "engine"));
    DUNLIN_RETURN_IF_ERROR(check_not_null(out, "out"));
    DUNLIN_RETURN_IF_ERROR(check_result(out, "dunlin_roofline"));
    DUNLIN_ASSIGN_OR_RETURN(const Device::Roofline r, engine->engine->measure_roofline());
    write_result({0, r.read_gb_s, r.int8_tops, r.upload_gb_s}, out);
    return Status::ok();
  });
}

void dunlin_profile_options_init(dunlin_profile_options* options) {
  if (options == nullptr) return;
  const ProfileOptions p;
  *options = {sizeof(dunlin_profile_options), p.n_rows, p.n_sequences, p.depth, p.n_repeats};
}

dunlin_status dunlin_engine_profile_json(dunlin_engine* engine, const dunlin_profile_options* options,
                                         char** text) {
  return guard([&]() -> Status {
    DUNLIN_RETURN_IF_ERROR(check_not_null(engine, "engine"));
    DUNLIN_ASSIGN_OR_RETURN(
        const auto o,
        read_options<dunlin_profile_options>(options, dunlin_profile_options_init, "dunlin_profile_options"));
    const ProfileOptions profile{o.n_rows, o.n_sequences, o.depth, o.n_repeats};
    DUNLIN_ASSIGN_OR_RETURN(const StepProfile result, engine->engine->profile(profile));
    return give_text(describe_profile(profile, result), text);
  });
}

void dunlin_generation_options_init(dunlin_generation_options* options) {
  if (options == nullptr) return;
  const SamplingParams p;
  *options = {};
  options->struct_size = sizeof(dunlin_generation_options);
  options->max_tokens = -1;
  options->temperature = p.temperature;
  options->top_k = p.top_k;
  options->top_p = p.top_p;
  options->min_p = p.min_p;
  options->typical_p = p.typical_p;
  options->repeat_penalty = p.repeat_penalty;
  options->repeat_last_n = p.repeat_last_n;
  options->reuse_prefix = 1;
}

dunlin_status dunlin_submit(dunlin_engine* engine, const int32_t* prompt, size_t n_prompt,
                            const dunlin_generation_options* options, const dunlin_callbacks* callbacks,
                            uint64_t* request_id) {
  return guard([&]() -> Status {
    DUNLIN_RETURN_IF_ERROR(check_not_null(engine, "engine"));
    DUNLIN_RETURN_IF_ERROR(check_not_null(prompt, "prompt"));
    DUNLIN_ASSIGN_OR_RETURN(
        const auto o, read_options(options, dunlin_generation_options_init, "dunlin_generation_options"));
    DUNLIN_ASSIGN_OR_RETURN(GenerationRequest request, generation_request(o));
    request.prompt.assign(prompt, prompt + n_prompt);
    return submit(*engine->engine, std::move(request), callbacks, request_id);
  });
}

void dunlin_cancel(dunlin_engine* engine, uint64_t request_id) {
  if (engine == nullptr) return;
  guard([&] {
    engine->engine->cancel(request_id);
    return Status::ok();
  });
}

dunlin_status dunlin_submit_score(dunlin_engine* engine, const int32_t* tokens, size_t n_tokens,
                                  int32_t first, const dunlin_callbacks* callbacks, uint64_t* request_id) {
  return guard([&]() -> Status {
    DUNLIN_RETURN_IF_ERROR(check_not_null(engine, "engine"));
    DUNLIN_RETURN_IF_ERROR(check_not_null(tokens, "tokens"));
    if (first < 1 || size_t(first) >= n_tokens)
      return Status::invalid("first is ", first, ", expected 1 to ", n_tokens > 0 ? n_tokens - 1 : 0,
                             ", the last token: the token at 0 has no context");
    GenerationRequest request;
    request.prompt.assign(tokens, tokens + n_tokens);
    request.score_from = first;
    return submit(*engine->engine, std::move(request), callbacks, request_id);
  });
}

dunlin_status dunlin_session_create(dunlin_engine* engine, dunlin_session** out) {
  return guard([&]() -> Status {
    DUNLIN_RETURN_IF_ERROR(check_not_null(engine, "engine"));
    DUNLIN_RETURN_IF_ERROR(check_not_null(out, "out"));
    *out = new dunlin_session;
    (*out)->engine = engine->engine.get();
    return Status::ok();
  });
}

void dunlin_session_free(dunlin_session* session) {
  delete session;
}

dunlin_status dunlin_session_generate(dunlin_session* session, const char* text, size_t n_bytes,
                                      int32_t parse_special, const dunlin_generation_options* options,
                                      const dunlin_callbacks* callbacks, dunlin_result* result) {
  return guard([&]() -> Status {
    DUNLIN_RETURN_IF_ERROR(check_not_null(session, "session"));
    DUNLIN_RETURN_IF_ERROR(check_text(text, n_bytes, "text"));
    if (result != nullptr) DUNLIN_RETURN_IF_ERROR(check_result(result, "dunlin_result"));
    DUNLIN_ASSIGN_OR_RETURN(
        const auto o, read_options(options, dunlin_generation_options_init, "dunlin_generation_options"));
    DUNLIN_ASSIGN_OR_RETURN(GenerationRequest request, generation_request(o));
    DUNLIN_ASSIGN_OR_RETURN(const dunlin_callbacks c, read_callbacks(callbacks));
    return continue_text(*session, {text, n_bytes}, parse_special != 0, std::move(request), c, result);
  });
}

dunlin_status dunlin_session_chat(dunlin_session* session, const char* message, size_t n_bytes,
                                  const dunlin_generation_options* options, const dunlin_callbacks* callbacks,
                                  dunlin_result* result) {
  return guard([&]() -> Status {
    DUNLIN_RETURN_IF_ERROR(check_not_null(session, "session"));
    DUNLIN_RETURN_IF_ERROR(check_text(message, n_bytes, "message"));
    if (result != nullptr) DUNLIN_RETURN_IF_ERROR(check_result(result, "dunlin_result"));
    DUNLIN_ASSIGN_OR_RETURN(
        const auto o, read_options(options, dunlin_generation_options_init, "dunlin_generation_options"));
    DUNLIN_ASSIGN_OR_RETURN(GenerationRequest request, generation_request(o));
    DUNLIN_ASSIGN_OR_RETURN(const dunlin_callbacks c, read_callbacks(callbacks));
    return answer_chat(*session, {message, n_bytes}, std::move(request), c, result);
  });
}

dunlin_status dunlin_session_set_system(dunlin_session* session, const char* text, size_t n_bytes) {
  return guard([&]() -> Status {
    DUNLIN_RETURN_IF_ERROR(check_not_null(session, "session"));
    DUNLIN_RETURN_IF_ERROR(check_text(text, n_bytes, "text"));
    if (!session->messages.empty())
      return Status::invalid("the system message comes before all others; reset first");
    session->messages.push_back({"system", std::string(std::string_view(text, n_bytes))});
    return Status::ok();
  });
}

dunlin_status dunlin_session_set_template_variables(dunlin_session* session, const char* variables_json) {
  return guard([&]() -> Status {
    DUNLIN_RETURN_IF_ERROR(check_not_null(session, "session"));
    session->template_variables = text_or_empty(variables_json);
    return Status::ok();
  });
}

void dunlin_session_cancel(dunlin_session* session) {
  if (session == nullptr) return;
  guard([&] {
    if (const uint64_t id = session->running.cancel(); id != 0) session->engine->cancel(id);
    return Status::ok();
  });
}

void dunlin_session_reset(dunlin_session* session) {
  if (session == nullptr) return;
  session->tokens.clear();
  session->messages.clear();
  session->template_variables.clear();
}

dunlin_status dunlin_verify_json(const dunlin_model* model, const char* device, const int32_t* tokens,
                                 size_t n_tokens, char** text) {
  return guard([&]() -> Status {
    DUNLIN_RETURN_IF_ERROR(check_not_null(model, "model"));
    DUNLIN_RETURN_IF_ERROR(check_not_null(device, "device"));
    DUNLIN_RETURN_IF_ERROR(check_not_null(tokens, "tokens"));
    const int32_t n_vocab = dunlin_model_n_vocab(model);
    for (size_t i = 0; i < n_tokens; ++i)
      if (tokens[i] < 0 || tokens[i] >= n_vocab)
        return Status::invalid("token ", i, " is ", tokens[i], ", expected 0..", n_vocab - 1);
    DUNLIN_ASSIGN_OR_RETURN(
        const VerifyReport report,
        verify_device(model->model->files(), make_builtin_registry(), device, {tokens, n_tokens}, Log()));
    return give_text(describe_verification(report), text);
  });
}

}  // extern "C"
