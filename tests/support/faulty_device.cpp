#include "tests/support/faulty_device.h"

#include <algorithm>
#include <limits>
#include <new>

#include "core/base/check.h"
#include "core/device/registry.h"
#include "tests/support/engines.h"

namespace dunlin::testing {
namespace {

Status fault(const char* what) {
  return Status::internal("a fault: ", what);
}

class FaultyPlan final : public Plan {
 public:
  FaultyPlan(std::unique_ptr<Plan> plan, Faults& faults) : plan_(std::move(plan)), faults_(faults) {}

  uint64_t workspace_bytes() const override { return plan_->workspace_bytes(); }
  Status start(const StepInputs& step) override {
    if (faults_.is_due(Fault::kStartFails)) return fault("the step did not start");
    DUNLIN_CHECK_MSG(!faults_.is_due(Fault::kStartThrows), "the step threw");
    return plan_->start(step);
  }
  Status wait() override {
    DUNLIN_RETURN_IF_ERROR(plan_->wait());
    if (faults_.is_due(Fault::kWaitFails)) return fault("the step did not end");
    tokens_.assign(plan_->tokens().begin(), plan_->tokens().end());
    if (faults_.is_due(Fault::kLogitsNan)) {
      std::ranges::fill(tokens_, -1);
      std::ranges::fill(plan_->logits(), std::numeric_limits<float>::quiet_NaN());
    }
    faults_.count_step();
    return Status::ok();
  }
  std::span<float> logits() override { return plan_->logits(); }
  std::span<float> hidden() override { return plan_->hidden(); }
  std::span<const int32_t> tokens() const override { return tokens_; }
  std::vector<PhaseReport> report() const override { return plan_->report(); }
  Result<StepTimes> measure(const StepInputs& step, int32_t repeats) override {
    if (faults_.is_due(Fault::kStartFails)) return fault("the step did not start");
    return plan_->measure(step, repeats);
  }

 private:
  std::unique_ptr<Plan> plan_;
  Faults& faults_;
  std::vector<int32_t> tokens_;
};

class FaultyDevice final : public Device {
 public:
  FaultyDevice(DeviceInfo info, std::unique_ptr<Device> device, Faults& faults)
      : info_(std::move(info)), device_(std::move(device)), faults_(faults) {}

  const DeviceInfo& info() const override { return info_; }
  int32_t kv_block_tokens() const override { return device_->kv_block_tokens(); }
  std::span<const int32_t> bucket_rows() const override { return device_->bucket_rows(); }
  uint64_t kv_block_bytes(const KvSpec& spec) const override { return device_->kv_block_bytes(spec); }
  bool supports(const Graph& graph, const Node& node, std::string* why) const override {
    return device_->supports(graph, node, why);
  }
  uint64_t weight_bytes(const WeightSource& source) const override { return device_->weight_bytes(source); }
  Result<std::unique_ptr<DeviceWeight>> upload(const WeightSource& source) override {
    return device_->upload(source);
  }
  Status finish_uploads() override { return device_->finish_uploads(); }
  void drop_uploads() override { device_->drop_uploads(); }
  Result<std::unique_ptr<KvCache>> create_kv_cache(const KvSpec& spec, int32_t n_blocks) override {
    return device_->create_kv_cache(spec, n_blocks);
  }
  Result<std::unique_ptr<Plan>> compile(const Graph& graph, const PlanBindings& bindings,
                                        const CompileOptions& options) override {
    DUNLIN_ASSIGN_OR_RETURN(auto plan, device_->compile(graph, bindings, options));
    return std::unique_ptr<Plan>(std::make_unique<FaultyPlan>(std::move(plan), faults_));
  }
  Roofline measure_roofline() override {
    if (faults_.is_due(Fault::kRooflineThrows)) throw std::bad_alloc();
    return device_->measure_roofline();
  }

 private:
  DeviceInfo info_;
  std::unique_ptr<Device> device_;
  Faults& faults_;
};

class FaultyBackend final : public Backend {
 public:
  explicit FaultyBackend(Faults& faults) : faults_(faults) {}
  const char* name() const override { return "faulty"; }
  std::vector<DeviceInfo> enumerate() const override {
    std::vector<DeviceInfo> all;
    for (const char* id : {kFaultyId, kFaultyAheadId}) {
      auto info = inner_.find(inner_id(id));
      if (!info.is_ok()) continue;
      info->id = id;
      info->score = 0;
      all.push_back(*info);
    }
    return all;
  }
  Result<std::unique_ptr<Device>> open(const DeviceInfo& info, const DeviceOptions& options) const override {
    DUNLIN_ASSIGN_OR_RETURN(const DeviceInfo inner, inner_.find(inner_id(info.id)));
    DUNLIN_ASSIGN_OR_RETURN(auto device, inner_.open(inner, options));
    return std::unique_ptr<Device>(std::make_unique<FaultyDevice>(info, std::move(device), faults_));
  }

 private:
  static std::string inner_id(const std::string& id) { return id.substr(id.find(':') + 1); }

  Faults& faults_;
  Registry inner_ = test_registry();
};

}  // namespace

std::unique_ptr<Backend> make_faulty_backend(Faults& faults) {
  return std::make_unique<FaultyBackend>(faults);
}

}  // namespace dunlin::testing
