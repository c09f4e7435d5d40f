// A model in parts on several devices: what it computes, what went where, and what happens without memory.
#include <catch2/catch.hpp>
#include <cmath>
#include <numeric>

#include "backends/cpu/device.h"
#include "tests/support/engines.h"
#include "tests/support/fake_gpu.h"

using namespace dunlin;
using namespace dunlin::testing;

namespace {

constexpr int32_t kLayers = 4;  // of fairy-4m
// docs/numerics.md: dense weights on every device.
constexpr double kDenseTolerance = 1e-3;

std::vector<int32_t> tale(const Model& model, size_t n_bytes) {
  auto ids = model.tokenizer().encode(read_text("tests/data/text/tales-valid.txt").substr(0, n_bytes));
  REQUIRE(ids.is_ok());
  return std::move(ids).value();
}

using Parts = std::vector<PartRequest>;

Parts whole_on(const std::string& device) {
  return {{device, kLayers}};
}

// Front and back at every border, the embedding alone and the head alone included, and three parts.
std::vector<Parts> all_splits(const std::string& front, const std::string& back) {
  std::vector<Parts> splits;
  for (int32_t cut = 0; cut <= kLayers; ++cut) splits.push_back({{front, cut}, {back, kLayers - cut}});
  splits.push_back({{front, 1}, {back, 2}, {front, 1}});
  return splits;
}

std::string name_of(const Parts& parts) {
  std::string name;
  for (const PartRequest& part : parts) name += str_cat(part.device, ":", part.n_layer, " ");
  return name;
}

// Logits of a prompt's last row, taken in chunks of n_chunk rows, and of n_more single rows behind it.
std::vector<float> logits_of(const Model& model, const Parts& parts, const std::vector<int32_t>& tokens,
                             int32_t n_chunk, int32_t n_more) {
  ExecutorOptions options;
  options.parts = parts;
  options.n_ctx = int32_t(tokens.size());
  options.n_rows = n_chunk;
  auto created = Executor::create(model.files(), test_registry(), options, Log(), {});
  INFO(name_of(parts) << (created.is_ok() ? "" : created.message()));
  REQUIRE(created.is_ok());
  Executor& e = **created;
  // Backwards, so that a block's number is not its place.
  std::vector<int32_t> blocks(size_t(e.inputs().capacity().n_blocks_per_sequence));
  std::iota(blocks.rbegin(), blocks.rend(), 0);
  std::vector<float> logits;
  const auto n_prompt = int32_t(tokens.size()) - n_more;
  for (int32_t at = 0, n = 0; at < int32_t(tokens.size()); at += n) {
    n = at < n_prompt ? std::min(n_chunk, n_prompt - at) : 1;
    e.inputs().clear();
    REQUIRE(e.inputs().add_sequence(std::span(tokens).subspan(size_t(at), size_t(n)), at, blocks));
    if (at + n >= n_prompt) REQUIRE(e.inputs().want_logits(n - 1));
    REQUIRE(e.run().is_ok());
    logits.insert(logits.end(), e.logits().begin(), e.logits().end());
  }
  REQUIRE(logits.size() == size_t(n_more + 1) * size_t(e.n_vocab()));
  return logits;
}

double relative_l2(const std::vector<float>& actual, const std::vector<float>& expected) {
  REQUIRE(actual.size() == expected.size());
  double difference = 0, energy = 0;
  for (size_t i = 0; i < expected.size(); ++i) {
    difference += std::pow(double(actual[i]) - double(expected[i]), 2);
    energy += std::pow(double(expected[i]), 2);
  }
  return std::sqrt(difference / energy);
}

// Pairs of different devices of this machine. GPUs are always among them where there are any.
std::vector<std::pair<std::string, std::string>> device_pairs() {
  std::vector<std::string> cpus, gpus;
  for (const DeviceInfo& info : make_builtin_registry().enumerate()) {
    if (info.kind == DeviceKind::kCpu) cpus.push_back(info.id);
    if (info.kind == DeviceKind::kGpu) gpus.push_back(info.id);
  }
  std::vector<std::pair<std::string, std::string>> pairs{{"reference", "cpu:generic"}};
  for (size_t i = 1; i < cpus.size(); ++i) pairs.emplace_back(cpus[i - 1], cpus[i]);
  for (const std::string& gpu : gpus) pairs.insert(pairs.end(), {{cpus[0], gpu}, {gpu, cpus[0]}});
  for (size_t i = 1; i < gpus.size(); ++i) pairs.emplace_back(gpus[i - 1], gpus[i]);
  if (gpus.empty()) WARN("no GPU here: splits between GPU and CPU are not tested");
  return pairs;
}

EngineOptions options_for(const Parts& parts, int32_t n_sequences = 1, int32_t n_batch = 512) {
  EngineOptions options;
  options.parts = parts;
  options.n_ctx = 512;
  options.n_sequences = n_sequences;
  options.n_batch = n_batch;
  return options;
}

std::vector<std::vector<int32_t>> run_batch(Engine& engine, const std::vector<std::vector<int32_t>>& prompts,
                                            int32_t max_tokens) {
  std::vector<std::shared_ptr<Recorder>> recorders;
  for (const auto& prompt : prompts) {
    recorders.push_back(std::make_shared<Recorder>());
    REQUIRE(engine.submit(greedy_request(prompt, max_tokens), recorders.back()).is_ok());
  }
  std::vector<std::vector<int32_t>> tokens;
  for (const auto& recorder : recorders) tokens.push_back(recorder->wait().tokens);
  return tokens;
}

// A small context and step, so that weights are what a card must hold.
EngineOptions small_options() {
  EngineOptions options;
  options.n_ctx = 256;
  options.n_batch = 32;
  options.n_threads = 2;  // each has a workspace, and the card of the tests is small
  return options;
}

// The CPU and that card: GPUs that are really there would be chosen before or after it.
Registry registry_with(FakeGpu& card) {
  Registry registry;
  registry.add(cpu::make_backend());
  registry.add(make_fake_gpu_backend(card));
  return registry;
}

constexpr uint64_t kPlenty = 1'000'000'000;

}  // namespace

