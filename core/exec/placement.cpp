#include "core/exec/placement.h"

#include <algorithm>

#include "core/base/format_bytes.h"

namespace dunlin {
namespace {

std::string describe(const ModelSlice& slice) {
  std::string text = slice.has_embedding ? "embedding" : "";
  const auto add = [&](const std::string& what) { text += str_cat(text.empty() ? "" : ", ", what); };
  if (slice.n_layer() == 1) add(str_cat("layer ", slice.begin));
  if (slice.n_layer() > 1) add(str_cat("layers ", slice.begin, "-", slice.end - 1));
  if (slice.has_head) add("head");
  return text;
}

// Whether every device holds all parts that are on it. Devices that do not know their memory hold anything.
bool fits(const Placement& placement) {
  for (const PlacedPart& part : placement.parts) {
    uint64_t bytes = 0;
    for (const PlacedPart& other : placement.parts)
      if (other.device.id == part.device.id) bytes += other.need.total();
    if (part.device.memory_free_bytes != 0 && bytes > part.device.memory_free_bytes) return false;
  }
  return true;
}

Status does_not_fit(const Placement& placement, const std::string& why, const char* advice) {
  return Status::exhausted(why, ":\n", placement_table(placement), "\n", advice);
}

constexpr const char* kNeedLess =
    "use a smaller context (n_ctx), an 8-bit KV cache (kv_type) or a smaller model";
constexpr const char* kUseFewerGpuLayers =
    "put fewer layers on the GPU (n_gpu_layers), or use a smaller context (n_ctx), an 8-bit KV cache "
    "(kv_type) or a smaller model";
constexpr const char* kDropRequireGpu =
    "leave out require_gpu, or use a smaller context (n_ctx), an 8-bit KV cache (kv_type) or a smaller model";

class Placer {
 public:
  Placer(const Registry& registry, const PlacementRequest& request, int32_t n_layer, const SliceNeed& need)
      : registry_(registry), request_(request), n_layer_(n_layer), need_(need) {}

  Result<Placement> place();

 private:
  struct Share {
    DeviceInfo device;
    int32_t n_layer;
  };

  Status find_devices();
  Status check_request() const;
  // With what each part needs and what its device has free now.
  Result<Placement> priced(const std::vector<Share>& shares) const;
  Result<Placement> priced_whole(const DeviceInfo& device) const { return priced({{device, n_layer_}}); }
  // Layers [cut, n_layer) and the head on the GPU, the rest on the CPU.
  Result<Placement> priced_split(const DeviceInfo& gpu, int32_t cut) const {
    return priced({{*cpu_, cut}, {gpu, n_layer_ - cut}});
  }
  Result<Placement> place_as_listed() const;
  Result<Placement> place_on(const DeviceInfo& device, const std::string& why) const;
  Result<Placement> place_without_gpu() const;
  Result<Placement> place_with_gpu() const;
  // The least cut with which the GPU holds its part; n_layer if it does not hold even the last layer.
  Result<int32_t> least_cut(const DeviceInfo& gpu) const;
  bool is_auto() const { return request_.n_gpu_layers == kAllThatFit; }
  bool wants_all() const { return is_auto() || request_.n_gpu_layers >= n_layer_; }

