// How the attention of one AttentionCall splits into units of work, and the memory that the units need. Pure
// functions. Both ways below give the same bits; the first is for many tokens, the second for few tokens.
//
//   prefill  unit = (kv head, tile of attention_tile_tokens() tokens), each attention_tile(); later tiles see
//   more
//            keys, so hand out the last tiles first.
//   decode   unit = (kv head, page of attention_pages()), each or runs of them attention_partial(); a
//   barrier; then
//            attention_merge(), split by query head.
#pragma once

#include "backends/cpu/kernels/vector.h"

namespace dunlin::cpu {

struct KvPageRange {
  int32_t begin;
  int32_t end;
};

// The pages of 128 positions that the call's tokens see.
KvPageRange attention_pages(const AttentionCall& call);

// Tokens in a prefill tile: about 64 rows of query heads, at least 1.
int attention_tile_tokens(const AttentionCall& call);

// Bytes of scratch that one thread needs for attention_tile or attention_partial; 64-byte aligned memory. It
// depends only on the model's shape.
size_t attention_scratch_bytes(int n_heads, const KvLayout& layout);

// Bytes of the partials of n_tokens tokens over n_pages pages; 64-byte aligned memory.
size_t attention_partials_bytes(int n_heads, const KvLayout& layout, int n_tokens, int n_pages);

}  // namespace dunlin::cpu