TEST_CASE("parts on one kind of device compute what the whole does, bit for bit, at every cut") {
  for (const char* path : {kFairyGguf, kFairyDirectory}) {
    const auto model = open_model(path);
    const std::vector<int32_t> tokens = tale(*model, 700);
    REQUIRE(tokens.size() > 140);  // more than one block
    const std::vector<float> expected = logits_of(*model, whole_on("cpu"), tokens, 50, 5);
    for (const Parts& parts : all_splits("cpu", "cpu")) {
      INFO(path << " " << name_of(parts));
      CHECK(logits_of(*model, parts, tokens, 50, 5) == expected);
    }
  }
}

TEST_CASE("parts on two devices agree with the whole at every cut") {
  const auto model = open_model(kFairyDirectory);
  std::vector<int32_t> tokens = tale(*model, 700);
  tokens.resize(150);
  const std::vector<float> expected = logits_of(*model, whole_on("cpu"), tokens, 60, 3);
  for (const auto& [front, back] : device_pairs()) {
    for (const Parts& parts : all_splits(front, back)) {
      INFO(name_of(parts));
      CHECK(relative_l2(logits_of(*model, parts, tokens, 60, 3), expected) < kDenseTolerance);
    }
  }
}

TEST_CASE("parts on two devices give the whole's greedy text") {
  const auto model = open_model(kFairyDirectory);
  const std::vector<int32_t> prompt = tale(*model, 60);
  const auto expected =
      run(*open_engine(model, options_for(whole_on("cpu"))), greedy_request(prompt, 24)).tokens;
  REQUIRE(expected.size() == 24);
  for (const auto& [front, back] : device_pairs()) {
    for (const Parts& parts : all_splits(front, back)) {
      INFO(name_of(parts));
      CHECK(run(*open_engine(model, options_for(parts)), greedy_request(prompt, 24)).tokens == expected);
    }
  }
}

TEST_CASE("quantized weights in parts on every pair of devices give the whole's perplexity") {
  const auto model = open_model(kFairyGguf);
  const std::vector<int32_t> tokens = tale(*model, 6000);
  EngineOptions options = options_for(whole_on("cpu"));
  options.n_logit_rows = 256;
  const double expected = perplexity(*open_engine(model, options), tokens, 1);
  for (const auto& [front, back] : device_pairs()) {
    options.parts = {{front, 2}, {back, 2}};
    INFO(name_of(options.parts));
    CHECK(perplexity(*open_engine(model, options), tokens, 1) == Approx(expected).epsilon(0.01));
  }
}

