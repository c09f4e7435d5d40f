// The monotonic clock: never set back, unrelated to the time of day, tens of nanoseconds a reading.
#pragma once

#include <cstdint>

namespace dunlin {

int64_t monotonic_ns();

}  // namespace dunlin
