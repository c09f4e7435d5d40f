// Checks what every pass must keep: ids in range, each temp written once before it is read, shapes as op_info
// infers them. A violation is a defect of Dunlin; the message names the node.
#pragma once

#include "core/base/status.h"
#include "core/graph/graph.h"

namespace dunlin {

Status verify_graph(const Graph& graph);

}  // namespace dunlin
