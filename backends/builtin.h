// The backends of this build.
#pragma once

#include "core/device/registry.h"

namespace dunlin {

// A registry with every compiled-in backend, the reference last.
Registry make_builtin_registry();

}  // namespace dunlin
