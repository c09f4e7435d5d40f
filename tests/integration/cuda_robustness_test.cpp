// What a CUDA device must survive: long decoding without a word to the driver, the same step again and again,
// a card without memory, a context that dies. Needs a card; without one every case says that it is skipped.
#include <catch2/catch.hpp>
#include <cstring>
#include <iostream>
#include <numeric>

#include "backends/cuda/driver.h"
#include "tests/support/engines.h"

using namespace dunlin;
using namespace dunlin::testing;

namespace {

constexpr const char* kDevice = "cuda:0";
constexpr const char* kEagerDevice = "cuda:0-eager";

bool has_device(const char* what) {
  if (make_builtin_registry().find(kDevice).is_ok()) return true;
  std::cerr << "skipped: this machine has no " << kDevice << ": " << what << '\n';
  return false;
}

std::unique_ptr<Executor> open_executor(const Model& model, int32_t n_ctx, int32_t n_sequences,
                                        int32_t n_rows, const char* device = kDevice) {
  ExecutorOptions options;
  options.device = device;
  options.n_ctx = n_ctx;
  options.n_sequences = options.n_logit_rows = n_sequences;
  options.n_rows = n_rows;
  auto executor = Executor::create(model.files(), make_builtin_registry(), options, Log(), {});
  INFO((executor.is_ok() ? "" : executor.message()));
  REQUIRE(executor.is_ok());
  return std::move(executor).value();
}

std::vector<int32_t> blocks_of(const Executor& executor, int32_t n, int32_t sequence) {
  std::vector<int32_t> blocks(static_cast<size_t>(n));
  std::iota(blocks.begin(), blocks.end(), sequence * n);
  REQUIRE(blocks.back() < executor.n_blocks());
  return blocks;
}

// One row of every sequence at a position; the tokens are the given ones.
void fill_decode(Executor& executor, int32_t position, const std::vector<int32_t>& tokens,
                 bool wants_logits) {
  StepInputs& inputs = executor.inputs();
  inputs.clear();
  for (size_t s = 0; s < tokens.size(); ++s) {
    const auto blocks = blocks_of(executor, inputs.capacity().n_blocks_per_sequence, int32_t(s));
    REQUIRE(inputs.add_sequence({&tokens[s], 1}, position, blocks));
    REQUIRE((wants_logits ? inputs.want_logits(int32_t(s)) : inputs.want_token(int32_t(s))));
  }
}

// The primary context of the card, which the backend uses as well: the driver without Dunlin.
class Card {
 public:
  Card() {
    auto loaded = cuda::Driver::load();
    REQUIRE(loaded.is_ok());
    driver_ = std::move(loaded).value();
    REQUIRE(driver_->cuDeviceGet(&device_, 0) == CUDA_SUCCESS);
    REQUIRE(driver_->cuDevicePrimaryCtxRetain(&context_, device_) == CUDA_SUCCESS);
    make_current();
  }
  ~Card() { (void)driver_->cuDevicePrimaryCtxRelease(device_); }
  Card(const Card&) = delete;
  Card& operator=(const Card&) = delete;

  const cuda::Driver& driver() const { return *driver_; }
  void make_current() const { REQUIRE(driver_->cuCtxSetCurrent(context_) == CUDA_SUCCESS); }
  size_t free_bytes() const {
    make_current();
    size_t free = 0, total = 0;
    REQUIRE(driver_->cuMemGetInfo(&free, &total) == CUDA_SUCCESS);
    return free;
  }
  // Occupies all memory but about so much; in pieces, as one of that size may not be had.
  std::vector<CUdeviceptr> occupy_all_but(size_t bytes) const {
    constexpr size_t kLeast = size_t(2) << 20;
    std::vector<CUdeviceptr> taken;
    for (size_t piece = size_t(64) << 30; piece >= kLeast; piece /= 2) {
      for (CUdeviceptr address = 0; free_bytes() >= bytes + piece;) {
        if (driver_->cuMemAlloc(&address, piece) != CUDA_SUCCESS) break;
        taken.push_back(address);
      }
    }
    return taken;
  }
  void free(const std::vector<CUdeviceptr>& taken) const {
    make_current();
    for (const CUdeviceptr address : taken) CHECK(driver_->cuMemFree(address) == CUDA_SUCCESS);
  }
  // Runs a kernel that kills the context it runs in; true if it did. In the driver's own assembler, so that
  // the library has no such kernel. Any thread: asserts nothing.
  bool kill_context() const {
    constexpr const char* kTrap =
        ".version 7.0\n.target sm_80\n.address_size 64\n.visible .entry die()\n{\n  trap;\n}\n";
    CUmodule module = nullptr;
    CUfunction function = nullptr;
    CUstream stream = nullptr;
    const cuda::Driver& d = *driver_;
    if (d.cuCtxSetCurrent(context_) != CUDA_SUCCESS || d.cuModuleLoadData(&module, kTrap) != CUDA_SUCCESS ||
        d.cuModuleGetFunction(&function, module, "die") != CUDA_SUCCESS ||
        d.cuStreamCreate(&stream, CU_STREAM_NON_BLOCKING) != CUDA_SUCCESS)
      return false;
    CUlaunchConfig config{};
    config.gridDimX = config.gridDimY = config.gridDimZ = 1;
    config.blockDimX = config.blockDimY = config.blockDimZ = 1;
    config.hStream = stream;
    return d.cuLaunchKernelEx(&config, function, nullptr, nullptr) == CUDA_SUCCESS &&
           d.cuStreamSynchronize(stream) != CUDA_SUCCESS;
  }

