// What the steps of attention to one KV page share (attention_page.inl): a block of rows with its queries,
// its scratch and its results, the width of its tiles, and fetching ahead.

struct RowRange {  // keys begin .. end - 1 of the page are visible
  int begin;
  int end;
};

// The queries of a block of rows, in the order in which the tiles broadcast them.
struct QueryBlock {
  const float* f32;        // F16: [head_dim][R], times the attention scale
  const uint32_t* dwords;  // Q8_0: [head_dim / 4][R], four int8 each
  const float* scales;     // Q8_0: [scale_blocks][R], times the attention scale
  const int32_t* starts;   // Q8_0: [scale_blocks][R], -kDotBias * sum of the block's int8
};

struct PageScratch {
  float* scores;      // [kMaxBlockRows, 128]: scores, then p
  float* factors;     // Q8_0: [128], what p is multiplied by
  uint32_t* weights;  // Q8_0: [kMaxBlockRows, 64], two keys each
};

struct PagePartial {
  float max[kMaxBlockRows];  // -inf and sum 0 if the row sees no key of the page
  float sum[kMaxBlockRows];
  float* out[kMaxBlockRows];  // each [padded_head_dim], written by attend_page
};

// Vectors of a tile: the most powers of two that leave its accumulators in registers.
constexpr int tile_vectors(int rows, int registers) {
  int vectors = 8;
  while (vectors > 1 && rows * vectors > registers) vectors /= 2;
  return vectors;
}

constexpr int64_t kCacheLineBytes = 64;

// Bytes that the loop after this one will read. Every vector that a loop loads asks for one more part of
// them, into the L2 cache: in bursts they would wait for the few buffers of misses. One query reads every
// page only once, and without this its cores wait for memory half of the time.
struct Ahead {
  const uint8_t* data;
  int64_t step;  // bytes for each vector of the loop, at most two lines

  void fetch(int64_t vector) const {
    __builtin_prefetch(data + vector * step, 0, 1);
    // Every line left out would be waited for: one of 17 cost as much as half of all arithmetic.
    if (step > kCacheLineBytes) __builtin_prefetch(data + vector * step + kCacheLineBytes, 0, 1);
  }
};

inline Ahead ahead(const uint8_t* data, int64_t bytes, int64_t n_vectors) {
  return {data, (bytes + n_vectors - 1) / n_vectors};
}
