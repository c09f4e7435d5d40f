#include "platforms/file_map.h"

#include <sys/stat.h>

#include <catch2/catch.hpp>
#include <filesystem>
#include <string>

#include "platforms/atomic_file.h"
#include "tests/unit/platforms/pattern_file.h"

using namespace dunlin;
using Catch::Matchers::Contains;
using dunlin::test::PatternFile;

namespace {

bool has_pattern(const FileMap& map) {
  for (size_t i = 0; i < map.bytes().size(); ++i)
    if (map.bytes()[i] != i % 251) return false;
  return map.bytes().size() == PatternFile::kSize;
}

TEST_CASE("A file is mapped or read with the same bytes") {
  const PatternFile file;
  for (const bool use_mmap : {true, false}) {
    const FileMap map = std::move(FileMap::open(file.path(), {.use_mmap = use_mmap})).value();
    CHECK(map.is_mapped() == use_mmap);
    CHECK(map.path() == file.path());
    CHECK(has_pattern(map));
    map.will_need(map.bytes());
    map.will_need(map.bytes().subspan(5000, 1));
    map.will_need({});
    CHECK(has_pattern(map));
  }
}

TEST_CASE("Bytes stay where they are when the map moves") {
  const PatternFile file;
  for (const bool use_mmap : {true, false}) {
    FileMap first = std::move(FileMap::open(file.path(), {.use_mmap = use_mmap})).value();
    const uint8_t* data = first.bytes().data();
    FileMap second = std::move(first);
    CHECK(second.bytes().data() == data);
    CHECK(first.bytes().empty());
    first = std::move(second);
    CHECK(first.bytes().data() == data);
    CHECK(has_pattern(first));
  }
}

TEST_CASE("A range outside the file is a programming error") {
  const PatternFile file;
  const FileMap map = std::move(FileMap::open(file.path())).value();
  const uint8_t other[4] = {};
  CHECK_THROWS_AS(map.will_need(other), CheckFailure);
}

TEST_CASE("What cannot be opened is explained") {
  const PatternFile file;
  CHECK(FileMap::open("no/such/file").status().code() == StatusCode::kNotFound);
  CHECK_THAT(FileMap::open("no/such/file").message(), Contains("no/such/file: no such file"));
  CHECK_THAT(FileMap::open(".").message(), Contains("is a directory"));
  CHECK_THAT(FileMap::open("/dev/null").message(), Contains("not a regular file"));
  CHECK_THAT(FileMap::open(file.path(), {.max_bytes = 10}).message(), Contains("12388 bytes; at most 10"));
  // A pipe without a writer must not block.
  const std::string pipe = file.path() + ".pipe";
  REQUIRE(::mkfifo(pipe.c_str(), 0600) == 0);
  CHECK_THAT(FileMap::open(pipe).message(), Contains("not a regular file"));
  std::filesystem::remove(pipe);
}

TEST_CASE("An empty file has no bytes") {
  const PatternFile file;
  std::filesystem::resize_file(file.path(), 0);
  CHECK(FileMap::open(file.path()).value().bytes().empty());
  CHECK(FileMap::open(file.path(), {.use_mmap = false}).value().bytes().empty());
}

TEST_CASE("An atomic file replaces the old one only when it is complete") {
  const PatternFile file;
  const uint8_t text[] = {'n', 'e', 'w'};
  {
    AtomicFile abandoned = std::move(AtomicFile::create(file.path())).value();
    REQUIRE(abandoned.write(text).is_ok());
  }
  CHECK(has_pattern(FileMap::open(file.path()).value()));
  AtomicFile complete = std::move(AtomicFile::create(file.path())).value();
  REQUIRE(complete.write(text).is_ok());
  REQUIRE(complete.commit().is_ok());
  CHECK(FileMap::open(file.path()).value().bytes().size() == 3);
  CHECK_THAT(AtomicFile::create("no/such/folder/file").status().message(), Contains("no/such/folder/file"));
}

}  // namespace
