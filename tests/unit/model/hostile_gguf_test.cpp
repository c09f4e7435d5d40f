// Damaged and hostile GGUF files: each must give a Status that names the file and the place, with no more
// memory than the file justifies. Run under ASan and UBSan too.
#include <catch2/catch.hpp>
#include <cmath>
#include <random>
#include <string>

#include "core/model/model_files.h"
#include "platforms/file_map.h"
#include "tests/support/allocation_watch.h"
#include "tests/unit/model/raw_gguf.h"

using namespace dunlin;
using namespace dunlin::test;
using Catch::Matchers::Contains;

namespace {

constexpr const char* kSource = "hostile.gguf";
constexpr const char* kGguf = "tests/data/models/fairy-4m-q4_k_m.gguf";
constexpr size_t kMaxAllocation = size_t(8) << 20;

struct Corruption {
  std::string field;
  RawBytes value;
  std::string place;  // what the message must name; empty: an offset
};

// Opens a copy of exactly these bytes, so that a sanitizer sees every read outside them.
std::string open_copy(std::span<const uint8_t> bytes) {
  const RawBytes copy(bytes.begin(), bytes.end());
  reset_largest_allocation();
  const std::string message = open_model_bytes(copy, kSource, Log()).status().message();
  CHECK(largest_allocation() < kMaxAllocation);
  return message;
}

bool has(const std::string& message, std::string_view part) {
  return message.find(part) != message.npos;
}

// Messages name the file, and this place: a key, a tensor, or where none is given an offset.
bool names_place(const std::string& message, const std::string& place) {
  return has(message, kSource) && has(message, place.empty() ? "at offset" : place);
}

void check_all(const std::vector<Corruption>& corruptions) {
  for (const Corruption& corruption : corruptions) {
    RawGguf file = raw_llama();
    file.set(corruption.field, corruption.value);
    const std::string message = open_copy(file.bytes());
    CAPTURE(corruption.field, message, corruption.place);
    CHECK_FALSE(message.empty());
    CHECK(names_place(message, corruption.place));
  }
}

TEST_CASE("The uncorrupted file is accepted") {
  CHECK(open_copy(raw_llama().bytes()).empty());
}

TEST_CASE("Truncation anywhere is an error") {
  const FileMap map = std::move(FileMap::open(kGguf)).value();
  const auto bytes = map.bytes();
  int n_accepted = 0, n_silent = 0;
  const auto check_prefix = [&](size_t size, bool copy) {
    const auto prefix = bytes.first(size);
    const Status status =
        copy ? Status::corrupt(open_copy(prefix)) : open_model_bytes(prefix, kSource, Log()).status();
    n_accepted += status.message().empty();
    n_silent += !names_place(status.message(), "tensor") && !names_place(status.message(), "");
  };
  for (size_t size = 0; size < 2048; ++size) check_prefix(size, true);
  for (size_t size = 4096; size < bytes.size(); size += 4096) check_prefix(size, size < 192 * 1024);
  check_prefix(bytes.size() - 1, false);
  CHECK(n_accepted == 0);
  CHECK(n_silent == 0);
  CHECK(open_model_bytes(bytes, kSource, Log()).is_ok());
}

TEST_CASE("Truncation of a tiny file at every byte is an error") {
  const RawBytes bytes = raw_llama().bytes();
  // Ends inside the padding of the last tensor are no truncation; its rows need none here.
  int n_accepted = 0;
  for (size_t size = 0; size < bytes.size(); ++size)
    n_accepted += open_copy(std::span(bytes).first(size)).empty();
  CHECK(n_accepted == 0);
}

TEST_CASE("Header corruptions") {
  std::vector<Corruption> all = {{"magic", raw_text("GGUG"), ""}, {"magic", raw_text("FUGG"), ""}};
  for (const uint64_t count : {uint64_t(1) << 16, uint64_t(65537), uint64_t(1) << 32, uint64_t(1) << 61,
                               uint64_t(1) << 63, UINT64_MAX}) {
    all.push_back({"n_tensors", raw(count), ""});
    all.push_back({"n_pairs", raw(count), ""});
  }
  all.push_back({"n_tensors", raw(uint64_t(13)), ""});
  all.push_back({"n_tensors", raw(uint64_t(11)), "is missing"});
  all.push_back({"n_tensors", raw(uint64_t(0)), "is missing"});
  all.push_back({"n_pairs", raw(uint64_t(24)), ""});
  all.push_back({"n_pairs", raw(uint64_t(22)), ""});
  all.push_back({"n_pairs", raw(uint64_t(0)), ""});
  for (const uint32_t version : {0u, 1u, 4u, 3u << 24, UINT32_MAX})
    all.push_back({"version", raw(version), version == 3u << 24 ? "big-endian" : "version"});
  check_all(all);
}

TEST_CASE("Corruptions of every metadata key and type") {
  std::vector<Corruption> all;
  for (const std::string& key : raw_llama_keys()) {
    for (const uint64_t length :
         {uint64_t(0), uint64_t(65536), uint64_t(1) << 40, uint64_t(1) << 63, UINT64_MAX})
      all.push_back({key + ".key.length", raw(length), ""});
    for (const int32_t type : {13, 99, -1, INT32_MIN}) all.push_back({key + ".type", raw(type), key});
  }
  CHECK(all.size() == 23 * 9);
  check_all(all);
}

TEST_CASE("Values of a wrong type name key and types") {
  constexpr int32_t kF32 = 6, kU32 = 4, kI32 = 5;
  std::vector<Corruption> all;
  for (const char* key :
       {"general.alignment", "llama.block_count", "llama.context_length", "llama.embedding_length",
        "llama.feed_forward_length", "llama.attention.head_count", "llama.attention.head_count_kv",
        "llama.attention.key_length", "llama.attention.value_length", "llama.attention.sliding_window",
        "llama.rope.dimension_count", "llama.rope.scaling.original_context_length", "llama.vocab_size"})
    all.push_back({std::string(key) + ".type", raw(kF32), str_cat("'", key, "' is f32")});
  for (const char* key : {"llama.attention.layer_norm_rms_epsilon", "llama.rope.freq_base",
                          "llama.rope.scaling.factor", "llama.rope.scaling.yarn_beta_fast"}) {
    all.push_back({std::string(key) + ".type", raw(kU32), str_cat("'", key, "' is u32")});
    all.push_back({std::string(key) + ".type", raw(kI32), str_cat("'", key, "' is i32")});
  }
  all.push_back({"test.flag.value", raw(uint8_t(2)), "test.flag"});
  check_all(all);
}

TEST_CASE("Strings and arrays longer than the file") {
  std::vector<Corruption> all;
  for (const uint64_t length : {uint64_t(1) << 20, (uint64_t(64) << 20) + 1, uint64_t(1) << 62, UINT64_MAX}) {
    for (const char* field : {"general.architecture.value.length", "general.name.value.length",
                              "llama.rope.scaling.type.value.length", "tokenizer.ggml.tokens.0.length",
                              "tokenizer.ggml.tokens.5.length", "tokenizer.ggml.tokens.count"})
      all.push_back({field, raw(length), ""});
  }
  for (const int32_t element : {9, 13, -1})
    all.push_back({"tokenizer.ggml.tokens.element", raw(element), ""});
  // What follows the tokens is read at a wrong place.
  for (const uint64_t count : {uint64_t(0), uint64_t(5), uint64_t(7)})
    all.push_back({"tokenizer.ggml.tokens.count", raw(count), "tensor"});
  check_all(all);
}

TEST_CASE("Numbers out of range") {
  std::vector<Corruption> all;
  const auto add_u32 = [&](const char* key, std::initializer_list<uint32_t> values,
                           const char* place = nullptr) {
    for (const uint32_t value : values)
      all.push_back({std::string(key) + ".value", raw(value), place != nullptr ? place : key});
  };
  add_u32("general.alignment", {0, 1, 4, 24, 33, 131072, UINT32_MAX});
  add_u32("llama.block_count", {0, 1025, UINT32_MAX});
  add_u32("llama.block_count", {2, 1024}, "is missing");
  add_u32("llama.context_length", {0, UINT32_MAX});
  add_u32("llama.embedding_length", {0, (1 << 17) + 1, UINT32_MAX});
  add_u32("llama.embedding_length", {32, 1 << 17}, "shape");
  add_u32("llama.feed_forward_length", {0, UINT32_MAX});
  add_u32("llama.feed_forward_length", {23, 1 << 20}, "shape");
  add_u32("llama.attention.head_count", {0, 1025, UINT32_MAX});
  add_u32("llama.attention.head_count", {1, 4}, "shape");
  add_u32("llama.attention.head_count_kv", {0, 1025, UINT32_MAX});
  add_u32("llama.attention.head_count_kv", {3}, "do not divide");
  add_u32("llama.attention.head_count_kv", {2}, "shape");
  add_u32("llama.attention.key_length", {0, 1, 1025, UINT32_MAX});
  add_u32("llama.attention.value_length", {0, 4, 16});
  add_u32("llama.rope.dimension_count", {0, 7, 4, 10, UINT32_MAX}, "dimension");
  add_u32("llama.rope.scaling.original_context_length", {0, UINT32_MAX});
  add_u32("llama.attention.sliding_window", {UINT32_MAX});
  add_u32("llama.vocab_size", {0, 5, 7, UINT32_MAX}, "voca");
  for (const char* key : {"llama.attention.layer_norm_rms_epsilon", "llama.rope.freq_base",
                          "llama.rope.scaling.factor", "llama.rope.scaling.yarn_beta_fast"})
    for (const float value : {0.0f, -1.0f, INFINITY, -INFINITY, NAN, 3e38f})
      all.push_back({std::string(key) + ".value", raw(value), key});
  all.push_back({"general.architecture.value.text", raw_text("rwkv7"), "'rwkv7'"});
  all.push_back({"general.type.value.text", raw_text("vocab"), "'vocab'"});
  all.push_back({"llama.rope.scaling.type.value.text", raw_text("yawn"), "'yawn'"});
  check_all(all);
}

TEST_CASE("Corruptions of every tensor info") {
  std::vector<Corruption> all;
  for (const std::string& tensor : raw_llama_tensors()) {
    for (const uint64_t length : {uint64_t(0), uint64_t(64), uint64_t(1) << 40, UINT64_MAX})
      all.push_back({tensor + ".name.length", raw(length), ""});
    for (const uint32_t rank : {0u, 5u, 1u << 20, UINT32_MAX})
      all.push_back({tensor + ".rank", raw(rank), tensor});
    for (const int64_t dim : {int64_t(0), int64_t(-1), INT64_MIN, INT64_MAX, (int64_t(1) << 40) + 1,
                              int64_t(1) << 40, int64_t(1) << 32})
      all.push_back({tensor + ".dim0", raw(dim), tensor});
    for (const int64_t dim : {int64_t(15), int64_t(17)})
      all.push_back({tensor + ".dim0", raw(dim), "tensor"});
    for (const uint32_t type : {4u, 9u, 16u, 24u, 43u, 99u, 200u, 255u, 256u, UINT32_MAX})
      all.push_back({tensor + ".type", raw(type), tensor});
    all.push_back({tensor + ".type", raw(12u), tensor});  // rows of 16 elements are no blocks of 256
    for (const uint64_t offset :
         {uint64_t(1), uint64_t(16), uint64_t(1) << 20, uint64_t(1) << 63, UINT64_MAX - 31, UINT64_MAX})
      all.push_back({tensor + ".offset", raw(offset), "tensor"});
  }
  CHECK(all.size() > 300);
  check_all(all);
}

TEST_CASE("Products that wrap around are caught") {
  RawGguf file = raw_llama();
  file.set("blk.0.ffn_up.weight.dim0", raw(int64_t(1) << 40));
  file.set("blk.0.ffn_up.weight.dim1", raw(int64_t(1) << 40));
  CHECK_THAT(open_copy(file.bytes()), Contains("blk.0.ffn_up.weight") && Contains("overflows"));
  file.set("blk.0.ffn_up.weight.dim0", raw(int64_t(1) << 31));
  file.set("blk.0.ffn_up.weight.dim1", raw(int64_t(1) << 31));
  CHECK_THAT(open_copy(file.bytes()), Contains("blk.0.ffn_up.weight"));
}

TEST_CASE("Overlapping tensors, and names and keys that occur twice") {
  RawGguf overlap = raw_llama();
  overlap.set("output_norm.weight.offset", raw(uint64_t(0)));
  CHECK_THAT(open_copy(overlap.bytes()), Contains("'output_norm.weight'") && Contains("overlaps"));

  RawGguf tensors = raw_llama();
  tensors.set("blk.0.attn_v.weight.name.text", raw_text("blk.0.attn_k.weight"));
  CHECK_THAT(open_copy(tensors.bytes()), Contains("'blk.0.attn_k.weight' occurs twice"));

  RawGguf keys = raw_llama();
  keys.set("llama.attention.value_length.key.text", raw_text("llama.attention.valuz_length"));
  CHECK(open_copy(keys.bytes()).empty());
  keys.set("llama.rope.freq_base.key.text", raw_text("test.rope.freq_base1"));
  keys.set("llama.rope.freq_base.key.length", raw(uint64_t(20)));
  CHECK(open_copy(keys.bytes()).empty());
  keys.set("llama.rope.freq_base.key.text", raw_text("test.flag"));
  keys.set("llama.rope.freq_base.key.length", raw(uint64_t(9)));
  CHECK_THAT(open_copy(keys.bytes()), Contains("'test.flag' occurs twice"));
}

TEST_CASE("Hostile names are escaped in messages") {
  RawGguf file = raw_llama();
  file.set("test.flag.key.text", RawBytes{'\n', 0, 0x1b, '[', '3', '1', 'm', 0xff, '\''});
  file.set("test.flag.value", raw(uint8_t(7)));
  CHECK_THAT(open_copy(file.bytes()), Contains("\\x0a\\x00\\x1b[31m\\xff"));
}

TEST_CASE("Random damage gives an error or a model, nothing else") {
  const RawBytes original = raw_llama().bytes();
  const size_t header = original.size() - raw_llama().data.size();
  std::mt19937 random(20240611);
  int n_refused = 0;
  reset_largest_allocation();
  for (int round = 0; round < 20'000; ++round) {
    RawBytes bytes = original;
    for (uint32_t i = 0; i <= random() % 4; ++i) bytes[random() % header] = uint8_t(random());
    n_refused += !open_model_bytes(bytes, kSource, Log()).is_ok();
  }
  CHECK(largest_allocation() < kMaxAllocation);
  CHECK(n_refused > 10'000);
}

TEST_CASE("Many keys with a common prefix stay cheap") {
  // 65,536 pairs whose keys share a long prefix, the worst case for sorting names.
  RawGguf file;
  file.fields.push_back({"magic", raw_text("GGUF")});
  file.add("version", uint32_t(3));
  file.add("n_tensors", uint64_t(0));
  file.add("n_pairs", uint64_t(65536));
  const std::string prefix(200, 'k');
  for (int i = 0; i < 65536; ++i) {
    file.add_text("key", str_cat(prefix, i));
    file.add("type", int32_t(0));
    file.add("value", uint8_t(0));
  }
  const RawBytes bytes = file.bytes();
  CHECK(GgufFile::parse(bytes, kSource).is_ok());
}

}  // namespace
