#include "platforms/input_file.h"

#include <sys/stat.h>

#include <catch2/catch.hpp>
#include <filesystem>
#include <thread>
#include <vector>

#include "core/base/check.h"
#include "tests/unit/platforms/pattern_file.h"

using namespace dunlin;
using Catch::Matchers::Contains;
using dunlin::test::PatternFile;

namespace {

InputFile open(const std::string& path, bool preload = false) {
  auto file = InputFile::open(path, {.preload = preload});
  INFO(file.status().message());
  REQUIRE(file.is_ok());
  return std::move(file).value();
}

bool has_pattern(const InputFile& file, uint64_t offset, size_t n) {
  std::vector<uint8_t> bytes(n, 0xEE);
  if (!file.read(offset, bytes).is_ok()) return false;
  for (size_t i = 0; i < n; ++i)
    if (bytes[i] != (offset + i) % 251) return false;
  return true;
}

TEST_CASE("Any part of a file is read, preloaded or not") {
  const PatternFile pattern;
  for (const bool preload : {false, true}) {
    InputFile file = open(pattern.path(), preload);
    CHECK(file.path() == pattern.path());
    CHECK(file.size() == PatternFile::kSize);
    CHECK(file.modified_ns() > 0);
    CHECK(file.is_preloaded() == preload);
    CHECK(has_pattern(file, 0, PatternFile::kSize));
    CHECK(has_pattern(file, 4095, 2));
    CHECK(has_pattern(file, PatternFile::kSize - 1, 1));
    CHECK(has_pattern(file, PatternFile::kSize, 0));
    const InputFile moved = std::move(file);
    CHECK(has_pattern(moved, 100, 5000));
    CHECK(file.size() == 0);
  }
}

TEST_CASE("Threads may read one file at once") {
  const PatternFile pattern;
  const InputFile file = open(pattern.path());
  std::vector<std::thread> threads;
  std::vector<char> good(4, 0);
  for (size_t i = 0; i < good.size(); ++i)
    threads.emplace_back([&, i] {
      good[i] = 1;
      for (uint64_t at = i; at + 1000 < PatternFile::kSize; at += 37)
        if (!has_pattern(file, at, 1000)) good[i] = 0;
    });
  for (std::thread& thread : threads) thread.join();
  CHECK(good == std::vector<char>(4, 1));
}

TEST_CASE("A file that shrinks is an error that names it; what was preloaded stays") {
  const PatternFile pattern;
  const InputFile file = open(pattern.path());
  const InputFile preloaded = open(pattern.path(), true);
  std::filesystem::resize_file(pattern.path(), 5000);
  CHECK(has_pattern(file, 0, 5000));
  std::vector<uint8_t> out(200);
  for (const uint64_t offset : {uint64_t(4900), uint64_t(5000), uint64_t(12000)}) {
    const Status status = file.read(offset, out);
    CHECK(status.code() == StatusCode::kIo);
    CHECK_THAT(status.message(),
               Contains(pattern.path()) && Contains("became shorter") && Contains("12388 bytes"));
  }
  CHECK(has_pattern(preloaded, 0, PatternFile::kSize));
}

TEST_CASE("A file that is removed or replaced can still be read") {
  const PatternFile pattern;
  const InputFile file = open(pattern.path());
  std::filesystem::remove(pattern.path());
  CHECK(has_pattern(file, 0, PatternFile::kSize));
}

TEST_CASE("A part outside the file is a programming error") {
  const PatternFile pattern;
  std::vector<uint8_t> out(10);
  for (const bool preload : {false, true}) {
    const InputFile file = open(pattern.path(), preload);
    CHECK_THROWS_AS(file.read(PatternFile::kSize - 9, out), CheckFailure);
    CHECK_THROWS_AS(file.read(UINT64_MAX - 3, out), CheckFailure);
  }
}

TEST_CASE("What cannot be opened for reading is explained") {
  const PatternFile pattern;
  CHECK(InputFile::open("no/such/file").status().code() == StatusCode::kNotFound);
  CHECK_THAT(InputFile::open("no/such/file").message(), Contains("no/such/file: no such file"));
  CHECK_THAT(InputFile::open(".").message(), Contains("is a directory"));
  CHECK_THAT(InputFile::open("/dev/null").message(), Contains("not a regular file"));
  // A pipe without a writer must not block.
  const std::string pipe = pattern.path() + ".pipe";
  REQUIRE(::mkfifo(pipe.c_str(), 0600) == 0);
  CHECK_THAT(InputFile::open(pipe).message(), Contains("not a regular file"));
  std::filesystem::remove(pipe);
}

TEST_CASE("An empty file has nothing to read") {
  const PatternFile pattern;
  std::filesystem::resize_file(pattern.path(), 0);
  for (const bool preload : {false, true}) {
    const InputFile file = open(pattern.path(), preload);
    CHECK(file.size() == 0);
    CHECK(file.read(0, {}).is_ok());
  }
}

}  // namespace
