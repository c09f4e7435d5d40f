// The units of attention: which rows and pages meet, and how the pages' partial results (attention_page.inl)
// fold into outputs. A row is one query head of one token; the rows of a tile are ordered by token, then
// head, and run in blocks of up to kMaxRows.

struct Tile {
  int kv_head;
  int token_begin;
  int group;  // query heads of the kv head
  int n_rows;
  int n_blocks;  // blocks of nearly equal size: 9 rows of at most 8 are 5 + 4
};

struct BlockRows {
  int begin;
  int count;
};

inline Tile make_tile(const AttentionCall& call, int kv_head, int token_begin, int token_end) {
  const int group = call.n_heads / call.layout->n_kv_heads;
  const int n_rows = (token_end - token_begin) * group;
  return {kv_head, token_begin, group, n_rows, (n_rows + kMaxRows - 1) / kMaxRows};
}

inline BlockRows block_rows(const Tile& tile, int block) {
  const int begin = block * tile.n_rows / tile.n_blocks;
  return {begin, (block + 1) * tile.n_rows / tile.n_blocks - begin};
}

inline int token_of(const Tile& tile, int row) {
  return tile.token_begin + row / tile.group;
}
inline int head_of(const Tile& tile, int row) {
  return tile.kv_head * tile.group + row % tile.group;
}

inline RowRange visible_keys(const AttentionCall& call, int token, int page) {
  const int page_begin = page * kKvBlockTokens;
  const int last = call.position + token - page_begin;
  const int first = call.window > 0 ? last - call.window + 1 : 0;
  return {first > 0 ? first : 0, last + 1 < kKvBlockTokens ? last + 1 : kKvBlockTokens};
}

inline const uint8_t* page_of(const AttentionCall& call, int page, int kv_head) {
  return call.kv_base + call.block_table[page] * call.kv_block_stride + kv_head * call.layout->head_bytes;
}

inline int64_t record_floats(const KvLayout& layout) {
  return layout.padded_head_dim + kRecordOut;
}

// The parts of a unit's scratch memory; attention_scratch_bytes() sums them up.
struct TileScratch {
  float* queries;  // packed query blocks, padded_head_dim floats a row
  PageScratch page;
  float* partials;  // kMaxBlockRows records
  float* outputs;   // a record for each row
};

inline TileScratch split_scratch(void* scratch, const KvLayout& layout, int n_rows) {
  TileScratch parts;
  parts.page.scores = static_cast<float*>(scratch);
  parts.page.factors = parts.page.scores + kMaxBlockRows * kKvBlockTokens;
  float* const weights = parts.page.factors + kKvBlockTokens;
  parts.page.weights = reinterpret_cast<uint32_t*>(weights);
  parts.partials = weights + kMaxBlockRows * kKvBlockTokens / 2;
  parts.queries = parts.partials + kMaxBlockRows * record_floats(layout);
  parts.outputs = parts.queries + int64_t(n_rows) * layout.padded_head_dim;
  return parts;
}

// Where a block's packed queries lie inside its share of the scratch.
inline QueryBlock query_block(const KvLayout& layout, const float* packed, int rows) {
  const uint32_t* const dwords = reinterpret_cast<const uint32_t*>(packed);
  const float* const scales = packed + layout.head_dim / 4 * rows;
  const int32_t* const starts = reinterpret_cast<const int32_t*>(scales + layout.scale_blocks * rows);
  return {packed, dwords, scales, starts};
}

inline void pack_query_f32(const float* q, const KvLayout& layout, float scale, int rows, int row,
                           float* packed) {
  for (int d = 0; d < layout.head_dim; ++d) packed[d * rows + row] = q[d] * scale;
}

// Per 32 dimensions: d = max|q| / 127, int8 = round(q / d).
inline void pack_query_q8(const float* q, const KvLayout& layout, float scale, int rows, int row,
                          float* packed) {
  uint32_t* const dwords = reinterpret_cast<uint32_t*>(packed);
  float* const scales = packed + layout.head_dim / 4 * rows;
  int32_t* const starts = reinterpret_cast<int32_t*>(scales + layout.scale_blocks * rows);
  for (int block = 0; block < layout.scale_blocks; ++block) {
    const int begin = block * kKvScaleDims;
    const int n = layout.head_dim - begin < kKvScaleDims ? layout.head_dim - begin : kKvScaleDims;
    int8_t bytes[kKvScaleDims];
    const float largest = max_abs(q + begin, n);
    quantize_dims(q + begin, n, largest > 0.0f ? 127.0f / largest : 0.0f, bytes);
    int sum = 0;
    for (int i = 0; i < n; ++i) sum += bytes[i];
    for (int i = 0; i < n; i += 4) {
      __builtin_memcpy(dwords + int64_t((begin + i) / 4) * rows + row, bytes + i, 4);
    }
    scales[block * rows + row] = largest / 127.0f * scale;
    starts[block * rows + row] = -kDotBias * sum;
  }
}

