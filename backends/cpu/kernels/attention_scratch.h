// The memory that the attention units share: sizes and record layout, known to the ISA units and to
// attention_units.cpp. Plain data and constexpr values only.
#pragma once

#include <stdint.h>

#include "backends/cpu/kv_layout.h"

namespace dunlin::cpu {

// A row is one query head of one token. A prefill tile has this many rows, or one token's group if that is
// larger: enough to read K and V from L2 rarely, few enough that queries and outputs of head_dim 128 (2 x 32
// KB) stay in L2.
inline constexpr int kAttentionTileRows = 64;

// Most rows that any ISA multiplies at once.
inline constexpr int kMaxBlockRows = 8;

// A partial result of one row and page, or the running result of one row: floats {max, sum, -, ...,
// out[padded]}.
inline constexpr int kRecordMax = 0;
inline constexpr int kRecordSum = 1;
inline constexpr int kRecordOut = 16;

}  // namespace dunlin::cpu
