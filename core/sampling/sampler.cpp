#include "core/sampling/sampler.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "core/sampling/filters.h"
#include "core/sampling/philox.h"

namespace dunlin {
namespace {

bool has_penalties(const SamplingParams& params) {
  return params.repeat_penalty != 1.0f || params.presence_penalty != 0.0f || params.frequency_penalty != 0.0f;
}

bool is_greedy(const SamplingParams& params) {
  return params.temperature == 0.0f;
}

// The candidates that the first stage leaves at most. Greedy is a top-k of one.
size_t candidate_capacity(const SamplingParams& params, const SamplerSizes& sizes) {
  if (is_greedy(params)) return 1;
  return size_t(params.top_k > 0 ? std::min(params.top_k, sizes.n_valid) : sizes.n_valid);
}

}  // namespace

Result<Sampler> Sampler::create(const SamplingParams& params, const SamplerSizes& sizes) {
  DUNLIN_CHECK(sizes.n_valid >= 1 && sizes.n_valid <= sizes.n_vocab && sizes.n_ctx >= 1);
  // The default window may be longer than a small context: it then looks back at all of it.
  SamplingParams fitting = params;
  fitting.repeat_last_n = std::min(params.repeat_last_n, sizes.n_ctx);
  DUNLIN_RETURN_IF_ERROR(validate(fitting, sizes.n_vocab, sizes.n_ctx));
  return Sampler(fitting, sizes);
}

Sampler::Sampler(const SamplingParams& params, const SamplerSizes& sizes)
    : params_(params),
      sizes_(sizes),
      penalties_(sizes.n_vocab, has_penalties(params) ? params.repeat_last_n : 0) {
  const size_t n_top = size_t(params.logprobs ? std::min(params.n_probs, sizes.n_valid) : 0);
  top_logprobs_.resize(n_top);
  candidates_.resize(std::max(candidate_capacity(params, sizes), n_top));
  if (params.logprobs) raw_logits_.resize(size_t(sizes.n_valid));
  if (device_may_choose()) window_counts_.resize(size_t(kMaxWindowTokens));
}

Result<SampledToken> Sampler::sample(std::span<float> logits, uint64_t position) {
  DUNLIN_CHECK(logits.size() == size_t(sizes_.n_vocab));
  const std::span<float> row = logits.first(size_t(sizes_.n_valid));
  double log_sum = 0.0;
  if (params_.logprobs) DUNLIN_RETURN_IF_ERROR(record_logprobs(row, log_sum));
  apply_bias(row);
  penalties_.apply(row, params_.repeat_penalty, params_.presence_penalty, params_.frequency_penalty);

  DUNLIN_ASSIGN_OR_RETURN(const std::span<Candidate> candidates, select_candidates(row));
  SampledToken chosen{candidates[filter_and_draw(candidates, position)].id, 0.0f};
  if (params_.logprobs) chosen.logprob = logprob_of(raw_logits_, log_sum, chosen.id);
  return chosen;
}

bool Sampler::device_may_choose() const {
  const int32_t longest = params_.repeat_last_n < 0 ? sizes_.n_ctx : params_.repeat_last_n;
  if (has_penalties(params_) && longest > kMaxWindowTokens) return false;
  return params_.logit_bias.empty() && !params_.logprobs && (is_greedy(params_) || params_.typical_p >= 1.0f);
}

Sampler::DeviceChoice Sampler::choice_for_device(uint64_t position, bool behind_unknown) {
  DeviceChoice out;
  TokenChoice& c = out.choice;
  if (!is_greedy(params_)) {
    c.temperature = params_.temperature;
    c.top_k = params_.top_k < sizes_.n_valid ? params_.top_k : 0;
    c.top_p = params_.top_p;
    if (params_.min_p > 0.0f) c.log_min_p = std::log(params_.min_p);
    c.uniform = uniform_draw(params_.seed, position);
  }
  if (!has_penalties(params_)) return out;
  c.repeat_penalty = params_.repeat_penalty;
  c.presence_penalty = params_.presence_penalty;
  c.frequency_penalty = params_.frequency_penalty;
  c.counts_own_token = behind_unknown && penalties_.counts_tokens();
  out.window = penalties_.counts();
  if (c.counts_own_token)
    out.window = std::span(window_counts_).first(penalties_.counts_before_next(window_counts_));
  return out;
}

Status Sampler::record_logprobs(std::span<const float> row, double& log_sum) {
  n_top_logprobs_ = 0;
  std::copy(row.begin(), row.end(), raw_logits_.begin());
  DUNLIN_ASSIGN_OR_RETURN(log_sum, log_sum_exp(row));
  DUNLIN_ASSIGN_OR_RETURN(n_top_logprobs_, dunlin::top_logprobs(row, log_sum, candidates_, top_logprobs_));
  return Status::ok();
}

void Sampler::apply_bias(std::span<float> row) const {
  for (const LogitBias& b : params_.logit_bias) {
    if (size_t(b.id) >= row.size()) continue;
    row[size_t(b.id)] += b.bias <= kBanBias ? -std::numeric_limits<float>::infinity() : b.bias;
  }
}

Result<std::span<Candidate>> Sampler::select_candidates(std::span<const float> row) {
  const std::span<Candidate> out = std::span(candidates_).first(candidate_capacity(params_, sizes_));
  // Whatever wants every token needs no heap: the filters sort as far as they must.
  DUNLIN_ASSIGN_OR_RETURN(const size_t n,
                          out.size() < row.size() ? select_top(row, out) : collect_all(row, out));
  if (n == 0) {
    return Status::invalid(
        "no token is left to choose from: logit_bias or a mask bans all of them; ban fewer");
  }
  return out.first(n);
}

size_t Sampler::filter_and_draw(std::span<Candidate> candidates, uint64_t position) const {
  if (is_greedy(params_)) return 0;
  size_t n = candidates.size();
  if (params_.typical_p < 1.0f) n = keep_typical(candidates.first(n), params_.typical_p);
  if (params_.top_p < 1.0f) n = keep_top_p(candidates.first(n), params_.top_p);
  if (params_.min_p > 0.0f) n = keep_min_p(candidates.first(n), params_.min_p);
  return draw(candidates.first(n), params_.temperature, uniform_draw(params_.seed, position));
}

}  // namespace dunlin
