// What is asked of an engine, and what it answers.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "core/base/status.h"
#include "core/sampling/logprobs.h"
#include "core/sampling/sampling_params.h"

namespace dunlin {

enum class FinishReason : uint8_t { kStop, kStopString, kLength, kCancelled, kError };

struct GenerationRequest {
  std::vector<int32_t> prompt;
  SamplingParams sampling;
  int32_t max_tokens = -1;        // -1: to the end of the context; 0: prefill only
  std::vector<std::string> stop;  // on text, across token borders; the text from the stop on is not given out
  bool ignore_eos = false;
  bool reuse_prefix = true;    // take known keys and values of an equal prefix, and leave them for others
  bool print_control = false;  // control tokens come out as they are spelled
  // Scoring instead of generation: the log-probability of each prompt token from this position on, given
  // those before it: 1 to the last. -1: off. With scoring, max_tokens is 0 and nothing is reused.
  int32_t score_from = -1;
};

struct TokenEvent {
  int32_t id = -1;
  std::string_view text;  // what became printable; may be empty; valid during the call
  float logprob = 0;      // with SamplingParams::logprobs
  std::span<const TokenLogprob> top_logprobs;
};

struct GenerationStats {
  int32_t n_prompt = 0;
  int32_t n_reused = 0;     // prompt tokens whose keys and values were known
  int32_t n_generated = 0;  // the end token included
  int64_t queue_us = 0;     // submitted -> first step
  int64_t prefill_us = 0;   // first step -> logits of the last prompt token
  int64_t decode_us = 0;    // from there to the last token
};

struct GenerationResult {
  FinishReason reason = FinishReason::kError;
  Status status;  // why, with kError
  GenerationStats stats;
};

// Told about one request, on the engine's thread, never under a lock. on_finished is the last call and always
// comes, once. A listener must not wait for the engine. What it throws ends its request with kError; from
// on_finished it is dropped.
class GenerationListener {
 public:
  virtual ~GenerationListener() = default;
  virtual void on_prefill(int32_t n_done, int32_t n_total) { (void)n_done, (void)n_total; }
  virtual void on_score(int32_t position, float logprob) { (void)position, (void)logprob; }
  // False ends the generation as if it had been cancelled.
  virtual bool on_token(const TokenEvent& event) = 0;
  virtual void on_finished(const GenerationResult& result) = 0;
};

}  // namespace dunlin
