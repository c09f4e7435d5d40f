#include "tests/support/engines.h"

#include <catch2/catch.hpp>
#include <cmath>
#include <fstream>
#include <iterator>
#include <numeric>

#include "tests/support/ahead_device.h"

namespace dunlin::testing {

std::shared_ptr<const Model> open_model(const std::string& path) {
  auto model = Model::open(path, {}, Log());
  INFO(path << ": " << (model.is_ok() ? "" : model.message()));
  REQUIRE(model.is_ok());
  return std::move(model).value();
}

Registry test_registry() {
  Registry registry = make_builtin_registry();
  registry.add(make_ahead_backend());
  return registry;
}

std::unique_ptr<Engine> open_engine(std::shared_ptr<const Model> model, const EngineOptions& options,
                                    const Log& log) {
  auto engine = Engine::create(std::move(model), test_registry(), options, log);
  INFO((engine.is_ok() ? "" : engine.message()));
  REQUIRE(engine.is_ok());
  return std::move(engine).value();
}

std::vector<std::string> device_ids() {
  std::vector<std::string> ids;
  for (const DeviceInfo& device : test_registry().enumerate()) ids.push_back(device.id);
  return ids;
}

std::vector<std::string> exact_device_ids() {
  std::vector<std::string> ids;
  for (const DeviceInfo& device : test_registry().enumerate())
    if (device.kind != DeviceKind::kGpu) ids.push_back(device.id);
  return ids;
}

bool Recorder::on_token(const TokenEvent& event) {
  if (event.id >= 0) outcome_.tokens.push_back(event.id);
  outcome_.text += event.text;
  return !on_each || on_each(int32_t(outcome_.tokens.size()));
}

void Recorder::on_finished(const GenerationResult& result) {
  outcome_.result = result;
  done_.set_value(std::move(outcome_));
}

GenerationRequest greedy_request(std::vector<int32_t> prompt, int32_t max_tokens) {
  GenerationRequest request;
  request.prompt = std::move(prompt);
  request.max_tokens = max_tokens;
  request.sampling.temperature = 0;
  request.ignore_eos = true;
  return request;
}

Outcome run(Engine& engine, GenerationRequest request) {
  const auto recorder = std::make_shared<Recorder>();
  const auto id = engine.submit(std::move(request), recorder);
  INFO((id.is_ok() ? "" : id.message()));
  REQUIRE(id.is_ok());
  return recorder->wait();
}

std::vector<float> last_logits(const Model& model, const std::string& device,
                               const std::vector<int32_t>& prompt, bool fuse) {
  ExecutorOptions options;
  options.device = device;
  options.n_ctx = options.n_rows = int32_t(prompt.size());
  options.fuse = fuse;
  auto executor = Executor::create(model.files(), test_registry(), options, Log(), {});
  INFO(device << ": " << (executor.is_ok() ? "" : executor.message()));
  REQUIRE(executor.is_ok());
  Executor& e = **executor;
  std::vector<int32_t> blocks(size_t(e.inputs().capacity().n_blocks_per_sequence));
  std::iota(blocks.begin(), blocks.end(), 0);
  REQUIRE(e.inputs().add_sequence(prompt, 0, blocks));
  REQUIRE(e.inputs().want_logits(int32_t(prompt.size()) - 1));
  REQUIRE(e.run().is_ok());
  return {e.logits().begin(), e.logits().end()};
}

double perplexity(Engine& engine, const std::vector<int32_t>& tokens, int32_t n_windows, int32_t window) {
  double sum = 0;
  int64_t n = 0;
  for (int32_t w = 0; w < n_windows; ++w) {
    REQUIRE(tokens.size() >= size_t(w + 1) * size_t(window));
    GenerationRequest request;
    request.prompt.assign(tokens.begin() + w * window, tokens.begin() + (w + 1) * window);
    request.score_from = window / 2 + 1;
    const Outcome outcome = run(engine, std::move(request));
    REQUIRE(outcome.result.status.is_ok());
    for (const float score : outcome.scores) sum -= double(score);
    n += int64_t(outcome.scores.size());
  }
  REQUIRE(n == int64_t(n_windows) * (window / 2 - 1));
  return std::exp(sum / double(n));
}

std::string read_text(const std::string& path) {
  std::ifstream in(path, std::ios::binary);
  REQUIRE(in.good());
  return {std::istreambuf_iterator<char>(in), std::istreambuf_iterator<char>()};
}

}  // namespace dunlin::testing
