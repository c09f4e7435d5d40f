#include "tests/unit/cpu/vector/attention_oracle.h"

#include <algorithm>
#include <cmath>

#include "tests/unit/cpu/vector/kv_oracle.h"

namespace dunlin::cpu {
namespace {

std::vector<double> query_of(const AttentionCall& call, int token, int head) {
  const KvLayout& layout = *call.layout;
  const float* const q = call.q + token * call.q_stride + int64_t(head) * layout.head_dim;
  std::vector<double> query(q, q + layout.head_dim);
  if (layout.type == KvType::kF16) return query;
  for (int begin = 0; begin < layout.head_dim; begin += 32) {
    const int end = std::min(begin + 32, layout.head_dim);
    float largest = 0.0f;
    for (int d = begin; d < end; ++d) largest = std::max(largest, std::abs(q[d]));
    const float inverse = largest > 0.0f ? 127.0f / largest : 0.0f;
    for (int d = begin; d < end; ++d)
      query[size_t(d)] =
          std::nearbyint(std::clamp(q[d] * inverse, -127.0f, 127.0f)) * double(largest) / 127.0;
  }
  return query;
}

const uint8_t* block_of(const AttentionCall& call, int position) {
  return call.kv_base + call.block_table[position / kKvBlockTokens] * call.kv_block_stride;
}

struct Score {
  double value;
  double magnitude;
};

Score score_of(const AttentionCall& call, const std::vector<double>& query, int position, int kv_head) {
  double dot = 0, magnitude = 0;
  for (int d = 0; d < call.layout->head_dim; ++d) {
    const double term =
        query[size_t(d)] * call.scale *
        oracle_key(*call.layout, block_of(call, position), position % kKvBlockTokens, kv_head, d);
    dot += term;
    magnitude += std::abs(term);
  }
  if (call.softcap == 0) return {dot, magnitude};
  return {call.softcap * std::tanh(dot / call.softcap), std::max<double>(magnitude, call.softcap)};
}

}  // namespace

OracleRow oracle_attention(const AttentionCall& call, int token, int head) {
  const KvLayout& layout = *call.layout;
  const int kv_head = head / (call.n_heads / layout.n_kv_heads);
  const int last = call.position + token;
  const int first = call.window > 0 ? std::max(0, last - call.window + 1) : 0;
  const std::vector<double> query = query_of(call, token, head);
  OracleRow row{std::vector<double>(size_t(layout.head_dim)), std::vector<double>(size_t(layout.head_dim)),
                0.0};
  std::vector<double> p;
  for (int position = first; position <= last; ++position) {
    const Score score = score_of(call, query, position, kv_head);
    p.push_back(score.value);
    row.score_magnitude = std::max(row.score_magnitude, score.magnitude);
  }
  const double max = *std::max_element(p.begin(), p.end());
  double sum = 0;
  for (double& score : p) sum += score = std::exp(score - max);
  for (int position = first; position <= last; ++position) {
    const double share = p[size_t(position - first)] / sum;
    for (int d = 0; d < layout.head_dim; ++d) {
      const double value =
          oracle_value(layout, block_of(call, position), position % kKvBlockTokens, kv_head, d);
      row.out[size_t(d)] += share * value;
      row.magnitude[size_t(d)] += share * std::abs(value);
    }
  }
  return row;
}

}  // namespace dunlin::cpu
