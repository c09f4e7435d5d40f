#include "core/sampling/sampling_params.h"

namespace dunlin {
namespace {

// Also refuses NaN.
template <typename T>
Status check_range(const char* name, T value, T lowest, T highest) {
  if (value >= lowest && value <= highest) return Status::ok();
  return Status::invalid(name, " is ", value, ", must be in ", lowest, "..", highest);
}

Status check_logit_bias(const std::vector<LogitBias>& biases, int32_t n_vocab) {
  if (biases.size() > size_t(kMaxLogitBiases)) {
    return Status::invalid("logit_bias has ", biases.size(), " entries, at most ", kMaxLogitBiases,
                           " are allowed");
  }
  for (const LogitBias& b : biases) {
    DUNLIN_RETURN_IF_ERROR(check_range("a token id in logit_bias", b.id, 0, n_vocab - 1));
    DUNLIN_RETURN_IF_ERROR(check_range("a bias in logit_bias", b.bias, -100.0f, 100.0f));
  }
  return Status::ok();
}

}  // namespace

Status validate(const SamplingParams& params, int32_t n_vocab, int32_t n_ctx) {
  DUNLIN_RETURN_IF_ERROR(check_range("temperature", params.temperature, 0.0f, 10.0f));
  DUNLIN_RETURN_IF_ERROR(check_range("top_k", params.top_k, 0, n_vocab));
  DUNLIN_RETURN_IF_ERROR(check_range("top_p", params.top_p, 0.0f, 1.0f));
  DUNLIN_RETURN_IF_ERROR(check_range("min_p", params.min_p, 0.0f, 1.0f));
  DUNLIN_RETURN_IF_ERROR(check_range("typical_p", params.typical_p, 0.0f, 1.0f));
  DUNLIN_RETURN_IF_ERROR(check_range("repeat_penalty", params.repeat_penalty, 0.1f, 10.0f));
  DUNLIN_RETURN_IF_ERROR(check_range("repeat_last_n", params.repeat_last_n, -1, n_ctx));
  DUNLIN_RETURN_IF_ERROR(check_range("presence_penalty", params.presence_penalty, -2.0f, 2.0f));
  DUNLIN_RETURN_IF_ERROR(check_range("frequency_penalty", params.frequency_penalty, -2.0f, 2.0f));
  DUNLIN_RETURN_IF_ERROR(check_range("n_probs", params.n_probs, 0, kMaxTopLogprobs));
  return check_logit_bias(params.logit_bias, n_vocab);
}

}  // namespace dunlin
