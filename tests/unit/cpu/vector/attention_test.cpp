// Attention over paged keys and values against double precision: both ways to split it into units, every
// instruction set. The tolerance is that of docs/numerics.md, "Kernels". Every page that a call may not see,
// every key before its window and behind its last token is NaN, so that a single stray read shows.
#include <catch2/catch.hpp>
#include <cmath>
#include <numeric>
#include <random>
#include <vector>

#include "backends/cpu/attention_units.h"
#include "tests/unit/cpu/vector/attention_oracle.h"
#include "tests/unit/cpu/vector/guarded_array.h"
#include "tests/unit/cpu/vector/kv_oracle.h"
#include "tests/unit/cpu/vector/random_values.h"
#include "tests/unit/cpu/vector/runnable_vector_tables.h"

namespace dunlin::cpu {
namespace {

// Of the sum of p * |v|: what the sums round, and what the scores round, which exp turns into a share of p.
double tolerance(const OracleRow& row) {
  return 2e-6 + 5e-7 * row.score_magnitude;
}

double allowed_error(const OracleRow& row, size_t dimension) {
  return tolerance(row) * row.magnitude[dimension] + row.weight_rounding[dimension];
}

using Floats = GuardedArray<float>;
using Bytes = GuardedArray<uint8_t>;

enum class Contents {
  kRandom,
  kEqual,   // every p is 1, every value the largest of its scale: the largest sums
  kUneven,  // every seventh position's values are 1000 times larger, and their scales
};

struct Case {
  KvType type = KvType::kF16;
  int n_kv_heads = 2;
  int group = 1;  // query heads of a kv head
  int head_dim = 64;
  int position = 0;
  int n_tokens = 1;
  int window = 0;
  float softcap = 0.0f;
  Contents contents = Contents::kRandom;
};

std::ostream& operator<<(std::ostream& out, const Case& c) {
  return out << kv_type_name(c.type) << " heads " << c.n_kv_heads << " x " << c.group << " of " << c.head_dim
             << ", tokens " << c.position << " + " << c.n_tokens << ", window " << c.window << ", softcap "
             << c.softcap << ", contents " << int(c.contents);
}

// A call with its queries, its cache and its outputs. The block table is shuffled; entry j of a page that the
// call does not see names a block of NaN.
class Problem {
 public:
  explicit Problem(const Case& c)
      : layout_(make_kv_layout(c.type, c.n_kv_heads, c.head_dim)),
        n_heads_(c.n_kv_heads * c.group),
        q_stride_(int64_t(n_heads_) * c.head_dim + 24),
        q_(random_values((c.n_tokens - 1) * q_stride_ + n_heads_ * c.head_dim, 21)),
        table_(size_t((c.position + c.n_tokens - 1) / kKvBlockTokens + 1)),
        cache_((table_.size() + 1) * size_t(layout_.block_bytes)) {
    std::iota(table_.begin(), table_.end(), 1);
    std::shuffle(table_.begin(), table_.end(), std::mt19937(5));
    call_.layout = &layout_;
    call_.n_heads = n_heads_;
    call_.scale = 1.0f / std::sqrt(float(c.head_dim));
    call_.softcap = c.softcap;
    call_.window = c.window;
    call_.position = c.position;
    call_.n_tokens = c.n_tokens;
    call_.q = q_.data();
    call_.q_stride = q_stride_;
    call_.out_stride = int64_t(n_heads_) * c.head_dim + 8;
    call_.kv_base = cache_.data();
    call_.kv_block_stride = layout_.block_bytes;
    call_.block_table = table_.data();
    store_seen_keys(c.contents);
    const KvPageRange pages = attention_pages(call_);
    for (int page = 0; page < pages.begin; ++page) table_[size_t(page)] = 0;
  }

