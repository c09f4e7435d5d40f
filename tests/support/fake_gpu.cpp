#include "tests/support/fake_gpu.h"

#include <algorithm>
#include <optional>

#include "backends/builtin.h"
#include "tests/support/device_around.h"

namespace dunlin::testing {
namespace {

constexpr int32_t kBlocksPerBlock = 2;  // of the CPU's, in one of the card's

// A live object on the card, with the bytes that it takes.
class Held {
 public:
  static Result<Held> take(FakeGpu& card, uint64_t bytes, const std::string& what) {
    if (bytes > card.memory_bytes - card.used_bytes)
      return Status::exhausted(kFakeGpuId, " has no ", bytes, " bytes for ", what);
    return Held(card, bytes);
  }
  Held(FakeGpu& card, uint64_t bytes) : card_(&card), bytes_(bytes) {
    ++card.n_live;
    card.used_bytes += bytes;
    card.peak_bytes = std::max(card.peak_bytes, card.used_bytes);
  }
  Held(Held&& other) noexcept : card_(std::exchange(other.card_, nullptr)), bytes_(other.bytes_) {}
  Held& operator=(Held&&) = delete;
  ~Held() {
    if (card_ == nullptr) return;
    --card_->n_live;
    card_->used_bytes -= bytes_;
  }

 private:
  FakeGpu* card_;
  uint64_t bytes_;
};

struct FakeWeight final : DeviceWeight {
  FakeWeight(Held h, std::unique_ptr<DeviceWeight> i) : held(std::move(h)), inner(std::move(i)) {}
  uint64_t bytes() const override { return inner->bytes(); }
  Held held;
  std::unique_ptr<DeviceWeight> inner;
};

struct FakeKvCache final : KvCache {
  FakeKvCache(Held h, std::unique_ptr<KvCache> i) : held(std::move(h)), inner(std::move(i)) {}
  uint64_t bytes() const override { return inner->bytes(); }
  int32_t n_blocks() const override { return inner->n_blocks() / kBlocksPerBlock; }
  void copy_block(int32_t from, int32_t to) override {
    for (int32_t i = 0; i < kBlocksPerBlock; ++i)
      inner->copy_block(from * kBlocksPerBlock + i, to * kBlocksPerBlock + i);
  }
  Held held;
  std::unique_ptr<KvCache> inner;
};

class FakePlan final : public Plan {
 public:
  FakePlan(Held held, std::unique_ptr<Plan> plan) : held_(std::move(held)), plan_(std::move(plan)) {}
  uint64_t workspace_bytes() const override { return plan_->workspace_bytes(); }
  Status start(const StepInputs& step) override {
    if (!inner_step_) {
      StepCapacity capacity = step.capacity();
      capacity.n_blocks_per_sequence *= kBlocksPerBlock;
      inner_step_.emplace(capacity);
    }
    inner_step_->copy_for_smaller_blocks(step, kBlocksPerBlock);
    return plan_->start(*inner_step_);
  }
  Status wait() override { return plan_->wait(); }
  std::span<float> logits() override { return plan_->logits(); }
  std::span<float> hidden() override { return plan_->hidden(); }
  std::vector<PhaseReport> report() const override { return plan_->report(); }

 private:
  Held held_;
  std::unique_ptr<Plan> plan_;
  std::optional<StepInputs> inner_step_;
};

class FakeDevice final : public DeviceAround {
 public:
  FakeDevice(DeviceInfo info, FakeGpu& card, std::unique_ptr<Device> device)
      : DeviceAround(std::move(info), std::move(device)), card_(card), held_(card, 0) {}

  int32_t kv_block_tokens() const override { return inner().kv_block_tokens() * kBlocksPerBlock; }
  uint64_t kv_block_bytes(const KvSpec& spec) const override {
    return inner().kv_block_bytes(spec) * kBlocksPerBlock;
  }
  Result<std::unique_ptr<DeviceWeight>> upload(const WeightSource& source) override {
    DUNLIN_ASSIGN_OR_RETURN(
        Held held, Held::take(card_, inner().weight_bytes(source), str_cat("weight '", source.name, "'")));
    DUNLIN_ASSIGN_OR_RETURN(auto weight, inner().upload(source));
    return std::unique_ptr<DeviceWeight>(std::make_unique<FakeWeight>(std::move(held), std::move(weight)));
  }
  Result<std::unique_ptr<KvCache>> create_kv_cache(const KvSpec& spec, int32_t n_blocks) override {
    DUNLIN_ASSIGN_OR_RETURN(Held held,
                            Held::take(card_, kv_block_bytes(spec) * uint64_t(n_blocks), "the KV cache"));
    DUNLIN_ASSIGN_OR_RETURN(auto cache, inner().create_kv_cache(spec, n_blocks * kBlocksPerBlock));
    return std::unique_ptr<KvCache>(std::make_unique<FakeKvCache>(std::move(held), std::move(cache)));
  }
  Result<std::unique_ptr<Plan>> compile(const Graph& graph, const PlanBindings& bindings,
                                        const CompileOptions& options) override {
    PlanBindings of_inner = bindings;
    for (const DeviceWeight*& weight : of_inner.weights)
      weight = static_cast<const FakeWeight*>(weight)->inner.get();
    if (of_inner.kv_cache != nullptr)
      of_inner.kv_cache = static_cast<FakeKvCache*>(of_inner.kv_cache)->inner.get();
    of_inner.n_blocks_per_sequence *= kBlocksPerBlock;
    DUNLIN_ASSIGN_OR_RETURN(auto plan, inner().compile(graph, of_inner, options));
    DUNLIN_ASSIGN_OR_RETURN(Held held, Held::take(card_, plan->workspace_bytes(), "a workspace"));
    return std::unique_ptr<Plan>(std::make_unique<FakePlan>(std::move(held), std::move(plan)));
  }

 private:
  FakeGpu& card_;
  Held held_;
};

class FakeBackend final : public Backend {
 public:
  explicit FakeBackend(FakeGpu& card) : card_(card) {}
  const char* name() const override { return "fake"; }
  std::vector<DeviceInfo> enumerate() const override {
    DeviceInfo info;
    info.id = kFakeGpuId;
    info.kind = DeviceKind::kGpu;
    info.name = "fake card";
    info.memory_bytes = card_.memory_bytes;
    info.memory_free_bytes = card_.reported_bytes != 0 ? card_.reported_bytes : card_.memory_bytes;
    info.score = 5000;
    return {info};
  }
  Result<std::unique_ptr<Device>> open(const DeviceInfo& info, const DeviceOptions& options) const override {
    DUNLIN_ASSIGN_OR_RETURN(const DeviceInfo cpu, inner_.find("cpu"));
    DUNLIN_ASSIGN_OR_RETURN(auto device, inner_.open(cpu, options));
    return std::unique_ptr<Device>(std::make_unique<FakeDevice>(info, card_, std::move(device)));
  }

 private:
  FakeGpu& card_;
  Registry inner_ = make_builtin_registry();
};

}  // namespace

std::unique_ptr<Backend> make_fake_gpu_backend(FakeGpu& card) {
  return std::make_unique<FakeBackend>(card);
}

}  // namespace dunlin::testing
