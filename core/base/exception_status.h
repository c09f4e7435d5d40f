// The exception in flight as a Status, for the places that no exception passes: the C API and the engine's
// thread.
#pragma once

#include "core/base/status.h"

namespace dunlin {

// Call it inside a catch block. kResourceExhausted for want of memory or threads, else kInternal.
Status status_of_exception() noexcept;

}  // namespace dunlin