TEST_CASE("a split model serves batches, chunks and reused prefixes as a whole one does") {
  const auto model = open_model(kFairyGguf);
  const std::vector<int32_t> text = tale(*model, 2500);
  std::vector<std::vector<int32_t>> prompts;
  for (size_t i = 0; i < 4; ++i)
    prompts.emplace_back(text.begin() + int64_t(40 * i), text.begin() + int64_t(40 * i) + 140 + int64_t(i));
  const auto whole = open_engine(model, options_for(whole_on("cpu"), 3, 96));
  const auto expected = run_batch(*whole, prompts, 24);
  for (const Parts& parts : all_splits("cpu", "cpu")) {
    INFO(name_of(parts));
    const auto split = open_engine(model, options_for(parts, 3, 96));
    CHECK(run_batch(*split, prompts, 24) == expected);
    // Known by now: continued from blocks that every part must have copied.
    for (size_t i = 0; i < prompts.size(); ++i) {
      const Outcome again = run(*split, greedy_request(prompts[i], 24));
      CHECK(again.tokens == expected[i]);
    }
    std::vector<int32_t> shorter(prompts[3].begin(), prompts[3].end() - 9);
    const Outcome reused = run(*split, greedy_request(shorter, 24));
    CHECK(reused.result.stats.n_reused > 0);
    CHECK(reused.tokens == run(*whole, greedy_request(shorter, 24)).tokens);
  }
}

TEST_CASE("a plan's figures hold on every device: weights and cache exactly, the workspace at most") {
  const auto model = open_model(kFairyGguf);
  for (const std::string& device : device_ids()) {
    if (device == "reference") continue;  // keeps every value of a step apart, for people to look at
    for (const auto& [n_ctx, n_rows, n_sequences] : {std::tuple{256, 32, 1}, {8192, 512, 2}, {2048, 8, 8}}) {
      ExecutorOptions options;
      options.parts = {{device, 1}, {device, 3}};
      options.n_ctx = n_ctx, options.n_rows = n_rows, options.n_sequences = n_sequences;
      options.n_logit_rows = n_sequences;
      const auto executor = Executor::create(model->files(), test_registry(), options, Log(), {});
      INFO(device << (executor.is_ok() ? "" : executor.message()));
      REQUIRE(executor.is_ok());
      for (size_t i = 0; i < 2; ++i) {
        const MemoryNeed& need = (*executor)->placement().parts[i].need;
        const ModelPart& part = *(*executor)->parts()[i];
        CHECK(need.weight_bytes == part.weights().bytes());
        CHECK(need.kv_bytes == part.kv_bytes());
        CHECK(need.workspace_bytes >= part.workspace_bytes());
      }
    }
  }
}

TEST_CASE("a card gets as many layers as it holds, and the text stays the same") {
  const auto model = open_model(kFairyGguf);
  // Over borders of the CPU's blocks and of the card's, which are larger; then from a copied block.
  std::vector<int32_t> prompt = tale(*model, 1500), shorter;
  prompt.resize(290);
  shorter.assign(prompt.begin(), prompt.end() - 90);
  EngineOptions options = small_options();
  options.n_ctx = 512;
  options.device = "cpu";
  const auto whole = open_engine(model, options);
  const auto expected = run(*whole, greedy_request(prompt, 24)).tokens;
  const auto expected_shorter = run(*whole, greedy_request(shorter, 24)).tokens;
  options.device = "auto";
  int32_t n_before = 0;
  std::vector<size_t> seen;
  for (uint64_t memory = 500'000; memory < 8'000'000; memory += 250'000) {
    FakeGpu card{memory};
    {
      auto engine = Engine::create(model, registry_with(card), options, Log());
      INFO(memory << (engine.is_ok() ? "" : engine.message()));
      REQUIRE(engine.is_ok());
      const EngineInfo& info = (*engine)->info();
      INFO(info.placement);
      int32_t n_on_card = 0, n_layer = 0;
      for (const EnginePart& part : info.parts) {
        if (part.device == kFakeGpuId) n_on_card += part.n_layer;
        CHECK(part.first_layer == n_layer);
        n_layer += part.n_layer;
      }
      CHECK(n_layer == kLayers);
      CHECK(n_on_card >= n_before);
      n_before = n_on_card;
      seen.push_back(info.parts.size() * 10 + size_t(n_on_card));
      CHECK(run(**engine, greedy_request(prompt, 24)).tokens == expected);
      const Outcome reused = run(**engine, greedy_request(shorter, 24));
      CHECK(reused.result.stats.n_reused == int32_t(shorter.size()) - 1);
      CHECK(reused.tokens == expected_shorter);
      CHECK(card.peak_bytes <= memory);
      if (info.parts.size() > 1) {
        CHECK(info.placement.find("is free on fake:0") != std::string::npos);
        CHECK(info.device.id.find(kFakeGpuId) != std::string::npos);
        CHECK_FALSE(info.device.runs_ahead);
      }
    }
    CHECK(card.n_live == 0);
  }
  // All on the CPU, splits of several sizes, all on the card.
  seen.erase(std::unique(seen.begin(), seen.end()), seen.end());
  CHECK(seen.front() == 10);
  CHECK(seen.back() == 10 + kLayers);
  CHECK(seen.size() >= 5);
}

