// Devices that choose tokens, and the host's Sampler over the logits that the same device shows: one token.
#include <algorithm>
#include <catch2/catch.hpp>
#include <deque>
#include <iostream>
#include <numeric>
#include <random>

#include "core/graph/builder.h"
#include "core/graph/verify.h"
#include "tests/support/engines.h"

using namespace dunlin;
using namespace dunlin::testing;

namespace {

constexpr int32_t kWidth = 64;
constexpr int32_t kTokens = 64;  // rows of the embedding
// The spread of a row's logits is one of these, by token: from nearly equal to far apart.
constexpr float kSpreads[] = {2.5f, 1e-6f, 0.2f, 4.0f, 12.0f};

std::vector<DeviceInfo> choosing_devices() {
  std::vector<DeviceInfo> devices;
  for (const DeviceInfo& info : test_registry().enumerate())
    if (info.chooses_tokens) devices.push_back(info);
  return devices;
}

// An embedding and a head: logits [rows, n_vocab], equal for ids 1000 apart now and then. bias: by logit, or
// none.
class HeadModel {
 public:
  HeadModel(Device& device, int32_t n_vocab, int32_t n_choosable, int32_t n_rows,
            std::vector<float> bias = {})
      : n_vocab_(n_vocab), n_choosable_(n_choosable), inputs_({n_rows, n_rows, n_rows, 1}) {
    GraphBuilder b({n_rows, n_rows});
    const ValueId x = b.embed("embed", b.weight("embed", DType::kF32, {kTokens, kWidth}));
    const ValueId rows = b.gather_logit_rows("rows", x);
    const ValueId head_weight = b.weight("head", DType::kF32, {n_vocab, kWidth});
    graph_ = b.finish(bias.empty()
                          ? b.linear("head", rows, head_weight)
                          : b.linear("head", rows, head_weight, b.weight("bias", DType::kF32, {n_vocab})));
    REQUIRE(verify_graph(graph_).is_ok());
    upload(device, "embed", {kTokens, kWidth}, embedding());
    upload(device, "head", {n_vocab, kWidth}, head());
    if (!bias.empty()) upload(device, "bias", {n_vocab}, std::move(bias));
    REQUIRE(device.finish_uploads().is_ok());
    auto plan = device.compile(graph_, {bindings_, nullptr, 1, n_rows}, {n_choosable, {}});
    INFO((plan.is_ok() ? "" : plan.message()));
    REQUIRE(plan.is_ok());
    plan_ = std::move(plan).value();
  }

  StepInputs& inputs() { return inputs_; }
  Plan& plan() { return *plan_; }
  int32_t n_vocab() const { return n_vocab_; }
  int32_t n_choosable() const { return n_choosable_; }
  std::vector<float> row(int32_t logit_row) {
    const auto logits = plan_->logits().subspan(size_t(logit_row) * size_t(n_vocab_), size_t(n_vocab_));
    return {logits.begin(), logits.end()};
  }

 private:
  static std::vector<float> normal(size_t n, float deviation, uint64_t seed) {
    std::mt19937_64 random(seed);
    std::normal_distribution<float> distribution(0.0f, deviation);
    std::vector<float> values(n);
    for (float& v : values) v = distribution(random);
    return values;
  }
  static std::vector<float> embedding() {
    std::vector<float> values = normal(size_t(kTokens * kWidth), 1.0f, 1);
    for (size_t i = 0; i < values.size(); ++i) values[i] *= kSpreads[i / kWidth % std::size(kSpreads)];
    return values;
  }
  std::vector<float> head() const {
    std::vector<float> values = normal(size_t(n_vocab_) * kWidth, 1.0f / 8.0f, 2);
    for (int32_t id = 1000; id < n_vocab_; id += 3)
      std::copy_n(values.begin() + (id - 1000) * kWidth, kWidth, values.begin() + id * kWidth);
    return values;
  }
  void upload(Device& device, const char* name, Shape shape, std::vector<float> all) {
    const std::vector<float>& values = sources_.emplace_back(std::move(all));
    WeightSource source;
    source.name = name;
    source.tensor =
        source_in_memory({DType::kF32,
                          shape,
                          {reinterpret_cast<const uint8_t*>(values.data()), values.size() * sizeof(float)}});
    source.for_embedding = source.name == "embed", source.for_linear = source.name == "head";
    auto weight = device.upload(source);
    INFO((weight.is_ok() ? "" : weight.message()));
    REQUIRE(weight.is_ok());
    weights_.push_back(std::move(weight).value());
    bindings_.push_back(weights_.back().get());
  }

