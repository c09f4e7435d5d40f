// Headers that are read in parts: whatever the first part holds, the result is that of the whole file.
#include "core/model/file_front.h"

#include <catch2/catch.hpp>
#include <filesystem>

#include "core/model/gguf.h"
#include "core/model/gguf_writer.h"
#include "core/model/model_files.h"
#include "platforms/file_map.h"
#include "tests/support/temporary_directory.h"
#include "tests/unit/model/safetensors_file.h"
#include "tests/unit/model/tiny_model.h"

using namespace dunlin;
using Catch::Matchers::Contains;

namespace {

constexpr const char* kGguf = "tests/data/models/fairy-4m-q4_k_m.gguf";

// Parses ever longer fronts as the parser asks for them, from this one on; the number of attempts.
template <typename Parsed>
int n_attempts(std::span<const uint8_t> file, uint64_t first, Result<Parsed>& parsed) {
  uint64_t n_bytes = first;
  for (int attempt = 1;; ++attempt) {
    // A copy of exactly these bytes, so that a sanitizer sees every read outside them.
    const std::vector<uint8_t> front(file.begin(), file.begin() + int64_t(n_bytes));
    uint64_t needed_bytes = 0;
    parsed = Parsed::parse_front(front, file.size(), "front", needed_bytes);
    if (needed_bytes == 0) return attempt;
    REQUIRE_FALSE(parsed.is_ok());
    REQUIRE(needed_bytes > n_bytes);
    REQUIRE(needed_bytes <= file.size());
    n_bytes = needed_bytes;
  }
}

// Reads from the first bytes of the file; the number of attempts.
int read_from(std::span<const uint8_t> file, uint64_t first) {
  const GgufFile whole = GgufFile::parse(file, "whole").value();
  Result<GgufFile> parsed = Status::internal("not parsed");
  const int attempts = n_attempts(file, first, parsed);
  INFO("from " << first << " bytes: " << parsed.status().message());
  REQUIRE(parsed.is_ok());
  REQUIRE(parsed->tensors().size() == whole.tensors().size());
  CHECK(parsed->tensors().back().offset == whole.tensors().back().offset);
  CHECK(parsed->entries().size() == whole.entries().size());
  return attempts;
}

// The parser asks for one item more at a time, so the attempts are quadratic in what follows: every front of
// a tiny file, and of a real one a front near the end of its header.
TEST_CASE("A GGUF header is read from any front of the file") {
  const std::vector<uint8_t> tiny = test::tiny_gguf();
  uint64_t first = 0;
  while (read_from(tiny, first) > 1) ++first;
  CHECK(first > 1000);  // the length of the header

  const FileMap map = std::move(FileMap::open(kGguf)).value();
  CHECK(read_from(map.bytes(), 100'000) > 1);
}

TEST_CASE("A short file fails from its front as it does whole") {
  const FileMap map = std::move(FileMap::open(kGguf)).value();
  using Sizes = std::pair<size_t, uint64_t>;  // of the file, and of its first front
  for (const auto& [size, first] :
       {Sizes{3, 3}, {20, 20}, {1000, 500}, {70'000, 69'000}, {2'000'000, 100'000}}) {
    const auto cut = map.bytes().first(size);
    Result<GgufFile> parsed = Status::internal("not parsed");
    n_attempts(cut, first, parsed);
    REQUIRE_FALSE(parsed.is_ok());
    CHECK(parsed.status().message() == GgufFile::parse(cut, "front").status().message());
  }
}

TEST_CASE("A SafeTensors header is read from any front of the file") {
  const auto bytes =
      test::safetensors_bytes(R"({"a":{"dtype":"F32","shape":[4],"data_offsets":[0,16]}})", 16);
  for (const uint64_t first : {0, 3, 8, 20}) {
    Result<SafetensorsFile> parsed = Status::internal("not parsed");
    CHECK(n_attempts(std::span<const uint8_t>(bytes), first, parsed) > 1);
    INFO(parsed.status().message());
    REQUIRE(parsed.is_ok());
    CHECK(parsed->tensors()[0].end == bytes.size());
  }
}

TEST_CASE("A header that is longer than the first part is read on") {
  std::vector<std::string> texts;
  for (int i = 0; i < 150'000; ++i) texts.push_back(str_cat("token", i));
  const std::vector<std::string_view> views(texts.begin(), texts.end());
  GgufWriter writer;
  writer.set_string_array("tokens", views);
  const test::TemporaryDirectory directory;
  REQUIRE(writer.write(directory.file("long.gguf")).is_ok());
  const InputFile file = std::move(InputFile::open(directory.file("long.gguf"))).value();
  REQUIRE(file.size() > 2 * kFirstFrontBytes);

  int attempts = 0;
  const auto front = parse_file_front<GgufFile>(file, [&](std::span<const uint8_t> bytes, uint64_t& needed) {
    ++attempts;
    return GgufFile::parse_front(bytes, file.size(), file.path(), needed);
  });
  INFO(front.status().message());
  REQUIRE(front.is_ok());
  CHECK(attempts == 3);  // 1, 2 and 4 MiB, the last cut to the file
  CHECK(front->bytes.size() == file.size());
  const auto tokens = front->parsed.get_string_array("tokens").value();
  CHECK(tokens[149'999] == "token149999");
}

TEST_CASE("A header without end is refused before it is read") {
  const test::TemporaryDirectory directory;
  const std::string path = directory.write("endless", std::string_view("x"));
  std::filesystem::resize_file(path, uint64_t(4) << 30);  // a hole, no bytes on disk
  const InputFile file = std::move(InputFile::open(path)).value();
  const auto front =
      parse_file_front<GgufFile>(file, [&](std::span<const uint8_t>, uint64_t& needed) -> Result<GgufFile> {
        needed = (uint64_t(3) << 30) + 1;
        return Status::corrupt("more");
      });
  CHECK_THAT(front.status().message(), Contains(path) && Contains("a header of 3221225473 bytes"));
}

TEST_CASE("Only the header of a model file is kept in memory") {
  const auto model = open_model_files(kGguf, Log());
  REQUIRE(model.is_ok());
  CHECK(model->gguf_parts[0].header.size() == kFirstFrontBytes);
  CHECK(model->gguf_parts[0].input->size() > 2 * kFirstFrontBytes);
}

}  // namespace
