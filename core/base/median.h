// The middle of some measurements: what a disturbed few of them do not move.
#pragma once

#include <algorithm>
#include <vector>

namespace dunlin {

// The mean of the two in the middle if the count is even; 0 of none.
inline double median(std::vector<double> values) {
  if (values.empty()) return 0;
  const auto middle = values.begin() + std::ptrdiff_t(values.size() / 2);
  std::nth_element(values.begin(), middle, values.end());
  if (values.size() % 2 == 1) return *middle;
  return (*middle + *std::max_element(values.begin(), middle)) / 2;
}

}  // namespace dunlin
