// Which attention kernels serve a layer, and how they are spread over the device: a function of the layer,
// the capacity and the device only.
#pragma once

#include "backends/cuda/kernels.h"
#include "core/graph/op.h"

namespace dunlin::cuda {

struct AttentionShape {
  // Steps in which every sequence has one row; no function: the general way serves them too.
  Kernel<AttentionParams> decode;
  Grid decode_grid;
  uint32_t decode_block = 32 * kDecodeWarps;
  uint32_t decode_shared_bytes = 0;
  int32_t n_splits = 1;
  // Any step: rope_append, then this.
  Grid append_grid;
  Kernel<AttentionParams> general;
  Grid general_grid;
  uint32_t general_block = 32;
  uint32_t general_shared_bytes = 0;
};

AttentionShape shape_attention(const AttentionAttrs& attrs, const KvView& kv, int32_t n_rows,
                               int32_t n_sequences, const DeviceLimits& limits, const Kernels& kernels);

}  // namespace dunlin::cuda
