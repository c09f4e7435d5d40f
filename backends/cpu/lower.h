// Lowering: the graph becomes a flat list of phases with addresses. Row-wise neighbours share a phase; a
// linear's input is quantized in the phase that made it.
#pragma once

#include <memory>
#include <vector>

#include "backends/cpu/kernels/vector.h"
#include "backends/cpu/linear_tables.h"
#include "backends/cpu/phase.h"
#include "core/base/aligned_buffer.h"
#include "core/device/device.h"

namespace dunlin::cpu {

// The kernels of one instruction set.
struct Isa {
  const LinearTable* linear = nullptr;
  const VectorKernelTable* vector = nullptr;
};

// The result of lowering: phases and the memory that their addresses point into.
struct LoweredPlan {
  std::vector<std::unique_ptr<Phase>> phases;
  std::vector<int32_t> last_phase_of_node;  // by node; only for observed plans
  std::vector<float*> value_data;           // by value; null where a value is no temp and not hidden
  std::vector<RowKind> value_rows;          // by value
  std::vector<AlignedBuffer> memory;
  uint64_t scratch_bytes = 0;  // of one thread
};

// observed: every node ends its phase.
Result<LoweredPlan> lower(const Graph& graph, const PlanBindings& bindings, const Isa& isa, bool observed);

// Whether the kernels of this instruction set can run the node; if not, why (if not null) says so.
bool can_lower(const Graph& graph, const Node& node, const Isa& isa, std::string* why);

}  // namespace dunlin::cpu
