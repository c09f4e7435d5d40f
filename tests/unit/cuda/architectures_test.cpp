// Which cards a build runs on.
#include "backends/cuda/architectures.h"

#include <catch2/catch.hpp>
#include <string>
#include <vector>

#include "backends/cuda/kernel_images.h"

using namespace dunlin::cuda;

namespace {

using Names = std::vector<std::string_view>;

}  // namespace

TEST_CASE("a release runs on every card from compute capability 8.0 on, and on none before") {
  const Names release = {"80", "87", "89", "90a", "120", "121"};
  for (const int32_t card : {80, 86, 87, 89, 90, 100, 103, 110, 120, 121, 130}) {
    INFO("compute capability " << card);
    CHECK(has_code_for(card, release));
  }
  CHECK_FALSE(has_code_for(75, release));
  CHECK_FALSE(has_code_for(70, release));
}

TEST_CASE("a card that is older than all that was built has no code") {
  const Names two = {"87", "90a"};
  for (const int32_t card : {75, 80, 86}) CHECK_FALSE(has_code_for(card, two));
  for (const int32_t card : {87, 89, 90, 100, 120}) CHECK(has_code_for(card, two));
}

TEST_CASE("what is built for one card or family only runs on no other") {
  const Names one = {"90a"};
  CHECK(has_code_for(90, one));
  for (const int32_t card : {80, 89, 100, 120}) CHECK_FALSE(has_code_for(card, one));
  const Names family = {"100f"};
  for (const int32_t card : {100, 103}) CHECK(has_code_for(card, family));
  for (const int32_t card : {90, 110, 120}) CHECK_FALSE(has_code_for(card, family));
  CHECK_FALSE(has_code_for(90, Names{}));
}

TEST_CASE("this build says what it has code for") {
  REQUIRE_FALSE(built_architectures().empty());
  for (const std::string_view name : built_architectures()) {
    INFO(name);
    CHECK(has_code_for(std::stoi(std::string(name)), built_architectures()));
  }
}
