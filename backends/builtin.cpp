#include "backends/builtin.h"

#include "backends/cpu/device.h"
#include "backends/reference/device.h"

namespace dunlin {

Registry make_builtin_registry() {
  Registry registry;
  registry.add(cpu::make_backend());
  registry.add(reference::make_backend());
  return registry;
}

}  // namespace dunlin
