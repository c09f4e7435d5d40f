#include "core/engine/sequence.h"

#include <algorithm>

#include "core/base/exception_status.h"
#include "platforms/clock.h"

namespace dunlin {
namespace {

constexpr size_t kPieceReserveBytes = 256;

int64_t now_in_us() {
  return monotonic_ns() / 1000;
}

}  // namespace

Sequence::Sequence(uint64_t id, GenerationRequest request, std::shared_ptr<GenerationListener> listener,
                   Sampler sampler, const Tokenizer& tokenizer, int32_t n_ctx)
    : id_(id),
      request_(std::move(request)),
      listener_(std::move(listener)),
      sampler_(std::move(sampler)),
      tokenizer_(tokenizer),
      detokenizer_(tokenizer, {request_.print_control}),
      stop_matcher_(request_.stop),
      n_ctx_(n_ctx),
      n_prompt_(int32_t(request_.prompt.size())),
      submitted_us_(now_in_us()) {
  tokens_.reserve(size_t(n_ctx));
  tokens_.assign(request_.prompt.begin(), request_.prompt.end());
  for (const int32_t token : tokens_) sampler_.accept(token);
  detokenizer_.follow(tokens_);
  piece_.reserve(kPieceReserveBytes);
  stats_.n_prompt = n_prompt_;
}

void Sequence::start(int32_t n_reused, int64_t now_us) {
  n_computed_ = n_reused;
  stats_.n_reused = n_reused;
  started_us_ = now_us;
  stats_.queue_us = now_us - submitted_us_;
}

void Sequence::advance(int32_t n_tokens, int64_t now_us) {
  const bool was_prefilling = !is_decoding();
  n_computed_ += n_tokens;
  if (!was_prefilling) return;
  listener_->on_prefill(n_computed_, n_prompt_);
  if (is_decoding()) {
    prefilled_us_ = now_us;
    stats_.prefill_us = now_us - started_us_;
  }
}

bool Sequence::score(std::span<const float> logits, int64_t n_vocab, int32_t first, int32_t n_rows) {
  for (int32_t r = 0; r < n_rows; ++r) {
    const int32_t target = first + r + 1;  // logits of position p tell about the token at p + 1
    if (target < request_.score_from || target >= n_prompt_) continue;
    const auto row = logits.subspan(size_t(r) * size_t(n_vocab), size_t(n_vocab));
    const Result<double> log_sum = log_sum_exp(row);
    if (!log_sum.is_ok()) {
      error_ = log_sum.status();
      return false;
    }
    listener_->on_score(target, logprob_of(row, *log_sum, tokens_[size_t(target)]));
  }
  return true;
}

std::optional<FinishReason> Sequence::reason_to_stop(int32_t token) const {
  if (!request_.ignore_eos && tokenizer_.is_end_of_generation(token)) return FinishReason::kStop;
  if (request_.max_tokens >= 0 && stats_.n_generated >= request_.max_tokens) return FinishReason::kLength;
  // The chosen token needs a place of its own only if another is to follow it.
  if (int32_t(tokens_.size()) >= n_ctx_) return FinishReason::kLength;
  return std::nullopt;
}

std::optional<FinishReason> Sequence::sample(std::span<float> logits, int64_t now_us) {
  if (request_.max_tokens == 0) return FinishReason::kLength;
  Result<SampledToken> sampled = sampler_.sample(logits, uint64_t(tokens_.size()));
  if (!sampled.is_ok()) {
    error_ = sampled.status();
    return FinishReason::kError;
  }
  return take(*sampled, now_us);
}

std::optional<FinishReason> Sequence::accept(int32_t token, int64_t now_us) {
  if (request_.max_tokens == 0) return FinishReason::kLength;
  if (token < 0) {
    error_ = Status::internal(kNonFiniteLogits,
                              ": the device found a NaN or +inf among the logits, or nothing above -inf");
    return FinishReason::kError;
  }
  return take({token, 0.0f}, now_us);
}

std::optional<FinishReason> Sequence::take(const SampledToken& token, int64_t now_us) {
  sampler_.accept(token.id);
  tokens_.push_back(token.id);
  ++stats_.n_generated;
  stats_.decode_us = now_us - prefilled_us_;
  const std::optional<FinishReason> reason = reason_to_stop(token.id);
  const bool goes_on = emit(token, reason == FinishReason::kStop);
  if (stop_matcher_.matched()) return FinishReason::kStopString;
  if (!goes_on) return FinishReason::kCancelled;
  return reason;
}

bool Sequence::emit(const SampledToken& token, bool is_end_token) {
  piece_.clear();
  if (!is_end_token || request_.print_control) detokenizer_.push(token.id, piece_);
  TokenEvent event{token.id, piece_, token.logprob, sampler_.top_logprobs()};
  if (request_.stop.empty()) return listener_->on_token(event);
  const std::string released = stop_matcher_.push(piece_);
  event.text = released;
  return listener_->on_token(event);
}

void Sequence::give_out_rest() {
  if (stop_matcher_.matched()) return;
  std::string rest = stop_matcher_.flush();
  std::string unfinished;
  detokenizer_.flush(unfinished);
  rest += request_.stop.empty() ? unfinished : stop_matcher_.push(unfinished);
  if (!rest.empty()) listener_->on_token({-1, rest, 0, {}});
}

void Sequence::finish(FinishReason reason, const Status& status, int64_t now_us) noexcept {
  if (started_us_ == 0) stats_.queue_us = now_us - submitted_us_;
  GenerationResult result{reason, {}, stats_};
  try {
    result.status = status;
    give_out_rest();
  } catch (...) {
    result.reason = FinishReason::kError;
    result.status = status_of_exception();
  }
  try {
    listener_->on_finished(result);
  } catch (...) {
  }
}

}  // namespace dunlin
