// Attention of a block of R <= kMaxRows rows with one KV page: the arithmetic that every unit of attention
// shares.
//
//   1. scores [R, keys] = q [R, D] . K [keys, D]      lanes are keys, queries are broadcast
//   2. soft cap, mask, p = exp(score - max), sum      per row
//   3. out [R, D] = p [R, keys] . V [keys, D]         lanes are dimensions, p is broadcast
//
// Every score is one chain of multiply-adds over the dimensions, every output one chain over the page's keys
// or an exact integer (weighted_values_q8.inl), whatever R and the tile width are; masked keys add exact
// zeros. So a row's partial result depends only on its query and its keys, and folding the pages in order
// gives the same bits for every chunking and every split.
//
// Tiles are R rows x V vectors. Loads per multiply-add: (R + V) / (R V), 0.63 for the 8 x 2 tile of AVX512
// and 0.67 for 6 x 2 of AVX2, so that the multiply-adds and not the loads are the limit.

// acc[r][v] += a[r * kRowStride + i * kStep] * b(i, v) for i in begin .. end - 1.
template <int R, int V, int kRowStride, int kStep, class LoadB>
[[gnu::always_inline]] inline void multiply_tile(const float* a, int begin, int end, LoadB b,
                                                 F32 (&acc)[R][V]) {
  for (int i = begin; i < end; ++i) {
    const float* const row = a + int64_t(i) * kStep;
    if constexpr (R * V + V + 1 <= kRegisters) {
      F32 columns[V];
      for (int v = 0; v < V; ++v) columns[v] = b(i, v);
#pragma GCC unroll 8
      for (int r = 0; r < R; ++r) {
        const F32 value = set1(row[r * kRowStride]);
#pragma GCC unroll 8
        for (int v = 0; v < V; ++v) acc[r][v] = fma(value, columns[v], acc[r][v]);
      }
    } else {
#pragma GCC unroll 8
      for (int v = 0; v < V; ++v) {
        const F32 column = b(i, v);
#pragma GCC unroll 8
        for (int r = 0; r < R; ++r) acc[r][v] = fma(set1(row[r * kRowStride]), column, acc[r][v]);
      }
    }
  }
}

constexpr int kGroupVectors = kKvGroupKeys / kLanes;

// Keys and values that are floats of 16 or 8 bits: the element's type says which.
inline F32 load_floats(const uint16_t* p) {
  return load_f16(p);
}
inline F32 load_floats(const uint8_t* p) {
  return load_e4m3(p);
}

// Scores of the page's key vectors begin .. end - 1; vector i holds the keys i * kLanes and on.
template <int R, int V, class Element>
inline void scores_float(const QueryBlock& query, const Element* keys, int head_dim, int begin, int end,
                         const Ahead& next, float* scores) {
  for (; begin + V <= end; begin += V) {
    const Element* columns[V];
    for (int v = 0; v < V; ++v) {
      const int vector = begin + v;
      columns[v] =
          keys + int64_t(vector / kGroupVectors) * head_dim * kKvGroupKeys + vector % kGroupVectors * kLanes;
    }
    F32 acc[R][V] = {};
    const auto load_keys_at = [&](int d, int v) {
      next.fetch((begin + v) * head_dim + d);
      return load_floats(columns[v] + d * kKvGroupKeys);
    };
    multiply_tile<R, V, 1, R>(query.f32, 0, head_dim, load_keys_at, acc);
    for (int r = 0; r < R; ++r) {
      for (int v = 0; v < V; ++v) store(scores + r * kKvBlockTokens + (begin + v) * kLanes, acc[r][v]);
    }
  }
  if constexpr (V > 1) {
    if (begin < end) scores_float<R, V / 2>(query, keys, head_dim, begin, end, next, scores);
  }
}

// What load_e4m3 leaves for the token's scale to make up for.
inline F32 token_scales(const uint16_t* scales, int vector) {
  return load_f16(scales + vector * kLanes) * set1(kE4m3Unit);
}

template <int R>
inline void scores_fp8(const QueryBlock& query, const KvLayout& layout, const uint8_t* page, int begin,
                       int end, const Ahead& next, float* scores) {
  scores_float<R, tile_vectors(R, kTileRegisters)>(query, page, layout.head_dim, begin, end, next, scores);
  const uint16_t* const scales = reinterpret_cast<const uint16_t*>(page + layout.k_scales_offset);
  for (int vector = begin; vector < end; ++vector) {
    const F32 scale = token_scales(scales, vector);
    for (int r = 0; r < R; ++r) {
      float* const score = scores + r * kKvBlockTokens + vector * kLanes;
      store(score, load(score) * scale);
    }
  }
}