  int32_t n_vocab_, n_choosable_;
  Graph graph_;
  std::deque<std::vector<float>> sources_;  // the device reads them until its uploads are finished
  std::vector<std::unique_ptr<DeviceWeight>> weights_;
  std::vector<const DeviceWeight*> bindings_;
  std::unique_ptr<Plan> plan_;
  StepInputs inputs_;
};

// What people ask for, and what is hard: nuclei and top-k beyond every list, ties, penalties.
std::vector<SamplingParams> all_params(int32_t n_vocab) {
  std::vector<SamplingParams> all;
  const auto add = [&](float temperature, int32_t top_k, float top_p, float min_p) {
    SamplingParams& p = all.emplace_back();
    p.temperature = temperature;
    p.top_k = std::min(top_k, n_vocab), p.top_p = top_p, p.min_p = min_p;
  };
  add(0.8f, 40, 0.95f, 0.05f);
  add(0.0f, 40, 0.95f, 0.05f);
  add(1.0f, 0, 1.0f, 0.0f);
  add(0.3f, 0, 1.0f, 0.0f);
  add(10.0f, 0, 1.0f, 0.0f);
  add(1.0f, 0, 0.9f, 0.0f);
  add(1.0f, 0, 0.9999f, 0.0f);
  add(1.0f, 0, 0.9f, 0.1f);
  add(1.0f, 0, 1.0f, 0.02f);
  add(1.0f, 0, 1.0f, 1e-6f);
  add(0.7f, 1, 1.0f, 0.0f);
  add(0.7f, 256, 0.99f, 0.0f);
  add(0.7f, 257, 0.99f, 0.0f);
  add(1.3f, 5000, 0.999f, 0.0f);
  add(1.3f, 5000, 1.0f, 1e-4f);
  add(0.9f, 0, 0.0f, 0.0f);
  for (size_t i = 0; i < 6; ++i) {
    SamplingParams& p = all.emplace_back(SamplingParams(all[i]));
    p.repeat_penalty = 1.2f, p.presence_penalty = 0.5f, p.frequency_penalty = 0.25f;
    p.repeat_last_n = i % 2 == 0 ? 64 : 3;
  }
  return all;
}

struct Request {
  SamplingParams params;
  std::vector<int32_t> text;  // its last token is the row's
};

std::vector<int32_t> random_text(std::mt19937_64& random, int32_t n_vocab) {
  std::vector<int32_t> text(1 + random() % 80);
  for (int32_t& token : text) token = int32_t(random() % uint64_t(n_vocab));
  text.back() = int32_t(random() % uint64_t(std::min(kTokens, n_vocab)));
  return text;
}

Sampler sampler_of(const Request& r, const HeadModel& model, bool knows_last) {
  auto sampler = Sampler::create(r.params, {model.n_vocab(), model.n_choosable(), 4096});
  REQUIRE(sampler.is_ok());
  for (size_t i = 0; i < r.text.size() - (knows_last ? 0 : 1); ++i) sampler->accept(r.text[i]);
  return std::move(sampler).value();
}

void add_row(HeadModel& model, const Request& r) {
  const int32_t block = 0;
  REQUIRE(model.inputs().add_sequence({&r.text.back(), 1}, 0, {&block, 1}));
}

void want_choice(HeadModel& model, const Request& r, int32_t row, bool behind_unknown) {
  Sampler sampler = sampler_of(r, model, !behind_unknown);
  REQUIRE(sampler.device_may_choose());
  const auto how = sampler.choice_for_device(r.text.size(), behind_unknown);
  REQUIRE(model.inputs().want_token(row, how.choice, how.window));
}

// A step in which the host sees the logits of every request, and one in which the device chooses, of the same
// rows. The second keeps some rows for the host where `mixed`.
void check_batch(HeadModel& model, const std::vector<Request>& requests, bool mixed) {
  model.inputs().clear();
  for (const Request& r : requests) add_row(model, r);
  const auto n = int32_t(requests.size());
  for (int32_t row = 0; row < n; ++row) REQUIRE(model.inputs().want_logits(row));
  REQUIRE(model.plan().run(model.inputs()).is_ok());
  std::vector<std::vector<float>> logits;
  std::vector<int32_t> expected;
  for (int32_t row = 0; row < n; ++row) {
    logits.push_back(model.row(row));
    std::vector<float> scratch = logits.back();
    const Request& r = requests[size_t(row)];
    expected.push_back(sampler_of(r, model, true).sample(scratch, r.text.size()).value().id);
  }
  model.inputs().clear();
  for (const Request& r : requests) add_row(model, r);
  const auto is_hosts = [&](int32_t row) { return mixed && row % 3 == 1; };
  for (int32_t row = 0; row < n; ++row) {
    if (is_hosts(row)) {
      REQUIRE(model.inputs().want_logits(row));
    } else {
      want_choice(model, requests[size_t(row)], row, row % 2 == 1);
    }
  }
  REQUIRE(model.plan().run(model.inputs()).is_ok());
  for (int32_t row = 0; row < n; ++row) {
    const SamplingParams& p = requests[size_t(row)].params;
    CAPTURE(model.n_vocab(), n, row, p.temperature, p.top_k, p.top_p, p.min_p, p.repeat_penalty, p.seed,
            requests[size_t(row)].text.back());
    if (is_hosts(row)) {
      CHECK(model.row(row) == logits[size_t(row)]);
    } else {
      CHECK(model.plan().tokens()[size_t(row)] == expected[size_t(row)]);
    }
  }
}

std::vector<Request> random_requests(int32_t n_vocab, size_t n, std::mt19937_64& random) {
  const std::vector<SamplingParams> params = all_params(n_vocab);
  std::vector<Request> requests;
  for (size_t i = 0; i < n; ++i) {
    requests.push_back({params[random() % params.size()], random_text(random, n_vocab)});
    requests.back().params.seed = random();
  }
  return requests;
}

}  // namespace

