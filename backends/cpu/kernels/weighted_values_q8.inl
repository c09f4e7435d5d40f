// out [R, D] = p [R, keys] . V [keys, D] of one page for Q8_0 values, in integers. Per row and block of 32
// dimensions, with s the block's scale of a token, v its int8 and the largest scale over the row's keys:
//
//   unit = max s / kWeightPeak      w = round(p * s / unit), 0 .. kWeightPeak since p <= 1
//   out  = unit * sum of w * v      exact: at most 128 keys * 127 * 32512 = 5.3e8, below 2^31
//
// So a weight is off by half a unit at most, 2^-16 of what the largest scale at p = 1 weighs. Words instead
// of floats: two products a lane and instruction, and V needs no conversion to f32. The weights of four
// tokens are 64 bits, which meet the dword of four tokens that V holds for each dimension (kv_layout.h).

// 127 * 256: where only bytes multiply, a weight is a signed high byte and a signed low one.
constexpr float kWeightPeak = 32512.0f;
constexpr int kWeightVectors = 2;  // store_weights takes two vectors of tokens at a time
constexpr int kWeightDwords = kKvBlockTokens / 2;

// factors[key] = s / unit for the visible keys of vectors begin .. end - 1 and 0 for the others; returns
// unit.
inline float weight_factors(const uint16_t* scales, RowRange visible, int begin, int end, float* factors) {
  F32 largest = set1(0.0f);
  for (int vector = begin; vector < end; ++vector) {
    const int key = vector * kLanes;
    F32 scale = load_f16(scales + key);
    if (key < visible.begin || key + kLanes > visible.end) {
      scale = keep_lanes(scale, visible.begin - key, visible.end - key, set1(0.0f));
    }
    store(factors + key, scale);
    largest = vmax(scale, largest);
  }
  const float max = reduce_max(largest);
  const F32 inverse = set1(max > 0.0f ? kWeightPeak / max : 0.0f);
  for (int vector = begin; vector < end; ++vector) {
    float* const factor = factors + vector * kLanes;
    store(factor, load(factor) * inverse);
  }
  return max / kWeightPeak;
}

inline void weigh_row(const float* p, const float* factors, int begin, int end, uint32_t* weights) {
  for (int vector = begin; vector < end; vector += kWeightVectors) {
    const int key = vector * kLanes;
    const F32 first = load(p + key) * load(factors + key);
    const F32 second = vector + 1 < end ? load(p + key + kLanes) * load(factors + key + kLanes) : set1(0.0f);
    store_weights(weights + key / 2, first, second);
  }
}

// Dimension vectors begin .. end - 1 of the rows' outputs, from the quads of tokens quad_begin .. quad_end
// - 1.
template <int R, int V>
inline void weighted_values(const uint32_t* weights, const float* units, const int8_t* values, int stride,
                            int quad_begin, int quad_end, const Ahead& next, int begin, int end,
                            float* const* out) {
  for (; begin + V <= end; begin += V) {
    WeightedSum acc[R][V] = {};
    for (int quad = quad_begin; quad < quad_end; ++quad) {
      const int8_t* const row = values + (int64_t(quad) * stride + begin * kLanes) * kKvQuadTokens;
      ValueQuads columns[V];
#pragma GCC unroll 8
      for (int v = 0; v < V; ++v) {
        next.fetch((begin + v) * (kKvBlockTokens / kKvQuadTokens) + quad);
        columns[v] = load_value_quads(row + v * kLanes * kKvQuadTokens);
      }
#pragma GCC unroll 8
      for (int r = 0; r < R; ++r) {
        const uint32_t* const weight = weights + r * kWeightDwords + 2 * quad;
#pragma GCC unroll 8
        for (int v = 0; v < V; ++v) acc[r][v] = add_weighted4(acc[r][v], columns[v], weight);
      }
    }
    for (int r = 0; r < R; ++r) {
      for (int v = 0; v < V; ++v)
        store(out[r] + (begin + v) * kLanes, to_f32(total(acc[r][v])) * set1(units[r]));
    }
  }
  if constexpr (V > 1) {
    if (begin < end) {
      weighted_values<R, V / 2>(weights, units, values, stride, quad_begin, quad_end, next, begin, end, out);
    }
  }
}

// Rows whose keys are the same share their factors; a row's own keys alone decide on its unit, so that its
// bits do not depend on the rows beside it.
template <int R>
inline void outputs_q8(const KvLayout& layout, const uint8_t* page, const RowRange* visible, int key_begin,
                       int key_end, const Ahead& next, const PageScratch& scratch, float* const* out) {
  constexpr int kBlockVectors = kKvScaleDims / kLanes;
  constexpr int kTileVectors = tile_vectors(R, kWeightedTileRegisters);
  constexpr int kVectors = kTileVectors < kBlockVectors ? kTileVectors : kBlockVectors;
  const int8_t* const values = reinterpret_cast<const int8_t*>(page + layout.v_offset);
  const uint16_t* const scales = reinterpret_cast<const uint16_t*>(page + layout.v_scales_offset);
  const int n_vectors = layout.padded_head_dim / kLanes;
  const int key_vector = key_begin / kLanes / kWeightVectors * kWeightVectors;
  const int key_vector_end = (key_end + kLanes - 1) / kLanes;
  for (int block = 0; block < layout.scale_blocks; ++block) {
    float units[R];
    for (int r = 0; r < R; ++r) {
      if (r > 0 && visible[r].begin == visible[r - 1].begin && visible[r].end == visible[r - 1].end) {
        units[r] = units[r - 1];
      } else {
        units[r] = weight_factors(scales + block * kKvBlockTokens, visible[r], key_vector, key_vector_end,
                                  scratch.factors);
      }
      weigh_row(scratch.scores + r * kKvBlockTokens, scratch.factors, key_vector, key_vector_end,
                scratch.weights + r * kWeightDwords);
    }
    const int begin = block * kBlockVectors;
    const int end = begin + kBlockVectors < n_vectors ? begin + kBlockVectors : n_vectors;
    weighted_values<R, kVectors>(scratch.weights, units, values, layout.padded_head_dim,
                                 key_begin / kKvQuadTokens, (key_end + kKvQuadTokens - 1) / kKvQuadTokens,
                                 next, begin, end, out);
  }
}
