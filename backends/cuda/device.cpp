#include <algorithm>
#include <array>
#include <charconv>
#include <optional>

#include "backends/cuda/architectures.h"
#include "backends/cuda/backend.h"
#include "backends/cuda/kernel_images.h"
#include "backends/cuda/kv_cache.h"
#include "backends/cuda/lower.h"
#include "backends/cuda/plan.h"
#include "backends/cuda/probe.h"
#include "backends/cuda/weight_uploader.h"

namespace dunlin::cuda {
namespace {

constexpr const char* kIdPrefix = "cuda:";
// Beside "cuda:0", for verification: the same card without CUDA graphs; and as if it had no wgmma, with the
// kernels that other architectures run prefill with.
constexpr const char* kEagerSuffix = "-eager";
constexpr const char* kMmaSuffix = "-mma";
constexpr int32_t kScore = 1000;
constexpr int32_t kHopper = 90;

class CudaDevice final : public Device {
 public:
  static Result<std::unique_ptr<Device>> create(const DeviceInfo& info, std::shared_ptr<const Driver> driver,
                                                int32_t ordinal);

  const DeviceInfo& info() const override { return info_; }
  int32_t kv_block_tokens() const override { return kKvBlockTokens; }
  std::span<const int32_t> bucket_rows() const override {
    static constexpr std::array<int32_t, 5> kBuckets{1, 8, 16, 32, 64};
    return kBuckets;
  }
  uint64_t kv_block_bytes(const KvSpec& spec) const override {
    return uint64_t(spec.n_layer) * cuda::kv_block_bytes(spec);
  }
  bool supports(const Graph& graph, const Node& node, std::string* why) const override {
    return can_lower(graph, node, why);
  }
  uint64_t weight_bytes(const WeightSource& source) const override { return device_bytes(source); }
  Status begin_uploads(std::span<const WeightSource> sources) override {
    DUNLIN_RETURN_IF_ERROR(open_uploader());
    return uploader_->reserve(sources);
  }
  Result<std::unique_ptr<DeviceWeight>> upload(const WeightSource& source) override {
    DUNLIN_RETURN_IF_ERROR(open_uploader());
    auto weight = uploader_->upload(source);
    if (!weight.is_ok()) uploader_.reset();  // it takes nothing more
    return weight;
  }
  Status finish_uploads() override {
    if (uploader_ == nullptr) return Status::ok();
    const Status finished = uploader_->finish();
    uploader_.reset();  // its memory served the weights only
    return finished;
  }
  void drop_uploads() override { uploader_.reset(); }
  Result<std::unique_ptr<KvCache>> create_kv_cache(const KvSpec& spec, int32_t n_blocks) override {
    DUNLIN_RETURN_IF_ERROR(context_->make_current());
    if (spec.head_dim % 8 != 0 || spec.head_dim < 8 || spec.head_dim > 256)
      return Status::unsupported("head_dim ", spec.head_dim, " is not a multiple of 8 in 8..256 (device ",
                                 info_.id, ")");
    return CudaKvCache::create(*context_, spec, n_blocks);
  }
  Result<std::unique_ptr<Plan>> compile(const Graph& graph, const PlanBindings& bindings,
                                        const CompileOptions& options) override {
    DUNLIN_RETURN_IF_ERROR(context_->make_current());
    DUNLIN_RETURN_IF_ERROR(finish_uploads());
    DUNLIN_ASSIGN_OR_RETURN(LoweredPlan lowered, lower(graph, bindings, *context_, *kernels_,
                                                       {shared_scratch_, options.observer != nullptr,
                                                        options.n_choosable_tokens, use_graph_}));
    return CudaPlan::create(*context_, graph, std::move(lowered), host_logits_, use_graph_, options.observer);
  }
  Roofline measure_roofline() override;
  Counters counters() const override {
    const Context::Counters& c = context_->counters();
    return {c.n_allocations, c.n_frees, c.n_graphs, c.n_waits};
  }

 private:
  Status open_uploader() {
    DUNLIN_RETURN_IF_ERROR(context_->make_current());
    if (uploader_ != nullptr) return Status::ok();
    DUNLIN_ASSIGN_OR_RETURN(uploader_, WeightUploader::create(*context_, *kernels_));
    return Status::ok();
  }