TEST_CASE("every device that chooses gives the Sampler's token for its own logits") {
  struct Case {
    int32_t n_vocab, n_choosable, n_rounds;
  };
  for (const DeviceInfo& info : choosing_devices()) {
    const bool is_gpu = info.kind == DeviceKind::kGpu;
    auto device = test_registry().open(info, {2, 2, Log(), {}});
    REQUIRE(device.is_ok());
    for (const Case& c : {Case{5, 3, 8},
                          {300, 300, 8},
                          {4099, 4000, 8},
                          {32000, 31999, 2},
                          {151936, 151665, 2},
                          {262144, 262144, 1}}) {
      INFO(info.id << ", " << c.n_vocab << " logits");
      std::mt19937_64 random(uint64_t(c.n_vocab));
      for (const int32_t n_rows : {1, 8, 64}) {
        // The emulation is slow; what it does is tested in more depth by tests/unit/cuda.
        if (!is_gpu && int64_t(c.n_vocab) * n_rows > 300000) continue;
        HeadModel model(**device, c.n_vocab, c.n_choosable, n_rows);
        const int32_t n_rounds = c.n_rounds * (n_rows == 1 ? 4 : 1) * (is_gpu ? 4 : 1);
        for (int32_t round = 0; round < n_rounds; ++round)
          check_batch(model,
                      random_requests(c.n_vocab, size_t(round % 2 == 0 ? n_rows : n_rows / 2 + 1), random),
                      round % 3 == 2);
      }
    }
  }
  if (!test_registry().find("cuda:0").is_ok()) std::cerr << "skipped: this machine cannot run cuda:0\n";
}

TEST_CASE("every kind of request, and many seeds, give the Sampler's token on every device that chooses") {
  constexpr int32_t kVocab = 4099;
  for (const DeviceInfo& info : choosing_devices()) {
    auto device = test_registry().open(info, {2, 2, Log(), {}});
    REQUIRE(device.is_ok());
    INFO(info.id);
    HeadModel model(**device, kVocab, kVocab - 99, 64);
    std::mt19937_64 random(3);
    for (const SamplingParams& params : all_params(kVocab)) {
      std::vector<Request> requests;
      for (int i = 0; i < 64; ++i) {
        requests.push_back({params, random_text(random, kVocab)});
        requests.back().params.seed = random();
      }
      check_batch(model, requests, false);
    }
  }
}

TEST_CASE("a row without a logit above -inf has no token on any device that chooses") {
  constexpr int32_t kVocab = 300, kOnlyId = 123;
  const std::vector<float> nothing(kVocab, -INFINITY);
  std::vector<float> one = nothing;
  one[kOnlyId] = 0;
  for (const DeviceInfo& info : choosing_devices()) {
    auto device = test_registry().open(info, {2, 2, Log(), {}});
    REQUIRE(device.is_ok());
    for (const int32_t n_rows : {1, 8}) {
      HeadModel without(**device, kVocab, kVocab, n_rows, nothing),
          with(**device, kVocab, kVocab, n_rows, one);
      for (const float temperature : {0.0f, 1.0f}) {
        INFO(info.id << ", " << n_rows << " rows, temperature " << temperature);
        Request request{{}, {3}};
        request.params.temperature = temperature;
        for (HeadModel* model : {&without, &with}) {
          model->inputs().clear();
          for (int32_t row = 0; row < n_rows; ++row) {
            add_row(*model, request);
            want_choice(*model, request, row, false);
          }
          REQUIRE(model->plan().run(model->inputs()).is_ok());
          for (int32_t row = 0; row < n_rows; ++row)
            CHECK(model->plan().tokens()[size_t(row)] == (model == &with ? kOnlyId : -1));
        }
      }
    }
  }
}

// A bias of 0 changes nothing, but biases are the host's.
TEST_CASE("a text is the same whoever chooses its tokens, on every device that chooses") {
  const auto model = open_model(kFairyGguf);
  for (const DeviceInfo& info : choosing_devices()) {
    EngineOptions options;
    options.n_ctx = 512;
    options.device = info.id;
    const auto engine = open_engine(model, options);
    for (uint64_t seed = 0; seed < 6; ++seed) {
      GenerationRequest request = greedy_request({3054, 585, 261}, 80);
      request.reuse_prefix = false;
      request.sampling = SamplingParams{};
      request.sampling.seed = seed;
      if (seed % 3 == 1) request.sampling.repeat_penalty = 1.3f, request.sampling.repeat_last_n = 8;
      if (seed % 3 == 2) request.sampling.top_k = 0, request.sampling.min_p = 0, request.sampling.top_p = 1;
      const Outcome by_device = run(*engine, request);
      request.sampling.logit_bias = {{0, 0.0f}};
      INFO(info.id << ", seed " << seed);
      CHECK(by_device.tokens.size() == 80);
      CHECK(by_device.tokens == run(*engine, request).tokens);
    }
  }
}
