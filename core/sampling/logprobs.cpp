#include "core/sampling/logprobs.h"

#include <cmath>

#include "core/base/check.h"

namespace dunlin {

Result<double> log_sum_exp(std::span<const float> logits) {
  Candidate best;
  DUNLIN_ASSIGN_OR_RETURN(const size_t n, select_top(logits, {&best, 1}));
  if (n == 0) return Status::invalid("no token has a probability: all ", logits.size(), " logits are -inf");
  double sum = 0.0;
  for (const float logit : logits) sum += double(std::exp(logit - best.logit));
  return double(best.logit) + std::log(sum);
}

Result<size_t> top_logprobs(std::span<const float> logits, double log_sum, std::span<Candidate> scratch,
                            std::span<TokenLogprob> out) {
  DUNLIN_CHECK(scratch.size() >= out.size());
  DUNLIN_ASSIGN_OR_RETURN(const size_t n, select_top(logits, scratch.first(out.size())));
  for (size_t i = 0; i < n; ++i) out[i] = {scratch[i].id, logprob_of(logits, log_sum, scratch[i].id)};
  return n;
}

}  // namespace dunlin