 private:
  std::shared_ptr<const cuda::Driver> driver_;
  CUdevice device_ = 0;
  CUcontext context_ = nullptr;
};

EngineOptions on_card() {
  EngineOptions options;
  options.device = kDevice;
  return options;
}

GenerationRequest tale(int32_t n_tokens) {
  return greedy_request({3054, 585, 261}, n_tokens);
}

}  // namespace

TEST_CASE("a thousand decoding steps ask the driver for nothing but their start") {
  if (!has_device("decoding steps")) return;
  constexpr int32_t kSteps = 1000, kSequences = 4;
  const auto model = open_model(kFairyGguf);
  for (const bool wants_logits : {false, true}) {
    for (const int32_t n : {1, kSequences}) {
      const auto executor = open_executor(*model, kSteps, n, 64);
      const Device::Counters before = executor->parts().front()->device().counters();
      for (int32_t position = 0; position < kSteps; ++position) {
        const std::vector<int32_t> tokens(size_t(n), 5 + position % 4000);
        fill_decode(*executor, position, tokens, wants_logits);
        REQUIRE(executor->run().is_ok());
      }
      const Device::Counters after = executor->parts().front()->device().counters();
      INFO(n << " sequences, logits on the host: " << wants_logits);
      CHECK(before.n_allocations > 0);  // it counts
      CHECK(before.n_graphs > 0);
      CHECK(after.n_allocations == before.n_allocations);
      CHECK(after.n_frees == before.n_frees);
      CHECK(after.n_graphs == before.n_graphs);
      CHECK(after.n_waits - before.n_waits <= uint64_t(kSteps));
      CHECK(after.n_waits > before.n_waits);
    }
  }
}

TEST_CASE("steps started ahead of the last one's tokens ask the driver for no more") {
  if (!has_device("steps started ahead")) return;
  constexpr int32_t kSteps = 1000;
  const auto model = open_model(kFairyGguf);
  const auto executor = open_executor(*model, kSteps, 1, 1);
  const Device::Counters before = executor->parts().front()->device().counters();
  fill_decode(*executor, 0, {3054}, false);
  REQUIRE(executor->start().is_ok());
  for (int32_t position = 1; position < kSteps; ++position) {
    fill_decode(*executor, position, {chosen_token(0)}, false);
    REQUIRE(executor->start().is_ok());
    REQUIRE(executor->wait().is_ok());
    REQUIRE(executor->tokens()[0] >= 0);
  }
  REQUIRE(executor->wait().is_ok());
  const Device::Counters after = executor->parts().front()->device().counters();
  CHECK(after.n_allocations == before.n_allocations);
  CHECK(after.n_frees == before.n_frees);
  CHECK(after.n_graphs == before.n_graphs);
  CHECK(after.n_waits - before.n_waits == uint64_t(kSteps));
}

TEST_CASE("the same step gives the same bits, 256 times") {
  if (!has_device("the same step again")) return;
  constexpr int32_t kDepth = 300, kReplays = 256;
  const auto model = open_model(kFairyGguf);
  for (const int32_t n : {1, 4}) {
    const auto executor = open_executor(*model, kDepth + 1, n, 64);
    for (int32_t position = 0; position < kDepth; ++position) {
      std::vector<int32_t> tokens;
      for (int32_t s = 0; s < n; ++s) tokens.push_back(5 + (position * 7 + s) % 4000);
      fill_decode(*executor, position, tokens, false);
      REQUIRE(executor->run().is_ok());
    }
    std::vector<float> first;
    for (int32_t replay = 0; replay < kReplays; ++replay) {
      fill_decode(*executor, kDepth, std::vector<int32_t>(size_t(n), 77), true);
      REQUIRE(executor->run().is_ok());
      const std::span<const float> logits = executor->logits();
      if (first.empty()) first.assign(logits.begin(), logits.end());
      INFO(n << " sequences, replay " << replay);
      REQUIRE(std::memcmp(logits.data(), first.data(), first.size() * sizeof(float)) == 0);
    }
    // Not the zeros of a step that computed nothing.
    CHECK(std::ranges::any_of(first, [&](float x) { return x != first[0]; }));
  }
}

