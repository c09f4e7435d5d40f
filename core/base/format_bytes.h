// format_bytes: amounts of memory and of weights, in messages and reports: decimal units, as in GB/s.
#pragma once

#include <cstdint>
#include <string>

namespace dunlin {

// "0.52 MB", "1.23 GB"
std::string format_bytes(uint64_t bytes);

}  // namespace dunlin
