#include "backends/reference/device.h"

#include "backends/reference/plan.h"
#include "backends/reference/storage.h"

namespace dunlin::reference {
namespace {

class ReferenceDevice final : public Device {
 public:
  explicit ReferenceDevice(DeviceInfo info) : info_(std::move(info)) {}

  const DeviceInfo& info() const override { return info_; }
  int32_t kv_block_tokens() const override { return kBlockTokens; }
  uint64_t kv_block_bytes(const KvSpec& spec) const override {
    return uint64_t(spec.n_layer) * kBlockTokens * 2 * uint64_t(spec.n_head_kv) * uint64_t(spec.head_dim) *
           sizeof(float);
  }
  bool supports(const Graph&, const Node&, std::string*) const override { return true; }
  uint64_t weight_bytes(const WeightSource& source) const override {
    return uint64_t(source.tensor.shape.elements()) * sizeof(float);
  }
  Result<std::unique_ptr<DeviceWeight>> upload(const WeightSource& source) override {
    DUNLIN_ASSIGN_OR_RETURN(std::vector<float> values, dequantize_weight(source));
    return std::unique_ptr<DeviceWeight>(std::make_unique<Weight>(std::move(values)));
  }
  Result<std::unique_ptr<KvCache>> create_kv_cache(const KvSpec& spec, int32_t n_blocks) override {
    return std::unique_ptr<KvCache>(std::make_unique<Cache>(spec, n_blocks));
  }
  Result<std::unique_ptr<dunlin::Plan>> compile(const Graph& graph, const PlanBindings& bindings,
                                                const CompileOptions& options) override {
    return std::unique_ptr<dunlin::Plan>(std::make_unique<Plan>(graph, bindings, options));
  }
  Roofline measure_roofline() override { return {}; }

 private:
  DeviceInfo info_;
};

class ReferenceBackend final : public Backend {
 public:
  const char* name() const override { return "reference"; }
  std::vector<DeviceInfo> enumerate() const override {
    DeviceInfo info;
    info.id = "reference";
    info.kind = DeviceKind::kReference;
    info.name = "scalar reference";
    info.detail = "one thread, f32 weights, double accumulation: the oracle, for verification only";
    info.score = 0;
    return {info};
  }
  Result<std::unique_ptr<Device>> open(const DeviceInfo& info, const DeviceOptions&) const override {
    return std::unique_ptr<Device>(std::make_unique<ReferenceDevice>(info));
  }
};

}  // namespace

std::unique_ptr<Backend> make_backend() {
  return std::make_unique<ReferenceBackend>();
}

}  // namespace dunlin::reference