// Of a graph the CTAs of attention wait for one another; of kernels launched one by one the last to arrive
// does what is left. With 40 sequences a CTA has all ranges of its head.
TEST_CASE("kernels launched one by one give the bits of a graph, at any depth and in any batch") {
  if (!has_device("graph and kernels")) return;
  constexpr int32_t kDepth = 1300, kEvery = 100;
  const auto model = open_model(kFairyGguf);
  for (const int32_t n : {1, 5, 40}) {
    const auto graph = open_executor(*model, kDepth, n, 64);
    const auto eager = open_executor(*model, kDepth, n, 64, kEagerDevice);
    for (int32_t position = 0; position < kDepth; ++position) {
      const bool compares = position % kEvery == kEvery - 1;
      std::vector<int32_t> tokens;
      for (int32_t s = 0; s < n; ++s) tokens.push_back(5 + (position * 7 + s) % 4000);
      for (Executor* executor : {graph.get(), eager.get()}) {
        fill_decode(*executor, position, tokens, compares);
        REQUIRE(executor->run().is_ok());
      }
      if (!compares) continue;
      INFO(n << " sequences, position " << position);
      const std::span<const float> a = graph->logits(), b = eager->logits();
      REQUIRE(a.size() == b.size());
      REQUIRE(std::memcmp(a.data(), b.data(), a.size() * sizeof(float)) == 0);
    }
  }
}

TEST_CASE("a card without memory is an error that says so, and loses none") {
  if (!has_device("out of memory")) return;
  constexpr size_t kLeft = size_t(2) << 30;
  const Card card;
  const auto model = open_model(kFairyGguf);
  EngineOptions large = on_card();  // 4.3 GB of keys and values
  large.require_gpu = true;         // or the CPU would take what does not fit
  large.n_ctx = 8192;
  large.n_sequences = 256;
  const auto open = [&](const EngineOptions& options) {
    return Engine::create(model, make_builtin_registry(), options, Log()).status();
  };
  // What the driver keeps for itself once kernels were loaded is there before anything is compared.
  REQUIRE(open(on_card()).is_ok());
  const auto taken = card.occupy_all_but(kLeft);
  REQUIRE_FALSE(taken.empty());
  (void)open(large);
  const size_t before = card.free_bytes();
  for (int i = 0; i < 3; ++i) {
    const Status status = open(large);
    INFO(status.message());
    CHECK(status.code() == StatusCode::kResourceExhausted);
    CHECK(status.message().find("KV cache") != std::string::npos);
    CHECK(status.message().find("free") != std::string::npos);
    CHECK(card.free_bytes() == before);
  }
  CHECK(open(on_card()).is_ok());  // there is room for this one
  card.free(taken);
  const auto engine = open_engine(model, on_card());
  CHECK(run(*engine, tale(8)).tokens.size() == 8);
}

TEST_CASE("a card that is full to the last is an error, too") {
  if (!has_device("a full card")) return;
  const Card card;
  const auto model = open_model(kFairyGguf);
  const auto taken = card.occupy_all_but(size_t(4) << 20);
  const auto engine = Engine::create(model, make_builtin_registry(), on_card(), Log());
  INFO((engine.is_ok() ? "" : engine.message()));
  CHECK(engine.status().code() == StatusCode::kResourceExhausted);
  card.free(taken);
  CHECK(Engine::create(model, make_builtin_registry(), on_card(), Log()).is_ok());
}

TEST_CASE("a lost context ends its requests as such, and the process goes on without the card") {
  if (!has_device("a lost context")) return;
  const auto model = open_model(kFairyGguf);
  const std::vector<int32_t> expected = [&] {
    const auto engine = open_engine(model, on_card());
    return run(*engine, tale(32)).tokens;
  }();
  REQUIRE(expected.size() == 32);
  auto engine = open_engine(model, on_card());
  {
    const Card card;
    const auto running = std::make_shared<Recorder>();
    bool is_dead = false;
    // On the engine's thread, in the middle of a tale.
    running->on_each = [&](int32_t n_tokens) {
      if (n_tokens == 8) is_dead = card.kill_context();
      return true;
    };
    REQUIRE(engine->submit(tale(1000), running).is_ok());
    const Outcome outcome = running->wait();
    REQUIRE(is_dead);
    INFO(outcome.result.status.message());
    CHECK(outcome.result.status.code() == StatusCode::kDeviceLost);
    CHECK(outcome.tokens.size() >= 8);
    CHECK(outcome.tokens.size() < 1000);
    // What is asked of it from here on fails in the same way, and at once.
    CHECK(run(*engine, tale(8)).result.status.code() == StatusCode::kDeviceLost);
  }
  engine.reset();
  // What the driver makes of it is its own: it may give the card back, or say that this process has lost it.
  const auto again = Engine::create(model, make_builtin_registry(), on_card(), Log());
  if (again.is_ok()) {
    CHECK(run(**again, tale(32)).tokens == expected);
  } else {
    INFO(again.message());
    CHECK(again.status().code() == StatusCode::kDeviceLost);
    CHECK(again.message().find("start it again") != std::string::npos);
  }
  EngineOptions on_cpu;
  on_cpu.device = "cpu";
  CHECK(run(*open_engine(model, on_cpu), tale(32)).tokens.size() == 32);
}
