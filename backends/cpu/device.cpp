#include "backends/cpu/device.h"

#include <algorithm>

#include "backends/cpu/kv_cache.h"
#include "backends/cpu/pack_cache.h"
#include "backends/cpu/plan.h"
#include "backends/cpu/roofline.h"
#include "backends/cpu/weight.h"
#include "platforms/cpu_features.h"
#include "platforms/memory.h"
#include "platforms/thread_affinity.h"
#include "platforms/topology.h"

namespace dunlin::cpu {
namespace {

constexpr int32_t kBestIsaScore = 100;
constexpr const char* kIdPrefix = "cpu:";
constexpr double kProbeSeconds = 0.5;

class CpuDevice final : public Device {
 public:
  static Result<std::unique_ptr<Device>> create(const DeviceInfo& info, const DeviceOptions& options);

  const DeviceInfo& info() const override { return info_; }
  int32_t kv_block_tokens() const override { return kKvBlockTokens; }
  uint64_t kv_block_bytes(const KvSpec& spec) const override {
    return uint64_t(spec.n_layer) *
           uint64_t(make_kv_layout(spec.type, spec.n_head_kv, spec.head_dim).block_bytes);
  }
  bool supports(const Graph& graph, const Node& node, std::string* why) const override {
    return can_lower(graph, node, isa_, why);
  }
  uint64_t weight_bytes(const WeightSource& source) const override {
    return CpuWeight::bytes_for(source, isa_.linear->layout);
  }
  Result<std::unique_ptr<DeviceWeight>> upload(const WeightSource& source) override {
    const Shape& shape = source.tensor.shape;
    if (source.for_linear && !can_pack(isa_.linear->layout, source.tensor.type, shape.row_elements()))
      return Status::unsupported("weight '", source.name, "' ", dtype_name(source.tensor.type),
                                 shape.to_string(), " has no packed form on ", info_.id,
                                 "; convert the model to another type");
    return CpuWeight::create(source, isa_.linear->layout, *prefill_team(), weight_memory_, pack_cache_.get());
  }
  Status finish_uploads() override {
    if (pack_cache_) pack_cache_->save(*prefill_team());
    return Status::ok();
  }
  Result<std::unique_ptr<KvCache>> create_kv_cache(const KvSpec& spec, int32_t n_blocks) override {
    if (!supports_kv_head_dim(spec.head_dim))
      return Status::unsupported("head_dim ", spec.head_dim, " is not a multiple of 8 in 16..256 (device ",
                                 info_.id, ")");
    return CpuKvCache::create(spec, n_blocks);
  }
  Result<std::unique_ptr<Plan>> compile(const Graph& graph, const PlanBindings& bindings,
                                        const CompileOptions& options) override;
  Roofline measure_roofline() override;

 private:
  ThreadTeam* decode_team() const { return teams_.front().get(); }
  ThreadTeam* prefill_team() const { return teams_.back().get(); }

  DeviceInfo info_;
  Isa isa_;
  std::vector<std::unique_ptr<ThreadTeam>> teams_;  // decode; prefill, if its count differs
  WeightMemory weight_memory_;
  std::unique_ptr<PackCache> pack_cache_;  // null: none is wanted
};

Result<std::unique_ptr<ThreadTeam>> make_team(int n_threads, const Topology& topology,
                                              const ThreadPlan& plan) {
  ThreadTeamOptions options;
  options.n_threads = n_threads;
  options.n_available_cpus = n_usable_cpus(topology);
  // Pinning helps only while each thread has a CPU of its own.
  if (n_threads <= options.n_available_cpus && size_t(n_threads) <= plan.cpu_order.size())
    options.cpus.assign(plan.cpu_order.begin(), plan.cpu_order.begin() + n_threads);
  return ThreadTeam::create(options);
}

Result<std::unique_ptr<Device>> CpuDevice::create(const DeviceInfo& info, const DeviceOptions& options) {
  auto device = std::make_unique<CpuDevice>();
  device->info_ = info;
  const std::string isa = info.id.substr(std::string(kIdPrefix).size());
  device->isa_ = {find_linear_table(isa.c_str()), find_vector_table(std::string(isa).c_str())};
  if (device->isa_.linear == nullptr || device->isa_.vector == nullptr)
    return Status::not_found("this build has no kernels for instruction set '", isa, "'");
  const Topology topology = detect_topology();
  const ThreadPlan plan = recommend_threads(topology);
  const int n_decode = options.n_threads > 0 ? options.n_threads : plan.n_decode;
  const int n_default_prefill = options.n_threads > 0 ? options.n_threads : plan.n_prefill;
  const int n_prefill = options.n_threads_prefill > 0 ? options.n_threads_prefill : n_default_prefill;
  for (const int n : {n_decode, n_prefill}) {
    if (n == n_decode && !device->teams_.empty()) break;
    DUNLIN_ASSIGN_OR_RETURN(auto team, make_team(n, topology, plan));
    device->teams_.push_back(std::move(team));
  }
  if (!options.pack_cache.path.empty())
    device->pack_cache_ =
        std::make_unique<PackCache>(options.pack_cache, device->isa_.linear->layout, options.log);
  device->info_.n_threads = n_decode;
  device->info_.detail = str_cat(n_decode, " threads for decode, ", n_prefill, " for prefill");
  return std::unique_ptr<Device>(std::move(device));
}

Result<std::unique_ptr<Plan>> CpuDevice::compile(const Graph& graph, const PlanBindings& bindings,
                                                 const CompileOptions& options) {
  DUNLIN_ASSIGN_OR_RETURN(LoweredPlan lowered, lower(graph, bindings, isa_, options.observer != nullptr));
  return CpuPlan::create(graph, std::move(lowered), {decode_team(), prefill_team()}, options.observer);
}

Device::Roofline CpuDevice::measure_roofline() {
  const std::string isa = isa_.linear->isa;
  Roofline roofline;
  if (const auto read = measure_read_bandwidth(*decode_team(), isa, kProbeSeconds); read.is_ok())
    roofline.read_gb_s = read->median_gb_per_s;
  if (const auto peak = measure_int8_peak(*prefill_team(), isa, kProbeSeconds); peak.is_ok()) {
    roofline.int8_tops = peak->median_tops;
    roofline.int8_instruction = peak->instruction;
  }
  return roofline;
}

class CpuBackend final : public Backend {
 public:
  const char* name() const override { return "cpu"; }
  std::vector<DeviceInfo> enumerate() const override;
  Result<std::unique_ptr<Device>> open(const DeviceInfo& info, const DeviceOptions& options) const override {
    return CpuDevice::create(info, options);
  }
};

std::vector<DeviceInfo> CpuBackend::enumerate() const {
  const CpuFeatures features = detect_cpu_features();
  const SystemMemory memory = system_memory();
  std::vector<DeviceInfo> devices;
  for (const std::string_view isa : runnable_isas(features)) {
    const std::string name(isa);
    if (find_linear_table(name.c_str()) == nullptr || find_vector_table(std::string(isa).c_str()) == nullptr)
      continue;
    DeviceInfo info;
    info.id = kIdPrefix + name;
    info.kind = DeviceKind::kCpu;
    info.name = features.brand;
    info.detail = devices.empty() ? explain(detect_topology()) : "on request";
    info.memory_bytes = memory.total_bytes;
    info.memory_free_bytes = memory.available_bytes;
    info.score = devices.empty() ? kBestIsaScore : 0;
    devices.push_back(std::move(info));
  }
  return devices;
}

}  // namespace

std::unique_ptr<Backend> make_backend() {
  return std::make_unique<CpuBackend>();
}

}  // namespace dunlin::cpu
