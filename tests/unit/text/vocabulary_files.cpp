#include "tests/unit/text/vocabulary_files.h"

#include <lzma.h>

#include <catch2/catch.hpp>
#include <filesystem>
#include <fstream>
#include <iterator>

#include "core/text/tokenizer_gguf.h"
#include "core/text/tokenizer_json.h"

namespace dunlin::testing {
namespace {

constexpr const char* kFolder = "tests/data/tokenizers/";

std::string unpack_xz(const std::string& packed) {
  std::string out(size_t(64) << 20, '\0');
  uint64_t memory_limit = UINT64_MAX;
  size_t in_position = 0;
  size_t out_position = 0;
  const auto result = lzma_stream_buffer_decode(
      &memory_limit, 0, nullptr, reinterpret_cast<const uint8_t*>(packed.data()), &in_position, packed.size(),
      reinterpret_cast<uint8_t*>(out.data()), &out_position, out.size());
  REQUIRE(result == LZMA_OK);
  out.resize(out_position);
  return out;
}

}  // namespace

std::string read_vocabulary_file(const std::string& name) {
  INFO(name);
  std::ifstream file(kFolder + name, std::ios::binary);
  REQUIRE(file.is_open());
  std::string bytes{std::istreambuf_iterator<char>(file), {}};
  return name.ends_with(".xz") ? unpack_xz(bytes) : bytes;
}

TokenizerSpec read_gguf_spec(const std::string& name) {
  const std::string bytes = read_vocabulary_file(name + ".gguf.xz");
  const auto* data = reinterpret_cast<const uint8_t*>(bytes.data());
  auto file = GgufFile::parse({data, bytes.size()}, name + ".gguf");
  INFO(file.status().message());
  REQUIRE(file.is_ok());
  auto spec = read_gguf_tokenizer(*file);
  INFO(spec.status().message());
  REQUIRE(spec.is_ok());
  return std::move(*spec);
}

TokenizerSpec read_json_spec(const std::string& name) {
  const std::string tokenizer = read_vocabulary_file(name + ".json.xz");
  const std::string config = read_vocabulary_file(name + "-config.json");
  const bool has_generation = std::filesystem::exists(kFolder + name + "-generation.json");
  const std::string generation =
      has_generation ? read_vocabulary_file(name + "-generation.json") : std::string();
  HfTokenizerFiles files;
  files.tokenizer = tokenizer;
  files.tokenizer_config = config;
  files.generation_config = generation;
  files.source = name;
  auto spec = read_hf_tokenizer(files);
  INFO(spec.status().message());
  REQUIRE(spec.is_ok());
  return std::move(*spec);
}

std::unique_ptr<const Tokenizer> make_tokenizer(TokenizerSpec spec) {
  auto tokenizer = Tokenizer::create(std::move(spec));
  INFO(tokenizer.status().message());
  REQUIRE(tokenizer.is_ok());
  return std::move(*tokenizer);
}

std::unique_ptr<const Tokenizer> load_gguf_tokenizer(const std::string& name) {
  return make_tokenizer(read_gguf_spec(name));
}

std::unique_ptr<const Tokenizer> load_json_tokenizer(const std::string& name) {
  return make_tokenizer(read_json_spec(name));
}

std::vector<int32_t> encode(const Tokenizer& tokenizer, std::string_view text, EncodeOptions options) {
  auto ids = tokenizer.encode(text, options);
  INFO(ids.status().message());
  REQUIRE(ids.is_ok());
  return std::move(*ids);
}

}  // namespace dunlin::testing