inline void pack_queries(const AttentionCall& call, const Tile& tile, float* queries) {
  const KvLayout& layout = *call.layout;
  for (int block = 0; block < tile.n_blocks; ++block) {
    const BlockRows rows = block_rows(tile, block);
    float* const packed = queries + int64_t(rows.begin) * layout.padded_head_dim;
    for (int r = 0; r < rows.count; ++r) {
      const float* const q = call.q + token_of(tile, rows.begin + r) * call.q_stride +
                             int64_t(head_of(tile, rows.begin + r)) * layout.head_dim;
      if (layout.type == KvType::kQ8_0) {
        pack_query_q8(q, layout, call.scale, rows.count, r, packed);
      } else {
        pack_query_f32(q, layout, call.scale, rows.count, r, packed);
      }
    }
  }
}

template <int R = kMaxRows>
inline void attend_rows(const AttentionCall& call, const uint8_t* page, const uint8_t* next_page,
                        const QueryBlock& query, const BlockRows& rows, const RowRange* visible,
                        const PageScratch& scratch, PagePartial& partial) {
  if (rows.count == R) {
    attend_page<R>(call, page, next_page, query, visible, scratch, partial);
  } else if constexpr (R > 1) {
    attend_rows<R - 1>(call, page, next_page, query, rows, visible, scratch, partial);
  }
}

inline void attend_block(const AttentionCall& call, const Tile& tile, const BlockRows& rows, int page,
                         const TileScratch& scratch, PagePartial& partial) {
  RowRange visible[kMaxRows];
  for (int r = 0; r < rows.count; ++r) visible[r] = visible_keys(call, token_of(tile, rows.begin + r), page);
  const float* const packed = scratch.queries + int64_t(rows.begin) * call.layout->padded_head_dim;
  const int last_page = (call.position + call.n_tokens - 1) / kKvBlockTokens;
  const int next_page = page < last_page ? page + 1 : page;
  attend_rows(call, page_of(call, page, tile.kv_head), page_of(call, next_page, tile.kv_head),
              query_block(*call.layout, packed, rows.count), rows, visible, scratch.page, partial);
}

// Folds one page's partial result into a row's running record.
inline void fold_page(float max, float sum, const float* out, int n, float* record) {
  if (sum == 0.0f) return;
  const float old_max = record[kRecordMax];
  const bool larger = max > old_max;
  const float smaller_share = exp_scalar(larger ? old_max - max : max - old_max);
  const float keep = larger ? smaller_share : 1.0f;
  const float take = larger ? 1.0f : smaller_share;
  record[kRecordMax] = larger ? max : old_max;
  record[kRecordSum] = record[kRecordSum] * keep + sum * take;
  for (int i = 0; i < n; i += kLanes) {
    float* const total = record + kRecordOut + i;
    store(total, fma(load(out + i), set1(take), load(total) * set1(keep)));
  }
}

inline void clear_record(int n, float* record) {
  record[kRecordMax] = -__builtin_inff();
  record[kRecordSum] = 0.0f;
  for (int i = 0; i < n; i += kLanes) store(record + kRecordOut + i, set1(0.0f));
}

inline void finish_row(const float* record, int head_dim, float* out) {
  const F32 inverse = set1(1.0f / record[kRecordSum]);
  for (int i = 0; i < head_dim; i += kLanes) {
    store_n(out + i, load(record + kRecordOut + i) * inverse, head_dim - i);
  }
}

inline int first_page(const AttentionCall& call, int token) {
  const int first = call.position + token - call.window + 1;
  return call.window > 0 && first > 0 ? first / kKvBlockTokens : 0;
}

