#include "core/device/step_inputs.h"

#include <algorithm>
#include <catch2/catch.hpp>

using namespace dunlin;

namespace {

std::vector<int32_t> blocks_of(const StepInputs& step, size_t sequence) {
  const int32_t* table = step.block_table(step.sequences()[sequence]);
  return {table, table + step.capacity().n_blocks_per_sequence};
}

}  // namespace

TEST_CASE("a step for smaller blocks is the same step, its blocks cut in pieces") {
  StepInputs step({8, 3, 2, 2});
  StepInputs smaller({8, 3, 2, 6});
  // Twice: what a step leaves must not matter to the next.
  for (const int32_t first : {0, 7}) {
    step.clear();
    REQUIRE(
        step.add_sequence(std::vector<int32_t>{5, 6, chosen_token(1)}, 130, std::vector<int32_t>{4, first}));
    REQUIRE(step.add_sequence(std::vector<int32_t>{9}, 3, std::vector<int32_t>{2}));
    REQUIRE(step.want_token(2));
    TokenChoice choice;
    choice.temperature = 0.5f;
    REQUIRE(step.want_token(3, choice, std::vector<TokenCount>{{7, 2}, {9, 1}}));
    smaller.copy_for_smaller_blocks(step, 3);
    CHECK(smaller.n_rows() == 4);
    CHECK(smaller.n_sequences() == 2);
    CHECK(std::ranges::equal(smaller.tokens(), step.tokens()));
    CHECK(std::ranges::equal(smaller.positions(), step.positions()));
    CHECK(std::ranges::equal(smaller.row_sequence(), step.row_sequence()));
    CHECK(std::ranges::equal(smaller.logit_rows(), step.logit_rows()));
    CHECK_FALSE(smaller.wants_host_logits());
    CHECK(smaller.wants_sampled_tokens() == step.wants_sampled_tokens());
    CHECK(smaller.choices()[1].temperature == 0.5f);
    REQUIRE(smaller.window_counts().size() == 2);
    CHECK(smaller.window_counts()[0].token == 7);
    CHECK(smaller.window_counts()[1].token == 9);
    CHECK(smaller.sequences()[1].kv_begin == 3);
    CHECK(smaller.sequences()[1].first_row == 3);
    CHECK(blocks_of(smaller, 0) == std::vector<int32_t>{12, 13, 14, 3 * first, 3 * first + 1, 3 * first + 2});
    const std::vector<int32_t> second = blocks_of(smaller, 1);
    CHECK(std::vector<int32_t>(second.begin(), second.begin() + 3) == std::vector<int32_t>{6, 7, 8});
  }
  REQUIRE(step.want_logits(0));
  smaller.copy_for_smaller_blocks(step, 3);
  CHECK(smaller.wants_host_logits());
  CHECK(smaller.n_logit_rows() == 3);
}