// The same for Q8_0: per 32 dimensions an exact integer dot product, times K's scale, times the query's
// scale.
template <int R, int V>
inline void scores_q8(const QueryBlock& query, const uint8_t* keys, const uint16_t* key_scales, int head_dim,
                      int scale_blocks, int begin, int end, const Ahead& next, float* scores) {
  for (; begin + V <= end; begin += V) {
    for (int block = 0; block < scale_blocks; ++block) {
      I32 acc[R][V];
      for (int r = 0; r < R; ++r) {
        for (int v = 0; v < V; ++v) acc[r][v] = set1_i32(query.starts[block * R + r]);
      }
      const int quad_begin = block * (kKvScaleDims / 4);
      const int quad_end =
          quad_begin + kKvScaleDims / 4 < head_dim / 4 ? quad_begin + kKvScaleDims / 4 : head_dim / 4;
      for (int quad = quad_begin; quad < quad_end; ++quad) {
#pragma GCC unroll 8
        for (int v = 0; v < V; ++v) {
          const int vector = begin + v;
          next.fetch(vector * (head_dim / 4) + quad);
          const KeyBytes column = load_keys(keys + int64_t(vector / kGroupVectors) * head_dim * kKvGroupKeys +
                                            (quad * kKvGroupKeys + vector % kGroupVectors * kLanes) * 4);
#pragma GCC unroll 8
          for (int r = 0; r < R; ++r) acc[r][v] = add_dot4(acc[r][v], column, query.dwords[quad * R + r]);
        }
      }
      for (int v = 0; v < V; ++v) {
        const int vector = begin + v;
        const F32 scale =
            load_f16(key_scales + (vector / kGroupVectors * scale_blocks + block) * kKvGroupKeys +
                     vector % kGroupVectors * kLanes);
        for (int r = 0; r < R; ++r) {
          float* const score = scores + r * kKvBlockTokens + vector * kLanes;
          const F32 sum = block == 0 ? set1(0.0f) : load(score);
          store(score, fma(to_f32(acc[r][v]) * scale, set1(query.scales[block * R + r]), sum));
        }
      }
    }
  }
  if constexpr (V > 1) {
    if (begin < end)
      scores_q8<R, V / 2>(query, keys, key_scales, head_dim, scale_blocks, begin, end, next, scores);
  }
}

// Vectors that the scores of a whole page load.
inline int64_t n_key_vectors(const KvLayout& layout) {
  const int a_key = layout.type == KvType::kQ8_0 ? layout.head_dim / 4 : layout.head_dim;
  return int64_t(kKvBlockTokens / kLanes) * a_key;
}

// And its values.
inline int64_t n_value_vectors(const KvLayout& layout) {
  const int rows = layout.type == KvType::kQ8_0 ? kKvBlockTokens / kKvQuadTokens : kKvBlockTokens;
  return int64_t(rows) * (layout.padded_head_dim / kLanes);
}

// Scores of one row to p, in place; vectors begin .. end - 1 hold all visible keys.
inline void softmax_row(float* scores, int begin, int end, RowRange visible, float softcap, float& max,
                        float& sum) {
  const F32 hidden = set1(-__builtin_inff());
  F32 largest = hidden;
  for (int vector = begin; vector < end; ++vector) {
    const int key = vector * kLanes;
    F32 score = load(scores + key);
    if (softcap > 0.0f) {
      score = set1(softcap) * tanh_f32(score / set1(softcap));
      store(scores + key, score);
    }
    if (key < visible.begin || key + kLanes > visible.end) {
      score = keep_lanes(score, visible.begin - key, visible.end - key, hidden);
      store(scores + key, score);
    }
    largest = vmax(score, largest);
  }
  max = reduce_max(largest);
  F32 total = set1(0.0f);
  for (int vector = begin; vector < end; ++vector) {
    const F32 p = exp_f32(load(scores + vector * kLanes) - set1(max));
    store(scores + vector * kLanes, p);
    total = total + p;
  }
  sum = reduce_add(total);
}

inline void hide_row(float* scores, int begin, int end, float& max, float& sum) {
  for (int vector = begin; vector < end; ++vector) store(scores + vector * kLanes, set1(0.0f));
  max = -__builtin_inff();
  sum = 0.0f;
}

// out[r][dim vectors begin .. end - 1] = p . V; load(key, vector) gives the V vector.
template <int R, int V, class LoadV>
inline void outputs(const float* p, int key_begin, int key_end, LoadV load_values, int begin, int end,
                    float* const* out) {
  for (; begin + V <= end; begin += V) {
    F32 acc[R][V] = {};
    const auto load_values_at = [&load_values, begin](int key, int v) { return load_values(key, begin + v); };
    multiply_tile<R, V, kKvBlockTokens, 1>(p, key_begin, key_end, load_values_at, acc);
    for (int r = 0; r < R; ++r) {
      for (int v = 0; v < V; ++v) store(out[r] + (begin + v) * kLanes, acc[r][v]);
    }
  }
  if constexpr (V > 1) {
    if (begin < end) outputs<R, V / 2>(p, key_begin, key_end, load_values, begin, end, out);
  }
}

