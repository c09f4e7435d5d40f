#include "tests/support/ahead_device.h"

#include <algorithm>
#include <deque>

#include "backends/builtin.h"
#include "core/base/check.h"
#include "tests/support/device_around.h"
#include "tests/support/emulated_choice.h"

namespace dunlin::testing {
namespace {

class AheadPlan final : public Plan {
 public:
  AheadPlan(std::unique_ptr<Plan> plan, const Graph& graph, int32_t n_choosable,
            std::shared_ptr<int32_t> n_running)
      : plan_(std::move(plan)),
        n_running_(std::move(n_running)),
        n_logits_(size_t(graph.value(graph.logits).shape.row_elements())),
        n_choosable_(n_choosable > 0 ? size_t(n_choosable) : n_logits_) {}

  uint64_t workspace_bytes() const override { return plan_->workspace_bytes(); }
  Status start(const StepInputs& step) override {
    DUNLIN_CHECK(running_.size() < 2);
    const StepInputs known = with_known_tokens(step);
    DUNLIN_RETURN_IF_ERROR(plan_->run(known));
    chosen_.clear();
    for (int32_t row = 0; row < step.n_logit_rows(); ++row)
      chosen_.push_back(choose(step, size_t(row), known.tokens()[size_t(step.logit_rows()[size_t(row)])]));
    running_.push_back(chosen_);
    ++*n_running_;
    return Status::ok();
  }
  Status wait() override {
    DUNLIN_CHECK(!running_.empty());
    tokens_ = running_.front();
    running_.pop_front();
    --*n_running_;
    return Status::ok();
  }
  std::span<float> logits() override { return plan_->logits(); }
  std::span<float> hidden() override { return plan_->hidden(); }
  std::span<const int32_t> tokens() const override { return tokens_; }
  std::vector<PhaseReport> report() const override { return plan_->report(); }

 private:
  StepInputs with_known_tokens(const StepInputs& step) const {
    StepInputs known(step.capacity());
    for (const StepSequence& s : step.sequences()) {
      std::vector<int32_t> tokens(step.tokens().begin() + s.first_row,
                                  step.tokens().begin() + s.first_row + s.n_rows);
      for (int32_t& token : tokens)
        if (token < 0) token = std::max(0, chosen_.at(size_t(-1 - token)));
      const std::span blocks(step.block_table(s), size_t(step.capacity().n_blocks_per_sequence));
      DUNLIN_CHECK(known.add_sequence(tokens, s.kv_begin, blocks));
    }
    for (const int32_t row : step.logit_rows()) DUNLIN_CHECK(known.want_logits(row));
    return known;
  }
  // As a device, this may overwrite the logits of rows of which the host wants to see none.
  int32_t choose(const StepInputs& step, size_t row, int32_t own_token) {
    const TokenChoice& how = step.choices()[row];
    return emulated_choice(plan_->logits().subspan(row * n_logits_, n_choosable_), how,
                           step.window_counts().subspan(size_t(how.first_count), size_t(how.n_counts)),
                           own_token);
  }

  std::unique_ptr<Plan> plan_;
  std::shared_ptr<int32_t> n_running_;  // of the device
  size_t n_logits_;
  size_t n_choosable_;
  std::vector<int32_t> chosen_;               // of the last step started
  std::deque<std::vector<int32_t>> running_;  // choices nobody has waited for
  std::vector<int32_t> tokens_;
};

class AheadDevice final : public DeviceAround {
 public:
  using DeviceAround::DeviceAround;

  Result<std::unique_ptr<Plan>> compile(const Graph& graph, const PlanBindings& bindings,
                                        const CompileOptions& options) override {
    DUNLIN_ASSIGN_OR_RETURN(auto plan, inner().compile(graph, bindings, options));
    return std::unique_ptr<Plan>(
        std::make_unique<AheadPlan>(std::move(plan), graph, options.n_choosable_tokens, n_running_));
  }
  Roofline measure_roofline() override {
    DUNLIN_CHECK(*n_running_ == 0);
    return {1, 1, "of no instruction", 0};
  }

 private:
  std::shared_ptr<int32_t> n_running_ = std::make_shared<int32_t>(0);  // steps nobody has waited for
};

class AheadBackend final : public Backend {
 public:
  const char* name() const override { return kAheadId; }
  std::vector<DeviceInfo> enumerate() const override {
    auto info = inner_.find("cpu");
    if (!info.is_ok()) return {};
    info->id = kAheadId;
    info->score = 0;
    info->chooses_tokens = info->runs_ahead = true;
    return {*info};
  }
  Result<std::unique_ptr<Device>> open(const DeviceInfo& info, const DeviceOptions& options) const override {
    DUNLIN_ASSIGN_OR_RETURN(const DeviceInfo cpu, inner_.find("cpu"));
    DUNLIN_ASSIGN_OR_RETURN(auto device, inner_.open(cpu, options));
    return std::unique_ptr<Device>(std::make_unique<AheadDevice>(info, std::move(device)));
  }

 private:
  Registry inner_ = make_builtin_registry();
};

}  // namespace

std::unique_ptr<Backend> make_ahead_backend() {
  return std::make_unique<AheadBackend>();
}

}  // namespace dunlin::testing