TEST_CASE("layers that were asked for go to the card, and a required GPU has all or fails") {
  const auto model = open_model(kFairyGguf);
  FakeGpu card{kPlenty};
  EngineOptions options = small_options();
  options.n_gpu_layers = 3;
  {
    const auto engine = Engine::create(model, registry_with(card), options, Log());
    REQUIRE(engine.is_ok());
    const std::vector<EnginePart>& parts = (*engine)->info().parts;
    REQUIRE(parts.size() == 2);
    CHECK(parts[0].n_layer == 1);
    CHECK(parts[1].device == kFakeGpuId);
    CHECK(parts[1].n_layer == 3);
    CHECK(parts[1].kv_bytes > 2 * parts[0].kv_bytes);
    // The whole's work, whatever is where.
    options.n_gpu_layers = 0;
    const auto whole = Engine::create(model, registry_with(card), options, Log());
    REQUIRE(whole.is_ok());
    CHECK((*whole)->info().parts[0].device != kFakeGpuId);
    CHECK((*engine)->info().weight_bytes_per_token == (*whole)->info().weight_bytes_per_token);
    CHECK((*engine)->info().macs_per_token == (*whole)->info().macs_per_token);
    CHECK((*engine)->info().head_macs_per_token == (*whole)->info().head_macs_per_token);
    const std::string text = (*engine)->describe_plan(1);
    CHECK(text.find("part on fake:0") != std::string::npos);
    CHECK(text.find("blk.3.ffn_residual") == std::string::npos);  // fused
    CHECK(text.find("$hidden") != std::string::npos);
  }
  options.n_gpu_layers = kAllThatFit;
  options.require_gpu = true;
  CHECK(Engine::create(model, registry_with(card), options, Log()).is_ok());
  FakeGpu small{2'000'000};
  const auto refused = Engine::create(model, registry_with(small), options, Log());
  REQUIRE_FALSE(refused.is_ok());
  CHECK(refused.status().code() == StatusCode::kResourceExhausted);
  CHECK(refused.message().find("fake:0: embedding, layers 0-3, head: weights") != std::string::npos);
  CHECK(small.n_live == 0);
}

TEST_CASE(
    "memory that ends while loading is an error with the plan, leaves nothing, and can be tried again") {
  const auto model = open_model(kFairyGguf);
  EngineOptions options = small_options();
  options.n_gpu_layers = 2;
  FakeGpu card{kPlenty, kPlenty};
  { REQUIRE(Engine::create(model, registry_with(card), options, Log()).is_ok()); }
  CHECK(card.n_live == 0);
  const uint64_t needed = card.peak_bytes;
  std::string last;
  int n_messages = 0;
  // It says that there is plenty, and ends at a weight, at the cache, at a workspace.
  for (uint64_t memory = 0; memory < needed; memory += needed / 60) {
    card = {memory, kPlenty};
    const auto refused = Engine::create(model, registry_with(card), options, Log());
    REQUIRE_FALSE(refused.is_ok());
    CHECK(refused.status().code() == StatusCode::kResourceExhausted);
    CHECK(refused.message().find("fake:0: layers 2-3, head: weights") != std::string::npos);
    CHECK(refused.message().find("of 1.00 GB free") != std::string::npos);
    CHECK(card.n_live == 0);
    CHECK(card.used_bytes == 0);
    const std::string what = refused.message().substr(0, refused.message().find(';'));
    n_messages += what != last;
    last = what;
  }
  CHECK(n_messages >= 8);
  CHECK(last.find("a workspace") != std::string::npos);
  card = {needed, kPlenty};
  const auto engine = Engine::create(model, registry_with(card), options, Log());
  REQUIRE(engine.is_ok());
  CHECK(run(**engine, greedy_request(tale(*model, 60), 4)).tokens.size() == 4);
}

TEST_CASE("progress of a split model rises once, over all parts") {
  const auto model = open_model(kFairyGguf);
  EngineOptions options = small_options();
  options.parts = {{"cpu", 1}, {"cpu", 3}};
  uint64_t last = 0, total = 0;
  const auto engine =
      Engine::create(model, test_registry(), options, Log(), [&](uint64_t done, uint64_t all) {
        CHECK(done > last);
        CHECK((total == 0 || all == total));
        last = done, total = all;
        return true;
      });
  REQUIRE(engine.is_ok());
  CHECK(last == total);
}
