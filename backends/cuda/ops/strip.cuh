// From a strip's index to its weights and its outputs.
#pragma once

#include "backends/cuda/device/linear_params.h"

namespace dunlin::cuda {

struct StripRef {
  int32_t segment;
  int32_t row;  // first output column, within the segment
};

__device__ __forceinline__ StripRef strip_ref(const LinearParams& p, int32_t strip) {
  if (p.glu) return {strip % 2, strip / 2 * kStripRows};
  int32_t segment = 0;
#pragma unroll
  for (int32_t s = 1; s < kMaxSegments; ++s)
    if (s < p.n_segments && strip >= p.segments[s].first_strip) segment = s;
  return {segment, (strip - p.segments[segment].first_strip) * kStripRows};
}

__device__ __forceinline__ const uint8_t* strip_tiles(const LinearParams& p, const StripRef& ref) {
  const LinearSegment& s = p.segments[ref.segment];
  return s.tiles + int64_t(ref.row / kStripRows) * s.strip_bytes;
}

}  // namespace dunlin::cuda
