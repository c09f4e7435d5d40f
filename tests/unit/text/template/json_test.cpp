// JSON text and back, its limits, and the dict that holds it.
#include <catch2/catch.hpp>

#include "core/text/template/json.h"
#include "tests/unit/text/template/render.h"

namespace dunlin::test {
namespace {

using jinja::Dict;
using jinja::JsonLimits;
using jinja::parse_json;
using jinja::Value;

std::string round_trip(std::string_view text) {
  const auto written = jinja::to_json(json(text));
  return written.is_ok() ? *written : written.status().message();
}

Value text_value(std::string_view text) {
  return Value::string(std::string(text), jinja::Origin::kTemplate);
}

}  // namespace

TEST_CASE("JSON text survives parse and write", "[template]") {
  for (const std::string_view text :
       {R"({"b": 1, "a": [true, false, null, -2.5, "x\"\\\n"], "c": {}})", "[]", "\"\"",
        "9223372036854775807", "-9223372036854775808", "1e+100", "0.1", "[[[1]]]"}) {
    CHECK(round_trip(text) == text);
  }
  CHECK(round_trip(R"({"a": 1, "b": 2, "a": 3})") == R"({"a": 3, "b": 2})");
  CHECK(round_trip("18446744073709551615") == "1.8446744073709552e+19");
  CHECK(round_trip(R"("\u00fc\ud83d\ude00\u0001")") == "\"\xc3\xbc\xf0\x9f\x98\x80\\u0001\"");
}

TEST_CASE("malformed JSON is refused", "[template][hostile]") {
  for (const std::string_view text : {"", "{", "[1", "[1,]", "{\"a\"}", "{\"a\":}", "nul", "'a'", "1e999",
                                      "01", "\"\xff\"", "\"\\ud800\"", "[1] 2", "\"\n\"", "{1: 2}"}) {
    INFO(text);
    CHECK(parse_json(text).status().code() == StatusCode::kCorrupt);
  }
}

TEST_CASE("JSON is limited in depth, values and bytes", "[template][hostile]") {
  const std::string deep = std::string(64, '[') + std::string(64, ']');
  CHECK(parse_json(deep).is_ok());
  CHECK(parse_json("[" + deep + "]").status().code() == StatusCode::kResourceExhausted);
  CHECK(parse_json(std::string(1'000'000, '[')).status().code() == StatusCode::kResourceExhausted);
  JsonLimits limits;
  limits.values = 4;
  CHECK(parse_json("[1, 2, 3]", jinja::Origin::kMessage, limits).is_ok());
  CHECK(parse_json("[1, 2, 3, 4]", jinja::Origin::kMessage, limits).status().code() ==
        StatusCode::kResourceExhausted);
  limits.text_bytes = 3;
  CHECK(parse_json("[1, 2]", jinja::Origin::kMessage, limits).status().code() ==
        StatusCode::kResourceExhausted);
}

TEST_CASE("a dict keeps order and finds keys at any size", "[template]") {
  Dict dict;
  constexpr int kCount = 100;
  for (int i = 0; i < kCount; ++i) dict.set(str_cat("k", i), Value::integer(i));
  for (int i = 0; i < kCount; ++i) {
    REQUIRE(dict.find(str_cat("k", i)));
    CHECK(dict.find(str_cat("k", i))->as_int() == i);
  }
  dict.set("k5", Value::integer(-5));
  CHECK(dict.size() == kCount);
  CHECK(dict.entries()[5].value.as_int() == -5);
  for (int i = 0; i < kCount - 3; ++i) CHECK(dict.remove(text_value(str_cat("k", i))).has_value());
  CHECK(dict.size() == 3);
  CHECK_FALSE(dict.remove(text_value("k0")).has_value());
  CHECK(dict.find("k98")->as_int() == 98);
  for (int i = 0; i < 10; ++i) dict.set(str_cat("n", i), Value::integer(i));
  CHECK(dict.find("k97")->as_int() == 97);
  CHECK(dict.find("n9")->as_int() == 9);
  CHECK(dict.entries().front().key.is_text("k97"));
}

TEST_CASE("numbers that Python calls equal are one key", "[template]") {
  Dict dict;
  dict.set(Value::integer(1), text_value("int"));
  dict.set(Value::real(1.0), text_value("float"));
  dict.set(Value::boolean(true), text_value("bool"));
  dict.set(text_value("1"), text_value("string"));
  dict.set(Value::none(), text_value("none"));
  REQUIRE(dict.size() == 3);
  CHECK(dict.find(Value::integer(1))->is_text("bool"));
  CHECK(dict.find("1")->is_text("string"));
  CHECK(dict.find(Value::none())->is_text("none"));
  CHECK_FALSE(dict.find(Value::real(1.5)));
}

}  // namespace dunlin::test
