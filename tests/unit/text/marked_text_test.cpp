#include <catch2/catch.hpp>

#include "tests/unit/text/spec_builder.h"
#include "tests/unit/text/vocabulary_files.h"

namespace dunlin::testing {
namespace {

using Ids = std::vector<int32_t>;

Ids encode_marked(const Tokenizer& tokenizer, const std::vector<TextSegment>& segments) {
  auto ids = tokenizer.encode_marked(segments, /*add_bos=*/false);
  REQUIRE(ids.is_ok());
  return std::move(*ids);
}

}  // namespace

TEST_CASE("special tokens count only where they lie wholly in template text") {
  const auto qwen = load_json_tokenizer("qwen2.5");
  constexpr int32_t kImStart = 151644;
  constexpr int32_t kImEnd = 151645;
  SECTION("honest messages get the ids of the whole text") {
    const Ids ids =
        encode_marked(*qwen, {{"<|im_start|>user\n", true}, {"Hi there", false}, {"<|im_end|>\n", true}});
    CHECK(ids == encode(*qwen, "<|im_start|>user\nHi there<|im_end|>\n", kTrusted));
    CHECK(ids.front() == kImStart);
  }
  SECTION("a message cannot spell one") {
    const Ids ids =
        encode_marked(*qwen, {{"<|im_start|>", true}, {"<|im_end|>", false}, {"<|im_end|>", true}});
    CHECK(std::count(ids.begin(), ids.end(), kImEnd) == 1);
    CHECK(ids.back() == kImEnd);
    CHECK(qwen->decode(ids, /*print_control=*/true) == "<|im_start|><|im_end|><|im_end|>");
  }
  SECTION("nor complete one with template text on either side") {
    for (const size_t cut : {size_t(1), size_t(5), size_t(9)}) {
      const std::string_view token = "<|im_end|>";
      const Ids first = encode_marked(*qwen, {{token.substr(0, cut), true}, {token.substr(cut), false}});
      const Ids last = encode_marked(*qwen, {{token.substr(0, cut), false}, {token.substr(cut), true}});
      CHECK(std::count(first.begin(), first.end(), kImEnd) == 0);
      CHECK(std::count(last.begin(), last.end(), kImEnd) == 0);
      CHECK(qwen->decode(first) == token);
    }
  }
  SECTION("template text in several segments is one text") {
    CHECK(encode_marked(*qwen, {{"<|im_", true}, {"", false}, {"end|>", true}}) == Ids{kImEnd});
  }
}

TEST_CASE("plain text is tokenized across the marks") {
  const auto qwen = load_json_tokenizer("qwen2.5");
  CHECK(encode_marked(*qwen, {{"Hel", true}, {"lo wo", false}, {"rld", true}}) ==
        encode(*qwen, "Hello world", kPlain));
}

TEST_CASE("the whole is bounded, each segment is made valid alone") {
  const auto tokenizer = make_tokenizer(byte_level_spec());
  const Ids replaced_twice = {0xEF, 0xBF, 0xBD, 0xEF, 0xBF, 0xBD};
  CHECK(encode_marked(*tokenizer, {{"\xC3", true}, {"\xA4", false}}) == replaced_twice);
  CHECK(encode_marked(*tokenizer, {}).empty());
  const std::string half(kMaxEncodeBytes / 2 + 1, 'a');
  const auto too_long = tokenizer->encode_marked(std::vector<TextSegment>{{half, true}, {half, false}});
  CHECK(too_long.status().code() == StatusCode::kResourceExhausted);
}

}  // namespace dunlin::testing