template <int R, class Element>
inline void outputs_float(const KvLayout& layout, const Element* values, int key_begin, int key_end,
                          const Ahead& next, const float* p, float* const* out) {
  const int stride = layout.padded_head_dim;
  const auto load_values = [&next, values, stride](int key, int vector) {
    next.fetch(key * (stride / kLanes) + vector);
    return load_floats(values + int64_t(key) * stride + vector * kLanes);
  };
  outputs<R, tile_vectors(R, kTileRegisters)>(p, key_begin, key_end, load_values, 0, stride / kLanes, out);
}

// Values have their token's scale from p, in place.
template <int R>
inline void outputs_fp8(const KvLayout& layout, const uint8_t* page, const RowRange* visible, int key_begin,
                        int key_end, const Ahead& next, float* p, float* const* out) {
  const uint16_t* const scales = reinterpret_cast<const uint16_t*>(page + layout.v_scales_offset);
  for (int vector = key_begin / kLanes; vector * kLanes < key_end; ++vector) {
    const int key = vector * kLanes;
    const F32 scale = token_scales(scales, vector);
    for (int r = 0; r < R; ++r) {
      float* const weight = p + r * kKvBlockTokens + key;
      // The scale of a key that is not visible may be anything.
      store(weight,
            keep_lanes(load(weight) * scale, visible[r].begin - key, visible[r].end - key, set1(0.0f)));
    }
  }
  outputs_float<R>(layout, page + layout.v_offset, key_begin, key_end, next, p, out);
}

// One page for a block of R rows. page: the kv head's first byte in the block; next_page: the same of the
// page that is likely to be read after it.
template <int R>
void attend_page(const AttentionCall& call, const uint8_t* page, const uint8_t* next_page,
                 const QueryBlock& query, const RowRange* visible, const PageScratch& scratch,
                 PagePartial& partial) {
  const KvLayout& layout = *call.layout;
  // 1. The keys that any row sees; nothing else of the page is read into a result.
  int key_begin = kKvBlockTokens;
  int key_end = 0;
  for (int r = 0; r < R; ++r) {
    if (visible[r].begin >= visible[r].end) continue;
    key_begin = visible[r].begin < key_begin ? visible[r].begin : key_begin;
    key_end = visible[r].end > key_end ? visible[r].end : key_end;
  }
  if (key_begin >= key_end) {
    for (int r = 0; r < R; ++r) hide_row(nullptr, 0, 0, partial.max[r], partial.sum[r]);
    return;
  }
  const int begin = key_begin / kLanes / kWeightVectors * kWeightVectors;
  const int end = (key_end + kLanes - 1) / kLanes;

  // 2. Scores.
  const Ahead values =
      ahead(page + layout.v_offset, layout.head_bytes - layout.v_offset, n_key_vectors(layout));
  if (layout.type == KvType::kF16) {
    scores_float<R, tile_vectors(R, kTileRegisters)>(query, reinterpret_cast<const uint16_t*>(page),
                                                     layout.head_dim, begin, end, values, scratch.scores);
  } else if (layout.type == KvType::kFp8) {
    scores_fp8<R>(query, layout, page, begin, end, values, scratch.scores);
  } else {
    scores_q8<R, tile_vectors(R, kDotTileRegisters)>(
        query, page, reinterpret_cast<const uint16_t*>(page + layout.k_scales_offset), layout.head_dim,
        layout.scale_blocks, begin, end, values, scratch.scores);
  }

  // 3. Softmax within the page.
  for (int r = 0; r < R; ++r) {
    float* const scores = scratch.scores + r * kKvBlockTokens;
    if (visible[r].begin < visible[r].end) {
      softmax_row(scores, begin, end, visible[r], call.softcap, partial.max[r], partial.sum[r]);
    } else {
      hide_row(scores, begin, end, partial.max[r], partial.sum[r]);
    }
  }

  // 4. Weighted values.
  const Ahead keys = ahead(next_page, layout.v_offset, n_value_vectors(layout));
  if (layout.type == KvType::kF16) {
    outputs_float<R>(layout, reinterpret_cast<const uint16_t*>(page + layout.v_offset), key_begin, key_end,
                     keys, scratch.scores, partial.out);
  } else if (layout.type == KvType::kFp8) {
    outputs_fp8<R>(layout, page, visible, key_begin, key_end, keys, scratch.scores, partial.out);
  } else {
    outputs_q8<R>(layout, page, visible, key_begin, key_end, keys, scratch, partial.out);
  }
}