  const KvLayout& layout() const { return layout_; }
  const Floats& queries() const { return q_; }
  AttentionCall call_into(Floats& out) const {
    AttentionCall call = call_;
    call.out = out.data();
    return call;
  }
  // In place: out is a copy of the queries.
  AttentionCall call_over(Floats& queries) const {
    AttentionCall call = call_;
    call.q = call.out = queries.data();
    call.out_stride = call.q_stride;
    return call;
  }
  size_t out_floats() const { return size_t((call_.n_tokens - 1) * call_.out_stride + row_floats()); }
  int64_t row_floats() const { return int64_t(n_heads_) * layout_.head_dim; }

  void check(const Floats& out) const {
    REQUIRE(out.front_intact());
    for (int token = 0; token < call_.n_tokens; ++token) {
      const int64_t row = token * call_.out_stride;
      for (int head = 0; head < n_heads_; ++head) check_row(out.data() + row, token, head);
      if (token + 1 == call_.n_tokens) continue;
      for (int64_t i = row_floats(); i < call_.out_stride; ++i) REQUIRE(out.is_poison(size_t(row + i)));
    }
  }

 private:
  void store_seen_keys(Contents contents) {
    const int first = call_.window > 0 ? std::max(0, call_.position - call_.window + 1) : 0;
    const int64_t n = int64_t(layout_.n_kv_heads) * layout_.head_dim;
    for (int position = first; position < call_.position + call_.n_tokens; ++position) {
      std::vector<float> key = random_values(n, uint32_t(2 * position)),
                         value = random_values(n, uint32_t(2 * position + 1));
      if (contents == Contents::kEqual) {
        key.assign(size_t(n), 0.0f);
        value.assign(size_t(n), -3.0f);
      } else if (contents == Contents::kUneven && position % 7 == 3) {
        for (float& x : value) x *= 1000.0f;
      }
      uint8_t* const block = cache_.data() + table_[size_t(position / kKvBlockTokens)] * layout_.block_bytes;
      for (int head = 0; head < layout_.n_kv_heads; ++head)
        oracle_store(layout_, block, position % kKvBlockTokens, head, key.data() + head * layout_.head_dim,
                     value.data() + head * layout_.head_dim);
    }
  }

  void check_row(const float* row, int token, int head) const {
    const size_t at = size_t(token) * size_t(n_heads_) + size_t(head);
    if (expected_.size() <= at) expected_.resize(size_t(call_.n_tokens) * size_t(n_heads_));
    if (expected_[at].out.empty()) expected_[at] = oracle_attention(call_, token, head);
    const float* const got = row + int64_t(head) * layout_.head_dim;
    for (size_t d = 0; d < size_t(layout_.head_dim); ++d) {
      const double error = std::abs(got[d] - expected_[at].out[d]);
      const double allowed = allowed_error(expected_[at], d);
      if (error <= allowed) continue;
      FAIL("token " << token << " head " << head << " dimension " << d << ": expected "
                    << expected_[at].out[d] << ", got " << got[d] << ", an error of " << error << " where "
                    << allowed << " is allowed");
    }
  }

