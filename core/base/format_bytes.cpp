#include "core/base/format_bytes.h"

#include <cmath>

#include "core/base/str_cat.h"

namespace dunlin {

std::string format_bytes(uint64_t bytes) {
  constexpr double kGb = 1e9, kMb = 1e6;
  const bool large = double(bytes) >= kGb;
  const auto hundredths = int64_t(std::llround(double(bytes) / (large ? kGb : kMb) * 100));
  const std::string fraction = str_cat(hundredths % 100);
  return str_cat(hundredths / 100, ".", fraction.size() < 2 ? "0" : "", fraction, large ? " GB" : " MB");
}

}  // namespace dunlin
