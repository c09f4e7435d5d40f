#include "core/api/options.h"

#include <algorithm>

namespace dunlin {

Log make_log(dunlin_log_fn log, void* user_data) {
  if (log == nullptr) return Log();
  return Log([=](LogLevel level, std::string_view message) {
    log(user_data, int32_t(level), std::string(message).c_str());
  });
}

ModelFileOptions model_file_options(const dunlin_model_options& options) {
  return {options.preload != 0 || options.use_mmap == 0, options.check_tensors != 0};
}

namespace {

Result<KvType> kv_type_of(int32_t type) {
  switch (type) {
    case DUNLIN_KV_F16:
      return KvType::kF16;
    case DUNLIN_KV_Q8_0:
      return KvType::kQ8_0;
    case DUNLIN_KV_FP8:
      return KvType::kFp8;
    default:
      return Status::invalid("kv_type is ", type,
                             ", expected DUNLIN_KV_F16, DUNLIN_KV_Q8_0 or DUNLIN_KV_FP8");
  }
}

}  // namespace

Result<EngineOptions> engine_options(const dunlin_engine_options& o) {
  DUNLIN_ASSIGN_OR_RETURN(const KvType kv_type, kv_type_of(o.kv_type));
  if (o.n_threads < 0 || o.n_threads_prefill < 0)
    return Status::invalid("n_threads is ", std::min(o.n_threads, o.n_threads_prefill),
                           ", expected 0 or more");
  EngineOptions e;
  e.device = o.device == nullptr ? "auto" : o.device;
  e.n_gpu_layers = o.n_gpu_layers;
  e.require_gpu = o.require_gpu != 0;
  e.n_threads = o.n_threads;
  e.n_threads_prefill = o.n_threads_prefill;
  e.n_ctx = o.n_ctx;
  e.n_sequences = o.n_sequences;
  e.n_batch = o.n_batch;
  e.n_logit_rows = o.n_logit_rows;
  e.kv_type = kv_type;
  e.fuse = o.fuse != 0;
  e.pack_cache = o.pack_cache != 0;
  e.pack_cache_folder = o.pack_cache_folder == nullptr ? "" : o.pack_cache_folder;
  return e;
}

LoadProgress load_progress(const dunlin_engine_options& o) {
  if (o.progress == nullptr) return {};
  return [progress = o.progress, user_data = o.progress_user_data](uint64_t done, uint64_t total) {
    return progress(user_data, done, total) != 0;
  };
}

Result<GenerationRequest> generation_request(const dunlin_generation_options& o) {
  if ((o.n_logit_bias > 0 && o.logit_bias == nullptr) || (o.n_stop > 0 && o.stop == nullptr))
    return Status::invalid("logit_bias or stop is NULL although its count is not 0");
  GenerationRequest r;
  r.max_tokens = o.max_tokens;
  r.sampling.temperature = o.temperature;
  r.sampling.top_k = o.top_k;
  r.sampling.top_p = o.top_p;
  r.sampling.min_p = o.min_p;
  r.sampling.typical_p = o.typical_p;
  r.sampling.repeat_penalty = o.repeat_penalty;
  r.sampling.repeat_last_n = o.repeat_last_n;
  r.sampling.presence_penalty = o.presence_penalty;
  r.sampling.frequency_penalty = o.frequency_penalty;
  r.sampling.seed = o.seed;
  r.sampling.logprobs = o.logprobs != 0;
  r.sampling.n_probs = o.n_top_logprobs;
  for (size_t i = 0; i < o.n_logit_bias; ++i)
    r.sampling.logit_bias.push_back({o.logit_bias[i].token, o.logit_bias[i].bias});
  for (size_t i = 0; i < o.n_stop; ++i) {
    if (o.stop[i] == nullptr || o.stop[i][0] == '\0') return Status::invalid("stop string ", i, " is empty");
    r.stop.emplace_back(o.stop[i]);
  }
  r.ignore_eos = o.ignore_eos != 0;
  r.reuse_prefix = o.reuse_prefix != 0;
  r.print_control = o.print_control != 0;
  return r;
}

namespace {

class CallbackListener final : public GenerationListener {
 public:
  explicit CallbackListener(const dunlin_callbacks& callbacks) : c_(callbacks) {}

  void on_prefill(int32_t n_done, int32_t n_total) override {
    if (c_.on_prefill != nullptr) c_.on_prefill(c_.user_data, n_done, n_total);
  }
  void on_score(int32_t position, float logprob) override {
    if (c_.on_score != nullptr) c_.on_score(c_.user_data, position, logprob);
  }
  bool on_token(const TokenEvent& event) override {
    if (c_.on_token == nullptr) return true;
    static_assert(sizeof(dunlin_token_logprob) == sizeof(TokenLogprob));
    const dunlin_token token{event.id,
                             event.text.data(),
                             event.text.size(),
                             event.logprob,
                             reinterpret_cast<const dunlin_token_logprob*>(event.top_logprobs.data()),
                             event.top_logprobs.size()};
    return c_.on_token(c_.user_data, &token) != 0;
  }
  void on_finished(const GenerationResult& result) override {
    if (c_.on_finished == nullptr) return;
    const dunlin_result r = to_c_result(result);
    c_.on_finished(c_.user_data, &r);
  }

 private:
  dunlin_callbacks c_;
};

int32_t to_c_finish(FinishReason reason) {
  switch (reason) {
    case FinishReason::kStop:
      return DUNLIN_FINISH_STOP;
    case FinishReason::kStopString:
      return DUNLIN_FINISH_STOP_STRING;
    case FinishReason::kLength:
      return DUNLIN_FINISH_LENGTH;
    case FinishReason::kCancelled:
      return DUNLIN_FINISH_CANCELLED;
    case FinishReason::kError:
      return DUNLIN_FINISH_ERROR;
  }
  return DUNLIN_FINISH_ERROR;
}

}  // namespace

std::shared_ptr<GenerationListener> make_listener(const dunlin_callbacks& callbacks) {
  return std::make_shared<CallbackListener>(callbacks);
}

dunlin_result to_c_result(const GenerationResult& result) {
  const GenerationStats& s = result.stats;
  return {sizeof(dunlin_result),
          to_c_finish(result.reason),
          dunlin_status(result.status.code()),
          result.status.message().c_str(),
          s.n_prompt,
          s.n_reused,
          s.n_generated,
          s.queue_us,
          s.prefill_us,
          s.decode_us};
}

}  // namespace dunlin
