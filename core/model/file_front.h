// Parses the front of a file, which says by itself how long it is: reads more of it as often as the parser
// asks for more. Only these bytes of a model file are kept in memory.
#pragma once

#include <algorithm>
#include <utility>

#include "platforms/input_file.h"
#include "platforms/memory.h"

namespace dunlin {

template <typename Parsed>
struct FileFront {
  LargeBlock bytes;  // what parsed may point into; not from the heap, which would keep the outgrown ones
  Parsed parsed;
};

inline constexpr uint64_t kFirstFrontBytes = uint64_t(1) << 20;
inline constexpr uint64_t kMaxFrontBytes = uint64_t(1) << 30;

// parse(front, needed_bytes) -> Result<Parsed>; where it fails for want of bytes that the file has, it sets
// needed_bytes to where they end.
template <typename Parsed, typename Parse>
Result<FileFront<Parsed>> parse_file_front(const InputFile& file, Parse parse) {
  uint64_t n_bytes = std::min(file.size(), kFirstFrontBytes);
  for (;;) {
    DUNLIN_ASSIGN_OR_RETURN(LargeBlock front, LargeBlock::allocate(size_t(n_bytes)));
    DUNLIN_RETURN_IF_ERROR(file.read(0, front.bytes()));
    uint64_t needed_bytes = 0;
    Result<Parsed> parsed = parse(std::span<const uint8_t>(front.bytes()), needed_bytes);
    if (parsed.is_ok()) return FileFront<Parsed>{std::move(front), std::move(parsed).value()};
    if (needed_bytes <= n_bytes) return parsed.status();
    if (needed_bytes > kMaxFrontBytes)
      return Status::corrupt(file.path(), ": a header of ", needed_bytes, " bytes or more; at most ",
                             kMaxFrontBytes, " are allowed; the file is damaged");
    n_bytes = std::min({file.size(), kMaxFrontBytes, std::max(needed_bytes, 2 * n_bytes)});
  }
}

}  // namespace dunlin