  const Registry& registry_;
  const PlacementRequest& request_;
  const int32_t n_layer_;
  const SliceNeed& need_;
  std::vector<DeviceInfo> gpus_;  // to choose from, best first
  const DeviceInfo* cpu_ = nullptr;
  const DeviceInfo* named_ = nullptr;  // asked for
  std::vector<DeviceInfo> devices_;
};

Result<Placement> Placer::priced(const std::vector<Share>& shares) const {
  Placement placement;
  int32_t next = 0;
  for (size_t i = 0; i < shares.size(); ++i) {
    PlacedPart part{shares[i].device, {next, next + shares[i].n_layer, i == 0, i + 1 == shares.size()}, {}};
    DUNLIN_ASSIGN_OR_RETURN(part.need, need_(part.device, part.slice));
    placement.parts.push_back(std::move(part));
    next += shares[i].n_layer;
  }
  return placement;
}

Status Placer::find_devices() {
  devices_ = registry_.enumerate();
  if (request_.device != "auto") {
    DUNLIN_ASSIGN_OR_RETURN(const DeviceInfo found, registry_.find(request_.device));
    named_ = &*std::ranges::find(devices_, found.id, &DeviceInfo::id);
  }
  for (const DeviceInfo& device : devices_) {
    if (device.kind == DeviceKind::kCpu && device.score > 0 && cpu_ == nullptr) cpu_ = &device;
    const bool is_candidate = named_ == nullptr ? device.score > 0 : device.id == named_->id;
    if (device.kind == DeviceKind::kGpu && is_candidate) gpus_.push_back(device);
  }
  return Status::ok();
}

Status Placer::check_request() const {
  if (request_.n_gpu_layers < kAllThatFit)
    return Status::invalid("n_gpu_layers is ", request_.n_gpu_layers, ", expected 0 or more, or ",
                           kAllThatFit, " for all that fit");
  if (request_.require_gpu && !wants_all())
    return Status::invalid(
        "of ", n_layer_, " layers, ", request_.n_gpu_layers,
        " are asked for on a GPU (n_gpu_layers), and require_gpu wants all there; give one of both");
  const bool names_no_gpu = named_ != nullptr && named_->kind != DeviceKind::kGpu;
  if (names_no_gpu && (request_.require_gpu || request_.n_gpu_layers > 0))
    return Status::invalid("device ", named_->id, " is no GPU, and ",
                           request_.require_gpu
                               ? "require_gpu wants one"
                               : str_cat(request_.n_gpu_layers, " layers are asked for on one"),
                           "; name another device, or 'auto'");
  return Status::ok();
}

Result<Placement> Placer::place_as_listed() const {
  std::vector<Share> shares;
  int32_t n_layer = 0;
  for (const PartRequest& part : request_.parts) {
    const bool is_outer = &part == &request_.parts.front() || &part == &request_.parts.back();
    if (part.n_layer < (is_outer ? 0 : 1))
      return Status::invalid("the part on ", part.device, " has ", part.n_layer,
                             " layers; only the first and the last part may have none");
    DUNLIN_ASSIGN_OR_RETURN(DeviceInfo device, registry_.find(part.device));
    shares.push_back({std::move(device), part.n_layer});
    n_layer += part.n_layer;
  }
  if (n_layer != n_layer_)
    return Status::invalid("the parts have ", n_layer, " layers, and the model has ", n_layer_);
  DUNLIN_ASSIGN_OR_RETURN(Placement placement, priced(shares));
  if (!fits(placement)) return does_not_fit(placement, "the model does not fit as it was placed", kNeedLess);
  placement.reason = "as asked for";
  return placement;
}

Result<Placement> Placer::place_on(const DeviceInfo& device, const std::string& why) const {
  DUNLIN_ASSIGN_OR_RETURN(Placement placement, priced_whole(device));
  if (!fits(placement))
    return does_not_fit(placement, str_cat("the model does not fit on ", device.id), kNeedLess);
  placement.reason = str_cat(device.id, " (", device.name, "): ", why);
  return placement;
}

Result<Placement> Placer::place_without_gpu() const {
  if (named_ != nullptr && named_->kind != DeviceKind::kGpu) return place_on(*named_, "asked for");
  if (request_.n_gpu_layers == 0) {
    if (cpu_ == nullptr) return Status::not_found("no CPU device of this build can run a model");
    return place_on(*cpu_, "no layer is wanted on a GPU");
  }
  int n_devices = 0;
  const DeviceInfo* best = nullptr;
  for (const DeviceInfo& device : devices_) {
    if (device.score <= 0) continue;
    ++n_devices;
    if (best == nullptr) best = &device;
  }
  if (best == nullptr) return Status::not_found("no device of this machine can run a model");
  DUNLIN_ASSIGN_OR_RETURN(const Placement whole, priced_whole(*best));
  if (request_.require_gpu)
    return does_not_fit(whole, "a GPU is required for all layers, and there is none that this build can use",
                        "a GPU needs its driver, and a build of Dunlin for it; or leave out require_gpu");
  std::string why = str_cat("best of ", n_devices, " device", n_devices == 1 ? "" : "s", " for ",
                            format_bytes(whole.parts[0].need.total()));
  if (request_.n_gpu_layers > 0) why += str_cat("; no GPU for ", request_.n_gpu_layers, " layers");
  return place_on(*best, why);
}

Result<int32_t> Placer::least_cut(const DeviceInfo& gpu) const {
  int32_t low = 0, high = n_layer_;
  while (low < high) {
    const int32_t middle = low + (high - low) / 2;
    DUNLIN_ASSIGN_OR_RETURN(const Placement on_gpu, priced_split(gpu, middle));
    const PlacedPart& part = on_gpu.parts[1];
    const bool holds =
        part.device.memory_free_bytes == 0 || part.need.total() <= part.device.memory_free_bytes;
    (holds ? high : low) = holds ? middle : middle + 1;
  }
  return low;
}

Result<Placement> Placer::place_with_gpu() const {
  Placement roomiest;  // all of the model on the GPU with the most free memory
  if (wants_all()) {
    for (const DeviceInfo& gpu : gpus_) {
      DUNLIN_ASSIGN_OR_RETURN(Placement whole, priced_whole(gpu));
      const PlacedPart& part = whole.parts[0];
      whole.reason =
          str_cat(gpu.id, " (", gpu.name, "): ",
                  named_ != nullptr ? "asked for"
                                    : str_cat("best of ", gpus_.size(), " GPU", gpus_.size() == 1 ? "" : "s",
                                              " for ", format_bytes(part.need.total())));
      if (fits(whole)) return whole;
      if (roomiest.parts.empty() ||
          part.device.memory_free_bytes > roomiest.parts[0].device.memory_free_bytes)
        roomiest = std::move(whole);
    }
  }
  if (cpu_ == nullptr) return Status::not_found("no CPU device of this build takes what is not on the GPU");
  const DeviceInfo& gpu = roomiest.parts.empty() ? gpus_.front() : roomiest.parts[0].device;
  int32_t cut = std::max(0, n_layer_ - request_.n_gpu_layers);
  if (is_auto()) {
    DUNLIN_ASSIGN_OR_RETURN(cut, least_cut(gpu));
  }
  if (cut == n_layer_ && !request_.require_gpu)
    return place_on(*cpu_, str_cat(gpu.id, " does not hold even the last layer and the head"));
  DUNLIN_ASSIGN_OR_RETURN(Placement split, priced_split(gpu, cut));
  if (request_.require_gpu && (cut > 0 || !fits(split)))
    return does_not_fit(
        roomiest, str_cat("all layers must be on a GPU (require_gpu), and ", gpu.id, " does not hold them"),
        kDropRequireGpu);
  if (!fits(split))
    return does_not_fit(split, "the model does not fit, in parts either",
                        is_auto() ? kNeedLess : kUseFewerGpuLayers);
  split.reason = str_cat(n_layer_ - cut, " of ", n_layer_, " layers and the head on ", gpu.id, " (", gpu.name,
                         "), the rest on ", cpu_->id, " (", cpu_->name, "): ");
  split.reason += roomiest.parts.empty()
                      ? "asked for"
                      : str_cat("the whole needs ", format_bytes(roomiest.parts[0].need.total()), ", and ",
                                format_bytes(gpu.memory_free_bytes), " is free on ", gpu.id);
  return split;
}

Result<Placement> Placer::place() {
  if (!request_.parts.empty()) return place_as_listed();
  DUNLIN_RETURN_IF_ERROR(find_devices());
  DUNLIN_RETURN_IF_ERROR(check_request());
  return gpus_.empty() || request_.n_gpu_layers == 0 ? place_without_gpu() : place_with_gpu();
}

}  // namespace

const char* what_to_do(const Placement& placement) {
  for (const PlacedPart& part : placement.parts)
    if (part.device.kind == DeviceKind::kGpu) return kUseFewerGpuLayers;
  return kNeedLess;
}

std::string placement_table(const Placement& placement) {
  std::string text;
  for (const PlacedPart& part : placement.parts) {
    text += str_cat(text.empty() ? "  " : "\n  ", part.device.id, ": ", describe(part.slice), ": weights ",
                    format_bytes(part.need.weight_bytes), ", KV cache ", format_bytes(part.need.kv_bytes),
                    ", workspace ", format_bytes(part.need.workspace_bytes), ", in all ",
                    format_bytes(part.need.total()));
    if (part.device.memory_free_bytes != 0)
      text += str_cat(" of ", format_bytes(part.device.memory_free_bytes), " free");
  }
  return text;
}

Result<Placement> place(const Registry& registry, const PlacementRequest& request, int32_t n_layer,
                        const SliceNeed& need) {
  return Placer(registry, request, n_layer, need).place();
}

}  // namespace dunlin
