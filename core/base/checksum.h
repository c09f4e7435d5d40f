// checksum64: finds accidental damage of bytes. It is no defence against somebody who wants two contents to
// agree. The value is written to files, so it must stay what it is.
#pragma once

#include <cstdint>
#include <span>

namespace dunlin {

// Any change inside one aligned group of 8 bytes changes the checksum; any other with a chance of 1 - 2^-64.
uint64_t checksum64(std::span<const uint8_t> bytes);

}  // namespace dunlin
