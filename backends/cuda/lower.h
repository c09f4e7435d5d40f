// From a graph to launches: matches runs of nodes to fused kernels, gives every value its place, and leaves
// two lists that share them: steps in which every sequence has one row, and all other steps. Two more choose
// tokens from the logits of either.
#pragma once

#include <array>
#include <vector>

#include "backends/cuda/kernels.h"
#include "backends/cuda/shared_scratch.h"
#include "backends/cuda/step_buffer.h"
#include "backends/cuda/weight.h"
#include "core/device/device.h"

namespace dunlin::cuda {

struct LoweredPlan {
  // What a step does, in order: begin, decode or general, greedy or sampled, end. By slot of the step buffer
  // where pinned memory is involved.
  std::array<Launch, StepBuffer::kSlots> begin, begin_sampled, end;
  std::vector<Launch> decode;   // every sequence has one row
  std::vector<Launch> general;  // any step
  std::vector<Launch> greedy;   // tokens from logits, where all are those of the largest
  std::vector<Launch> sampled;  // where any is to be sampled
  StepBuffer step;
  DeviceBuffer workspace;
  std::vector<DeviceBuffer> scratch;
  std::shared_ptr<const DeviceBuffer> panel;  // where prefill unpacks matrices, or null
  const float* logits = nullptr;              // on the device
  DeviceBuffer meetings;                      // zeroed when a step begins: AttentionParams::meetings
  float* hidden = nullptr;                    // rows of the part before this one, on the device; or null
  std::vector<const float*> value_data;       // by value id, on the device
  std::vector<int32_t> last_launch_of_node;   // observed plans: in `general`
};

struct LowerOptions {
  SharedScratch& shared_scratch;
  bool observed = false;  // every node by itself
  int32_t n_choosable_tokens = 0;
  bool may_wait = true;  // CTAs for one another; off, the last of a kernel does what is not there at once
};

bool can_lower(const Graph& graph, const Node& node, std::string* why);

Result<LoweredPlan> lower(const Graph& graph, const PlanBindings& bindings, const Context& context,
                          const Kernels& kernels, const LowerOptions& options);

}  // namespace dunlin::cuda
