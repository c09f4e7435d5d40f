// Placement: which layers of a model go to which device. Made once, when the model is loaded; says what it
// chose and why.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "core/device/registry.h"

namespace dunlin {

// PlacementRequest::n_gpu_layers: all that fit.
inline constexpr int32_t kAllThatFit = -1;

// What a part has of a model: layers [begin, end), which may be none, and what stands before or behind all
// layers: the embedding in the first part, the final norm and the head in the last.
struct ModelSlice {
  int32_t begin = 0;
  int32_t end = 0;
  bool has_embedding = false;
  bool has_head = false;
  int32_t n_layer() const { return end - begin; }
};

struct PartRequest {
  std::string device;   // an id, or a backend's name
  int32_t n_layer = 0;  // the next so many
};

struct PlacementRequest {
  std::string device = "auto";         // a device id, a backend's name, or "auto"
  int32_t n_gpu_layers = kAllThatFit;  // the last so many on a GPU, with the head; 0: none
  bool require_gpu = false;            // an error if a layer would not be on a GPU
  std::vector<PartRequest> parts;      // if not empty: exactly these, in order, instead of all the above
};

// Bytes on one device.
struct MemoryNeed {
  uint64_t weight_bytes = 0;
  uint64_t kv_bytes = 0;
  uint64_t workspace_bytes = 0;  // estimate
  uint64_t total() const { return weight_bytes + kv_bytes + workspace_bytes; }
};

struct PlacedPart {
  DeviceInfo device;
  ModelSlice slice;
  MemoryNeed need;
};

struct Placement {
  std::vector<PlacedPart> parts;  // in the order of the layers; at least one
  std::string reason;             // "cpu:avx512vnni (AMD EPYC): best of 1 device for 1.10 GB"
};

// What the slice needs on the device, whose free memory is brought up to date.
using SliceNeed = std::function<Result<MemoryNeed>(DeviceInfo& device, const ModelSlice& slice)>;

// With device "auto": all on the best GPU that holds it, else on the GPU with the most free memory as many of
// the last layers as fit, with the head, and the others on the best CPU; without a GPU, all on the best
// device. A device that was asked for takes all, but a GPU leaves to the CPU what does not fit or
// n_gpu_layers takes from it. kResourceExhausted, with the plan of what needs how much, where this does not
// fit or require_gpu cannot be kept; kInvalidArgument where the request contradicts itself.
Result<Placement> place(const Registry& registry, const PlacementRequest& request, int32_t n_layer,
                        const SliceNeed& need);

// What to do about a placement that does not fit, for the end of a message.
const char* what_to_do(const Placement& placement);

// A line for each part: what it has, what that needs, what is free.
std::string placement_table(const Placement& placement);

}  // namespace dunlin