  KvLayout layout_;
  int n_heads_;
  int64_t q_stride_;
  Floats q_;
  std::vector<int32_t> table_;
  Bytes cache_;
  AttentionCall call_{};
  mutable std::vector<OracleRow> expected_;  // of every row that was asked for
};

void run_tiles(const VectorKernelTable& table, const AttentionCall& call, int tile) {
  Bytes scratch(attention_scratch_bytes(call.n_heads, *call.layout));
  for (int end = call.n_tokens; end > 0; end -= tile)
    for (int head = 0; head < call.layout->n_kv_heads; ++head)
      table.attention_tile(&call, head, std::max(0, end - tile), end, scratch.data());
  REQUIRE(scratch.front_intact());
}

void run_pages(const VectorKernelTable& table, const AttentionCall& call, int pages_per_run) {
  const KvPageRange pages = attention_pages(call);
  Bytes scratch(attention_scratch_bytes(call.n_heads, *call.layout));
  Bytes partials(
      attention_partials_bytes(call.n_heads, *call.layout, call.n_tokens, pages.end - pages.begin));
  float* const records = reinterpret_cast<float*>(partials.data());
  for (int end = pages.end; end > pages.begin; end -= pages_per_run)
    for (int head = 0; head < call.layout->n_kv_heads; ++head)
      table.attention_partial(&call, head, std::max(pages.begin, end - pages_per_run), end, records,
                              scratch.data());
  const int middle = call.n_heads / 2;
  table.attention_merge(&call, middle, call.n_heads, records);
  table.attention_merge(&call, 0, middle, records);
  REQUIRE(scratch.front_intact());
  REQUIRE(partials.front_intact());
}

// Every way to compute a case gives the same bits on an instruction set, and they are right.
void check_case(const Case& c) {
  INFO(c);
  const Problem problem(c);
  for (const VectorKernelTable* table : runnable_vector_tables()) {
    INFO(table->isa);
    Floats tiled(problem.out_floats());
    const AttentionCall call = problem.call_into(tiled);
    run_tiles(*table, call, attention_tile_tokens(call));
    problem.check(tiled);

    Floats paged(problem.out_floats());
    run_pages(*table, problem.call_into(paged), 1);
    REQUIRE(paged.same_bits(tiled));

    Floats runs(problem.out_floats());
    run_pages(*table, problem.call_into(runs), 2);
    REQUIRE(runs.same_bits(tiled));

    if (c.n_tokens > 1) {
      Floats small_tiles(problem.out_floats());
      run_tiles(*table, problem.call_into(small_tiles), std::min(3, attention_tile_tokens(call)));
      REQUIRE(small_tiles.same_bits(tiled));
    }
  }
}

constexpr KvType kTypes[] = {KvType::kF16, KvType::kQ8_0, KvType::kFp8};

TEST_CASE("attention of one token at page borders", "[cpu][vector][attention]") {
  for (const KvType type : kTypes)
    for (const int position : {0, 1, 2, 14, 15, 16, 17, 126, 127, 128, 129, 254, 255, 256, 383, 500})
      check_case({.type = type, .group = 2, .head_dim = 32, .position = position});
}

TEST_CASE("attention of every group size", "[cpu][vector][attention]") {
  for (const KvType type : kTypes) {
    for (const int group : {1, 2, 3, 4, 5, 6, 7, 8, 9, 12, 16}) {
      check_case({.type = type, .group = group, .position = 150});
      check_case({.type = type, .group = group, .position = 120, .n_tokens = 13});
    }
  }
}

TEST_CASE("attention with more query heads than a tile has rows", "[cpu][vector][attention]") {
  for (const KvType type : kTypes)
    check_case({.type = type, .n_kv_heads = 1, .group = 71, .head_dim = 64, .position = 130, .n_tokens = 2});
}

TEST_CASE("attention of every head size", "[cpu][vector][attention]") {
  for (const KvType type : kTypes) {
    for (const int head_dim :
         {16, 24, 32, 40, 48, 56, 64, 72, 80, 88, 96, 112, 120, 128, 160, 192, 248, 256}) {
      check_case({.type = type, .group = 7, .head_dim = head_dim, .position = 133});
      check_case(
          {.type = type, .n_kv_heads = 1, .group = 3, .head_dim = head_dim, .position = 9, .n_tokens = 5});
    }
  }
}

TEST_CASE("attention of a prompt from its beginning and further on", "[cpu][vector][attention]") {
  for (const KvType type : kTypes) {
    for (const int n_tokens : {2, 31, 64, 65, 127, 128, 129})
      check_case({.type = type, .n_kv_heads = 1, .group = 2, .head_dim = 32, .n_tokens = n_tokens});
    check_case({.type = type, .n_kv_heads = 1, .group = 6, .position = 100, .n_tokens = 40});
    check_case({.type = type, .n_kv_heads = 1, .group = 8, .head_dim = 128, .position = 250, .n_tokens = 20});
  }
}

TEST_CASE("attention sees its window and nothing before it", "[cpu][vector][attention]") {
  for (const KvType type : kTypes) {
    for (const int window : {1, 2, 16, 17, 127, 128, 129, 200, 1000}) {
      for (const int position : {0, 127, 128, 300})
        check_case({.type = type, .group = 2, .head_dim = 32, .position = position, .window = window});
      check_case({.type = type,
                  .n_kv_heads = 1,
                  .group = 2,
                  .head_dim = 32,
                  .position = 250,
                  .n_tokens = 40,
                  .window = window});
    }
  }
}

TEST_CASE("attention with soft-capped scores", "[cpu][vector][attention]") {
  for (const KvType type : kTypes) {
    for (const float softcap : {1.0f, 20.0f, 50.0f}) {
      check_case({.type = type, .group = 2, .position = 140, .softcap = softcap});
      check_case({.type = type, .group = 2, .position = 20, .n_tokens = 9, .window = 11, .softcap = softcap});
    }
  }
}

TEST_CASE("attention holds the largest sums and scales of every size", "[cpu][vector][attention]") {
  for (const KvType type : kTypes) {
    for (const Contents contents : {Contents::kEqual, Contents::kUneven}) {
      check_case({.type = type, .group = 6, .head_dim = 64, .position = 255, .contents = contents});
      check_case({.type = type, .group = 2, .position = 120, .n_tokens = 12, .contents = contents});
    }
  }
}

TEST_CASE("attention may write over its queries", "[cpu][vector][attention]") {
  for (const KvType type : kTypes) {
    const Problem problem({.type = type, .group = 6, .position = 120, .n_tokens = 30});
    for (const VectorKernelTable* table : runnable_vector_tables()) {
      INFO(table->isa << " " << kv_type_name(type));
      Floats apart(problem.out_floats());
      const AttentionCall call = problem.call_into(apart);
      run_tiles(*table, call, attention_tile_tokens(call));
      for (const bool by_page : {false, true}) {
        Floats over(std::span(problem.queries().data(), problem.queries().size()));
        const AttentionCall in_place = problem.call_over(over);
        by_page ? run_pages(*table, in_place, 1)
                : run_tiles(*table, in_place, attention_tile_tokens(in_place));
        for (int64_t at = 0; at < int64_t(over.size()); ++at) {
          const int64_t token = at / in_place.out_stride, i = at % in_place.out_stride;
          const float expected = i < problem.row_floats() ? apart[size_t(token * call.out_stride + i)]
                                                          : problem.queries()[size_t(at)];
          REQUIRE(over[size_t(at)] == expected);
        }
      }
    }
  }
}

// A prompt cut into steps of any size gives the same bits: a token sees the same keys and nothing else
// counts.
TEST_CASE("attention does not depend on how a prompt is cut into steps", "[cpu][vector][attention]") {
  for (const KvType type : kTypes) {
    const Problem problem({.type = type, .group = 2, .head_dim = 40, .position = 110, .n_tokens = 30});
    for (const VectorKernelTable* table : runnable_vector_tables()) {
      INFO(table->isa << " " << kv_type_name(type));
      Floats whole(problem.out_floats());
      const AttentionCall call = problem.call_into(whole);
      run_tiles(*table, call, attention_tile_tokens(call));
      Floats parts(problem.out_floats());
      for (const auto& [begin, end] : {std::pair{0, 7}, {7, 8}, {8, 29}, {29, 30}}) {
        AttentionCall part = problem.call_into(parts);
        part.q += begin * part.q_stride;
        part.out += begin * part.out_stride;
        part.position += begin;
        part.n_tokens = end - begin;
        run_pages(*table, part, 1);
      }
      REQUIRE(parts.same_bits(whole));
    }
  }
}

}  // namespace
}  // namespace dunlin::cpu
