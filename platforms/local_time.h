// The time of day where the machine says it is.
#pragma once

#include <ctime>

namespace dunlin {

// By the C library's idea of the time zone, which is the process's.
std::tm local_time();

}  // namespace dunlin
