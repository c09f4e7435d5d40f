#include "tests/support/faulty_device.h"

#include <algorithm>
#include <limits>
#include <new>

#include "core/base/check.h"
#include "core/device/registry.h"
#include "tests/support/device_around.h"
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

class FaultyDevice final : public DeviceAround {
 public:
  FaultyDevice(DeviceInfo info, std::unique_ptr<Device> device, Faults& faults)
      : DeviceAround(std::move(info), std::move(device)), faults_(faults) {}

  Result<std::unique_ptr<Plan>> compile(const Graph& graph, const PlanBindings& bindings,
                                        const CompileOptions& options) override {
    DUNLIN_ASSIGN_OR_RETURN(auto plan, inner().compile(graph, bindings, options));
    return std::unique_ptr<Plan>(std::make_unique<FaultyPlan>(std::move(plan), faults_));
  }
  Roofline measure_roofline() override {
    if (faults_.is_due(Fault::kRooflineThrows)) throw std::bad_alloc();
    return inner().measure_roofline();
  }

 private:
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
