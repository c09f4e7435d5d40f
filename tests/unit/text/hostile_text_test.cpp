// Texts that a tokenizer must survive, in time.
#include <catch2/catch.hpp>
#include <ctime>

#include "tests/unit/text/spec_builder.h"
#include "tests/unit/text/vocabulary_files.h"

namespace dunlin::testing {
namespace {

using Ids = std::vector<int32_t>;

constexpr size_t kMebibyte = size_t(1) << 20;

std::string repeat(std::string_view part, size_t bytes) {
  std::string text;
  while (text.size() < bytes) text += part;
  return text;
}

}  // namespace

TEST_CASE("invalid UTF-8 is read as one U+FFFD a byte") {
  const auto tokenizer = make_tokenizer(byte_level_spec());
  CHECK(encode(*tokenizer,
               "\xFF"
               "a",
               kPlain) == Ids{0xEF, 0xBF, 0xBD, 'a'});
  CHECK(encode(*tokenizer, "\xE2\x82", kPlain) == Ids{0xEF, 0xBF, 0xBD, 0xEF, 0xBF, 0xBD});
  const auto llama = load_gguf_tokenizer("llama-spm");
  CHECK(llama->decode(encode(*llama, "a\xF0\x9F", kPlain)) == "a\xEF\xBF\xBD\xEF\xBF\xBD");
}

TEST_CASE("a zero byte is a byte like any other") {
  const auto tokenizer = make_tokenizer(byte_level_spec());
  CHECK(encode(*tokenizer, std::string_view("a\0b", 3), kPlain) == Ids{'a', 0, 'b'});
}

TEST_CASE("characters outside of the vocabulary become byte tokens") {
  const auto tokenizer = make_tokenizer(sentencepiece_spec("a"));
  constexpr int32_t kByte0 = 3;
  constexpr int32_t kWordBegin = kByte0 + 256;
  CHECK(encode(*tokenizer, "\xC3\xA4", kPlain) == Ids{kWordBegin, kByte0 + 0xC3, kByte0 + 0xA4});
  CHECK(encode(*tokenizer, "<0x41>", kPlain) ==
        Ids{kWordBegin, kByte0 + '<', kByte0 + '0', kByte0 + 'x', kByte0 + '4', kByte0 + '1', kByte0 + '>'});
}

TEST_CASE("bytes that a vocabulary lacks are dropped") {
  const auto falcon = load_gguf_tokenizer("falcon");
  CHECK(falcon->decode(encode(*falcon,
                              "a\x03"
                              "b",
                              kPlain)) == "ab");
}

TEST_CASE("a mebibyte of anything takes less than a second") {
  const std::string name = GENERATE(as<std::string>{}, "gpt-2", "llama-spm", "deepseek-coder", "qwen2.5");
  const auto tokenizer = name == "qwen2.5" ? load_json_tokenizer(name) : load_gguf_tokenizer(name);
#if defined(NDEBUG) && !defined(__SANITIZE_ADDRESS__)
  constexpr double kMaxSeconds = 1.0;
  constexpr size_t kTextBytes = kMebibyte;
#else
  // A build for finding faults, which show in less, and so does work that is not linear.
  constexpr double kMaxSeconds = 5.0;
  constexpr size_t kTextBytes = kMebibyte / 8;
#endif
  const std::string_view parts[] = {"a",
                                    " ",
                                    "\n",
                                    "!",
                                    "1",
                                    "ab",
                                    "\xE6\x88\x91",
                                    "a\xCC\x88",
                                    "\xCC\x88\xCC\xA3" /* marks in the wrong order */,
                                    "\xFF",
                                    "<|im_start|>",
                                    "<|im_",
                                    " a",
                                    "'",
                                    "\xE1\x84\x80\xE1\x85\xA1"};
  for (const std::string_view part : parts) {
    const std::string text = repeat(part, kTextBytes);
    const std::clock_t begin = std::clock();
    const Ids ids = encode(*tokenizer, text, kTrusted);
    const double seconds = double(std::clock() - begin) / CLOCKS_PER_SEC;  // of this process only
    INFO(name << " on '" << part << "'");
    CHECK(seconds < kMaxSeconds);
    CHECK_FALSE(ids.empty());
  }
}

TEST_CASE("a text above the limit is refused before any work") {
  const auto tokenizer = make_tokenizer(byte_level_spec());
  const auto ids = tokenizer->encode(std::string(kMaxEncodeBytes + 1, 'a'));
  CHECK(ids.status().code() == StatusCode::kResourceExhausted);
}

}  // namespace dunlin::testing