void attention_tile(const AttentionCall* call, int kv_head, int token_begin, int token_end, void* memory) {
  const KvLayout& layout = *call->layout;
  const Tile tile = make_tile(*call, kv_head, token_begin, token_end);
  const TileScratch scratch = split_scratch(memory, layout, tile.n_rows);
  const int64_t record = record_floats(layout);

  // 1. Pack the queries, clear the running results.
  pack_queries(*call, tile, scratch.queries);
  for (int row = 0; row < tile.n_rows; ++row)
    clear_record(layout.padded_head_dim, scratch.outputs + row * record);
  PagePartial partial;
  for (int r = 0; r < kMaxRows; ++r) partial.out[r] = scratch.partials + r * record;

  // 2. Pages in order, all rows on each while it is in the cache.
  const int last_page = (call->position + token_end - 1) / kKvBlockTokens;
  for (int page = first_page(*call, token_begin); page <= last_page; ++page) {
    for (int block = 0; block < tile.n_blocks; ++block) {
      const BlockRows rows = block_rows(tile, block);
      attend_block(*call, tile, rows, page, scratch, partial);
      for (int r = 0; r < rows.count; ++r) {
        fold_page(partial.max[r], partial.sum[r], partial.out[r], layout.padded_head_dim,
                  scratch.outputs + (rows.begin + r) * record);
      }
    }
  }

  // 3. Divide by the sums.
  for (int row = 0; row < tile.n_rows; ++row) {
    float* const out =
        call->out + token_of(tile, row) * call->out_stride + int64_t(head_of(tile, row)) * layout.head_dim;
    finish_row(scratch.outputs + row * record, layout.head_dim, out);
  }
}

// The record of a row and page among the partials [n_tokens, n_heads, pages].
inline int64_t partial_index(const AttentionCall& call, int token, int head, int page) {
  const int first = first_page(call, 0);
  const int n_pages = (call.position + call.n_tokens - 1) / kKvBlockTokens + 1 - first;
  return (int64_t(token) * call.n_heads + head) * n_pages + (page - first);
}

void attention_partial(const AttentionCall* call, int kv_head, int page_begin, int page_end, float* partials,
                       void* memory) {
  const KvLayout& layout = *call->layout;
  const int64_t record = record_floats(layout);
  const int group = call->n_heads / layout.n_kv_heads;
  const int tile_tokens = group < kAttentionTileRows ? kAttentionTileRows / group : 1;
  for (int token = 0; token < call->n_tokens; token += tile_tokens) {
    const int token_end = token + tile_tokens < call->n_tokens ? token + tile_tokens : call->n_tokens;
    const Tile tile = make_tile(*call, kv_head, token, token_end);
    const TileScratch scratch = split_scratch(memory, layout, tile.n_rows);
    pack_queries(*call, tile, scratch.queries);
    for (int page = page_begin; page < page_end; ++page) {
      for (int block = 0; block < tile.n_blocks; ++block) {
        const BlockRows rows = block_rows(tile, block);
        float* records[kMaxRows];
        PagePartial partial;
        for (int r = 0; r < rows.count; ++r) {
          const int row = rows.begin + r;
          records[r] =
              partials + record * partial_index(*call, token_of(tile, row), head_of(tile, row), page);
          partial.out[r] = records[r] + kRecordOut;
        }
        attend_block(*call, tile, rows, page, scratch, partial);
        for (int r = 0; r < rows.count; ++r) {
          records[r][kRecordMax] = partial.max[r];
          records[r][kRecordSum] = partial.sum[r];
        }
      }
    }
  }
}

void attention_merge(const AttentionCall* call, int head_begin, int head_end, const float* partials) {
  const KvLayout& layout = *call->layout;
  const int64_t record = record_floats(layout);
  const int last_page = (call->position + call->n_tokens - 1) / kKvBlockTokens;
  float total[kMaxHeadDim + kRecordOut];
  for (int token = 0; token < call->n_tokens; ++token) {
    for (int head = head_begin; head < head_end; ++head) {
      clear_record(layout.padded_head_dim, total);
      for (int page = first_page(*call, 0); page <= last_page; ++page) {
        const float* const part = partials + record * partial_index(*call, token, head, page);
        fold_page(part[kRecordMax], part[kRecordSum], part + kRecordOut, layout.padded_head_dim, total);
      }
      float* const out = call->out + token * call->out_stride + int64_t(head) * layout.head_dim;
      finish_row(total, layout.head_dim, out);
    }
  }
}
