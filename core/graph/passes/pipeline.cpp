#include "core/graph/passes/passes.h"

namespace dunlin {

void run_passes(Graph& graph, const SupportsNode& supports) {
  fuse_linear_glu(graph, supports);
  fuse_residual(graph, supports);
  fuse_linear_group(graph, supports);
}

}  // namespace dunlin
