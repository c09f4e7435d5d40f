// Opening models and engines in tests, and running requests to their end.
#pragma once

#include <future>
#include <memory>
#include <string>
#include <vector>

#include "backends/builtin.h"
#include "core/engine/engine.h"

namespace dunlin::testing {

inline constexpr const char* kFairyGguf = "tests/data/models/fairy-4m-q4_k_m.gguf";
inline constexpr const char* kFairyDirectory = "tests/data/models/fairy-4m";

// All fail the test on an error.
std::shared_ptr<const Model> open_model(const std::string& path);
std::unique_ptr<Engine> open_engine(std::shared_ptr<const Model> model, const EngineOptions& options = {},
                                    const Log& log = Log());

// The backends of this build and support/ahead_device.h.
Registry test_registry();

// The ids of the devices of that registry: "cpu:avx512vnni", ..., "reference", "ahead".
std::vector<std::string> device_ids();
// Those on which a row's result does not depend on the rest of its step, so that texts are equal however they
// are batched: docs/numerics.md excepts GPUs. Best first.
std::vector<std::string> exact_device_ids();

// What came of a request.
struct Outcome {
  std::vector<int32_t> tokens;
  std::string text;
  std::vector<float> scores;  // by position from score_from on
  GenerationResult result;
};

class Recorder final : public GenerationListener {
 public:
  void on_score(int32_t, float logprob) override { outcome_.scores.push_back(logprob); }
  bool on_token(const TokenEvent& event) override;
  void on_finished(const GenerationResult& result) override;
  // Called on the engine's thread for every token; false ends the generation.
  std::function<bool(int32_t n_tokens)> on_each;
  Outcome wait() { return done_.get_future().get(); }

 private:
  Outcome outcome_;
  std::promise<Outcome> done_;
};

GenerationRequest greedy_request(std::vector<int32_t> prompt, int32_t max_tokens);
Outcome run(Engine& engine, GenerationRequest request);

// Logits of the last row of a prompt on an executor of its own.
std::vector<float> last_logits(const Model& model, const std::string& device,
                               const std::vector<int32_t>& prompt, bool fuse = true);

// Perplexity of the first windows of a text, llama.cpp's convention.
double perplexity(Engine& engine, const std::vector<int32_t>& tokens, int32_t n_windows,
                  int32_t window = 512);

std::string read_text(const std::string& path);

}  // namespace dunlin::testing
