#include "backends/builtin.h"

#include "backends/cpu/device.h"
#ifdef DUNLIN_HAS_CUDA
#include "backends/cuda/backend.h"
#endif
#include "backends/reference/device.h"

namespace dunlin {

Registry make_builtin_registry() {
  Registry registry;
#ifdef DUNLIN_HAS_CUDA
  registry.add(cuda::make_backend());
#endif
  registry.add(cpu::make_backend());
  registry.add(reference::make_backend());
  return registry;
}

}  // namespace dunlin
