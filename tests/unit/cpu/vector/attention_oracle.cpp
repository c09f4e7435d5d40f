#include "tests/unit/cpu/vector/attention_oracle.h"

#include <algorithm>
#include <cmath>
#include <span>

#include "tests/unit/cpu/vector/kv_oracle.h"

namespace dunlin::cpu {
namespace {

std::vector<double> query_of(const AttentionCall& call, int token, int head) {
  const KvLayout& layout = *call.layout;
  const float* const q = call.q + token * call.q_stride + int64_t(head) * layout.head_dim;
  std::vector<double> query(q, q + layout.head_dim);
  if (layout.type != KvType::kQ8_0) return query;
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

// Half a unit of every weight of a page (docs/numerics.md, "Kernels"): p is relative to the page's largest
// score, a unit to its largest scale. p_sum: of all pages, relative to max.
void add_weight_rounding(const AttentionCall& call, int kv_head, int first, std::span<const double> scores,
                         double max, double p_sum, std::vector<double>& rounding) {
  constexpr double kHalfUnit = 0.5 / 32512.0;
  const KvLayout& layout = *call.layout;
  const int last = first + int(scores.size()) - 1;
  for (int page = first / kKvBlockTokens; page <= last / kKvBlockTokens; ++page) {
    const int begin = std::max(first, page * kKvBlockTokens);
    const int end = std::min(last + 1, (page + 1) * kKvBlockTokens);
    const double page_max =
        *std::max_element(scores.begin() + (begin - first), scores.begin() + (end - first));
    for (int d = 0; d < layout.head_dim; ++d) {
      double largest_scale = 0, magnitude = 0;
      for (int position = begin; position < end; ++position) {
        const uint8_t* const block = block_of(call, position);
        const double scale = oracle_value_scale(layout, block, position % kKvBlockTokens, kv_head, d);
        largest_scale = std::max(largest_scale, scale);
        if (scale > 0) {
          magnitude += std::abs(oracle_value(layout, block, position % kKvBlockTokens, kv_head, d)) / scale;
        }
      }
      rounding[size_t(d)] += std::exp(page_max - max) / p_sum * kHalfUnit * largest_scale * magnitude;
    }
  }
}

}  // namespace

OracleRow oracle_attention(const AttentionCall& call, int token, int head) {
  const KvLayout& layout = *call.layout;
  const int kv_head = head / (call.n_heads / layout.n_kv_heads);
  const int last = call.position + token;
  const int first = call.window > 0 ? std::max(0, last - call.window + 1) : 0;
  const std::vector<double> query = query_of(call, token, head);
  const std::vector<double> zeros(size_t(layout.head_dim));
  OracleRow row{zeros, zeros, zeros, 0.0};
  std::vector<double> p;
  for (int position = first; position <= last; ++position) {
    const Score score = score_of(call, query, position, kv_head);
    p.push_back(score.value);
    row.score_magnitude = std::max(row.score_magnitude, score.magnitude);
  }
  const double max = *std::max_element(p.begin(), p.end());
  const std::vector<double> scores = p;
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
  if (layout.type == KvType::kQ8_0)
    add_weight_rounding(call, kv_head, first, scores, max, sum, row.weight_rounding);
  return row;
}

}  // namespace dunlin::cpu
