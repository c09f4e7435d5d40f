// Placement: which device a model goes to. Made once, when the model is loaded; says in one line what it
// chose and why.
#pragma once

#include <string>

#include "core/device/registry.h"

namespace dunlin {

struct MemoryNeed {
  uint64_t weight_bytes = 0;
  uint64_t kv_bytes = 0;
  uint64_t workspace_bytes = 0;  // estimate
  uint64_t total() const { return weight_bytes + kv_bytes + workspace_bytes; }
};

struct Placement {
  DeviceInfo device;
  std::string reason;  // "cpu:avx512vnni (AMD EPYC): best score of 1 device that fits 1.1 GB"
};

// requested: a device id, a backend's name, or "auto": the best score whose free memory holds the need. An
// explicit device that is too small is an error with the plan: what needs how much.
Result<Placement> place(const Registry& registry, std::string_view requested, const MemoryNeed& need);

// "1.23 GB"
std::string format_bytes(uint64_t bytes);

}  // namespace dunlin
