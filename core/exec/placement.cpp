#include "core/exec/placement.h"

#include <cmath>

namespace dunlin {

std::string format_bytes(uint64_t bytes) {
  constexpr double kGb = 1e9, kMb = 1e6;
  const bool large = double(bytes) >= kGb;
  const auto hundredths = int64_t(std::llround(double(bytes) / (large ? kGb : kMb) * 100));
  const std::string fraction = str_cat(hundredths % 100);
  return str_cat(hundredths / 100, ".", fraction.size() < 2 ? "0" : "", fraction, large ? " GB" : " MB");
}

namespace {

bool fits(const DeviceInfo& device, const MemoryNeed& need) {
  return device.memory_free_bytes == 0 || need.total() <= device.memory_free_bytes;
}

Status too_large(const DeviceInfo& device, const MemoryNeed& need) {
  return Status::exhausted("the model needs ", format_bytes(need.total()), " on ", device.id, " (weights ",
                           format_bytes(need.weight_bytes), ", KV cache ", format_bytes(need.kv_bytes),
                           ", workspace ", format_bytes(need.workspace_bytes), "), and ",
                           format_bytes(device.memory_free_bytes),
                           " is free; use a smaller context (-c), an 8-bit KV cache or a smaller model");
}

}  // namespace

Result<Placement> place(const Registry& registry, std::string_view requested, const MemoryNeed& need) {
  if (requested != "auto") {
    DUNLIN_ASSIGN_OR_RETURN(DeviceInfo device, registry.find(requested));
    if (!fits(device, need)) return too_large(device, need);
    return Placement{device, str_cat(device.id, " (", device.name, "): asked for")};
  }
  int n_devices = 0;
  const DeviceInfo* best = nullptr;
  const std::vector<DeviceInfo> devices = registry.enumerate();
  for (const DeviceInfo& device : devices) {
    if (device.score <= 0) continue;
    ++n_devices;
    if (best == nullptr && fits(device, need)) best = &device;
  }
  if (best == nullptr) {
    for (const DeviceInfo& device : devices)
      if (device.score > 0) return too_large(device, need);
    return Status::not_found("no device of this machine can run a model; see 'dunlin devices'");
  }
  return Placement{*best, str_cat(best->id, " (", best->name, "): best of ", n_devices, " device",
                                  n_devices == 1 ? "" : "s", " for ", format_bytes(need.total()))};
}

}  // namespace dunlin