  DeviceInfo info_;
  bool use_graph_ = true;
  // In this order: all the rest goes before the context.
  std::unique_ptr<Context> context_;
  std::unique_ptr<LoadedKernels> kernels_;
  std::unique_ptr<WeightUploader> uploader_;
  HostLogits host_logits_;
  SharedScratch shared_scratch_;
};

Result<std::unique_ptr<Device>> CudaDevice::create(const DeviceInfo& info,
                                                   std::shared_ptr<const Driver> driver, int32_t ordinal) {
  auto device = std::make_unique<CudaDevice>();
  device->info_ = info;
  device->use_graph_ = !info.id.ends_with(kEagerSuffix);
  DUNLIN_ASSIGN_OR_RETURN(device->context_,
                          Context::open(std::move(driver), ordinal, !info.id.ends_with(kMmaSuffix)));
  size_t free_bytes = 0, total_bytes = 0;
  DUNLIN_RETURN_IF_ERROR(device->context_->check(
      device->context_->driver().cuMemGetInfo(&free_bytes, &total_bytes), "asking for free memory"));
  device->info_.memory_free_bytes = free_bytes;
  DUNLIN_ASSIGN_OR_RETURN(device->kernels_, LoadedKernels::load(*device->context_));
  return std::unique_ptr<Device>(std::move(device));
}

Device::Roofline CudaDevice::measure_roofline() {
  Roofline roofline;
  if (!context_->make_current().is_ok()) return roofline;
  if (const auto read = measure_read_bandwidth(*context_, *kernels_); read.is_ok())
    roofline.read_gb_s = *read;
  if (const auto upload = measure_upload_bandwidth(*context_); upload.is_ok()) roofline.upload_gb_s = *upload;
  return roofline;
}

// What the driver says of a device before it is opened.
struct Card {
  int32_t ordinal = 0;
  std::string name;
  int32_t compute_capability = 0;  // 90: 9.0
  int32_t n_sm = 0;
  uint64_t memory_bytes = 0;
};

std::optional<Card> read_card(const Driver& d, int32_t ordinal) {
  CUdevice device = 0;
  if (d.cuDeviceGet(&device, ordinal) != CUDA_SUCCESS) return std::nullopt;
  char name[128] = "NVIDIA GPU";
  (void)d.cuDeviceGetName(name, sizeof name, device);
  int major = 0, minor = 0, n_sm = 0;
  (void)d.cuDeviceGetAttribute(&major, CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MAJOR, device);
  (void)d.cuDeviceGetAttribute(&minor, CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MINOR, device);
  (void)d.cuDeviceGetAttribute(&n_sm, CU_DEVICE_ATTRIBUTE_MULTIPROCESSOR_COUNT, device);
  size_t total = 0;
  (void)d.cuDeviceTotalMem(&total, device);
  return Card{ordinal, name, 10 * major + minor, n_sm, total};
}

std::string dotted(int32_t compute_capability) {
  return str_cat(compute_capability / 10, ".", compute_capability % 10);
}

class CudaBackend final : public Backend {
 public:
  const char* name() const override { return "cuda"; }
  std::vector<DeviceInfo> enumerate() const override;
  std::vector<std::string> notes() const override;
  Result<std::unique_ptr<Device>> open(const DeviceInfo& info, const DeviceOptions& options) const override;

 private:
  std::vector<Card> cards() const;

  const Result<std::shared_ptr<const Driver>> driver_ = Driver::load();
};

// The lines of a card that this build has kernels for.
std::vector<DeviceInfo> describe(const Card& card) {
  DeviceInfo info;
  info.id = str_cat(kIdPrefix, card.ordinal);
  info.kind = DeviceKind::kGpu;
  info.name = card.name;
  info.detail = str_cat("compute capability ", dotted(card.compute_capability), ", ", card.n_sm, " SMs");
  info.memory_bytes = card.memory_bytes;
  // What others use is known once a context is open; until then the whole card counts.
  info.memory_free_bytes = card.memory_bytes;
  info.chooses_tokens = true;
  info.runs_ahead = true;
  info.score = kScore;
  DeviceInfo eager = info;
  eager.id += kEagerSuffix;
  eager.detail = "the same, kernel by kernel";
  eager.score = 0;
  if (card.compute_capability != kHopper) return {info, eager};
  DeviceInfo mma = info;
  mma.id += kMmaSuffix;
  mma.detail = "the same, as if it had no wgmma";
  mma.score = 0;
  return {info, eager, mma};
}

std::vector<Card> CudaBackend::cards() const {
  std::vector<Card> cards;
  int count = 0;
  if (!driver_.is_ok() || (*driver_)->cuDeviceGetCount(&count) != CUDA_SUCCESS) return cards;
  for (int32_t i = 0; i < count; ++i)
    if (auto card = read_card(**driver_, i)) cards.push_back(*std::move(card));
  return cards;
}

std::vector<DeviceInfo> CudaBackend::enumerate() const {
  std::vector<DeviceInfo> devices;
  for (const Card& card : cards())
    if (has_code_for(card.compute_capability, built_architectures()))
      for (DeviceInfo& info : describe(card)) devices.push_back(std::move(info));
  return devices;
}

std::vector<std::string> CudaBackend::notes() const {
  if (!driver_.is_ok()) return {driver_.message()};
  std::vector<std::string> notes;
  for (const Card& card : cards()) {
    if (has_code_for(card.compute_capability, built_architectures())) continue;
    std::string built;
    for (const std::string_view architecture : built_architectures())
      built += str_cat(built.empty() ? "" : ", ", architecture);
    notes.push_back(str_cat(card.name, " has compute capability ", dotted(card.compute_capability),
                            ", and this build has kernels for ", built, " (DUNLIN_CUDA_ARCHITECTURES)"));
  }
  return notes;
}

Result<std::unique_ptr<Device>> CudaBackend::open(const DeviceInfo& info, const DeviceOptions&) const {
  const std::string_view id = std::string_view(info.id).substr(std::string_view(kIdPrefix).size());
  int32_t ordinal = 0;
  std::from_chars(id.data(), id.data() + id.size(), ordinal);
  return CudaDevice::create(info, *driver_, ordinal);
}

}  // namespace

std::unique_ptr<Backend> make_backend() {
  return std::make_unique<CudaBackend>();
}

}  // namespace dunlin::cuda
