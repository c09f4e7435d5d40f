#include "core/model/json_check.h"

#include <algorithm>
#include <catch2/catch.hpp>
#include <string>
#include <vector>

using namespace dunlin;
using Catch::Matchers::Contains;

namespace {

std::string error_of(std::string_view text, const JsonLimits& limits = {}) {
  return check_json(text, "x.json", limits).message();
}

TEST_CASE("Well-formed JSON passes") {
  CHECK(error_of(R"({"a":[1,2.5,true,null,"\u00e9"],"b":{"a":{}}})").empty());
  CHECK(error_of("[]").empty());
}

TEST_CASE("Malformed JSON is refused with its place") {
  for (const char* text : {"", "{", "[1,]", "{\"a\" 1}", "nul", "\"\xff\"", "[1] 2", "1e999", "{\"a\":1,}"}) {
    CAPTURE(text);
    CHECK_THAT(error_of(text), Contains("x.json: not valid JSON"));
  }
}

TEST_CASE("Messages hold no bytes of the text but escaped and short ones") {
  const std::string long_key(2'000'000, 'k');
  const std::vector<std::string> texts = {
      "{\"" + long_key + "\xff",
      "{\"\x1b[31m\n\xff",
      "[" + std::string(1000, '9') + "e9999]",
      "{\"" + long_key + "\":1,\"" + long_key + "\":1}",
  };
  for (const std::string& text : texts) {
    const std::string message = error_of(text);
    CAPTURE(message.substr(0, 200));
    CHECK(message.size() < 200);
    CHECK(std::all_of(message.begin(), message.end(), [](char c) { return c >= ' ' && c <= '~'; }));
  }
  CHECK_THAT(error_of("{\"" + long_key), Contains("at byte 2000003"));
}

TEST_CASE("Keys may occur once in an object") {
  CHECK_THAT(error_of(R"({"a":{"k":1,"k":2}})"), Contains("'k' occurs twice"));
  CHECK(error_of(R"({"k":{"k":1},"l":[{"k":1},{"k":1}]})").empty());
}

TEST_CASE("Depth, size and number of values are bounded") {
  const auto nested = [](size_t depth) { return std::string(depth, '[') + std::string(depth, ']'); };
  CHECK(error_of(nested(64)).empty());
  CHECK_THAT(error_of(nested(65)), Contains("deeper than 64"));
  CHECK_THAT(error_of(std::string(10'000'000, '[')), Contains("deeper than 64"));
  CHECK_THAT(error_of("[1,2,3]", {.max_bytes = 6}), Contains("7 bytes"));
  CHECK(error_of("[1,2,3]", {.max_values = 4}).empty());
  CHECK_THAT(error_of("[1,2,3]", {.max_values = 3}), Contains("more than 3"));
}

}  // namespace
