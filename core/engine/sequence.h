// Sequence: one live request inside the engine: its tokens, its KV blocks, its sampler and its stream of
// text. Owned by the engine's thread.
#pragma once

#include <algorithm>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "core/engine/request.h"
#include "core/engine/scheduler.h"
#include "core/sampling/sampler.h"
#include "core/text/detokenizer.h"
#include "core/text/stop_matcher.h"

namespace dunlin {

class Sequence {
 public:
  Sequence(uint64_t id, GenerationRequest request, std::shared_ptr<GenerationListener> listener,
           Sampler sampler, const Tokenizer& tokenizer, int32_t n_ctx);

  uint64_t id() const { return id_; }
  const GenerationRequest& request() const { return request_; }
  std::span<const int32_t> tokens() const { return tokens_; }
  // Tokens whose keys and values are in the cache.
  int32_t n_computed() const { return n_computed_; }
  int32_t n_pending() const { return int32_t(tokens_.size()) - n_computed_; }
  bool is_scoring() const { return request_.score_from >= 0; }
  bool is_decoding() const { return n_computed_ >= n_prompt_; }
  // Scoring: pending tokens whose logits nobody wants; the logits of a token tell about the next. Else -1.
  int32_t n_unscored() const {
    return is_scoring() ? std::max(0, request_.score_from - 1 - n_computed_) : -1;
  }
  SequenceView view() const { return {n_pending(), is_decoding(), n_unscored()}; }
  std::vector<int32_t>& blocks() { return blocks_; }

  void start(int32_t n_reused, int64_t now_us);
  // The step computed these many more tokens.
  void advance(int32_t n_tokens, int64_t now_us);
  // True if a device that chooses tokens may choose this sequence's.
  bool device_may_choose() const { return !is_scoring() && sampler_.device_may_choose(); }
  // How, for the token behind those known, or behind one more that the device is about to choose. Valid until
  // the next call.
  Sampler::DeviceChoice choice_for_device(bool behind_unknown) {
    return sampler_.choice_for_device(tokens_.size() + (behind_unknown ? 1 : 0), behind_unknown);
  }
  // True if nothing known now will make the next token the last.
  bool may_go_on_after_next() const {
    return (request_.max_tokens < 0 || stats_.n_generated + 1 < request_.max_tokens) &&
           int32_t(tokens_.size()) + 1 < n_ctx_ && !is_cancelled_;
  }
  // Takes the token that the device chose, -1 for logits that are not finite; otherwise as sample().
  std::optional<FinishReason> accept(int32_t token, int64_t now_us);
  // Chooses the next token from a row of logits and tells the listener. A reason, if this was the last.
  std::optional<FinishReason> sample(std::span<float> logits, int64_t now_us);
  // Scores prompt tokens from the logits of the rows of positions [first, first + n_rows).
  // False if they are not finite: error() says so.
  bool score(std::span<const float> logits, int64_t n_vocab, int32_t first, int32_t n_rows);

  void cancel() { is_cancelled_ = true; }
  bool is_cancelled() const { return is_cancelled_; }
  // Why sample(), accept() or score() failed, or what fail() was given.
  const Status& error() const { return error_; }
  void fail(Status why) { error_ = std::move(why); }
  // Gives out what text was held back and the result; the last call. If the listener throws because of the
  // text, that is the result; if it throws because of the result, it has heard it.
  void finish(FinishReason reason, const Status& status, int64_t now_us) noexcept;

 private:
  std::optional<FinishReason> take(const SampledToken& token, int64_t now_us);
  std::optional<FinishReason> reason_to_stop(int32_t token) const;
  bool emit(const SampledToken& token, bool is_end_token);
  void give_out_rest();

  uint64_t id_;
  GenerationRequest request_;
  std::shared_ptr<GenerationListener> listener_;
  Sampler sampler_;
  const Tokenizer& tokenizer_;
  Detokenizer detokenizer_;
  StopMatcher stop_matcher_;
  int32_t n_ctx_;
  int32_t n_prompt_;
  std::vector<int32_t> tokens_;  // prompt and generated; reserved for the whole context
  std::vector<int32_t> blocks_;
  int32_t n_computed_ = 0;
  bool is_cancelled_ = false;
  std::string piece_;  // reused from token to token
  Status error_;
  GenerationStats stats_;
  int64_t submitted_us_;
  int64_t started_us_ = 0;
  int64_t prefilled_us_ = 0;
};

}  // namespace dunlin
