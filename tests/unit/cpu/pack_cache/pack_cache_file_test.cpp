// The cache's file: what was written comes back, and nothing else is believed.
#include "backends/cpu/pack_cache_file.h"

#include <signal.h>
#include <sys/resource.h>

#include <catch2/catch.hpp>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <functional>
#include <iterator>
#include <numeric>
#include <thread>

#include "core/base/checksum.h"
#include "tests/support/temporary_directory.h"

namespace dunlin::cpu {
namespace {

using dunlin::test::TemporaryDirectory;

// Where fields stand, by docs/pack-cache.md.
constexpr size_t kTableChecksumAt = 48, kWeightCountAt = 60, kHeaderChecksumAt = 64, kTableAt = 72;
constexpr size_t kFirstEntryAt = kTableAt + 16;  // behind one source

struct Fixture {
  TemporaryDirectory folder;
  std::string path = folder.file("model.gguf.dunlin-p16");
  PackCacheScope scope{"p16", 3, {{1000, 77}}};
  std::unique_ptr<ThreadTeam> team = std::move(ThreadTeam::create({.n_threads = 2, .cpus = {}})).value();
  std::vector<uint8_t> large = std::vector<uint8_t>((size_t(3) << 20) + 64);  // several chunks
  std::vector<uint8_t> small = std::vector<uint8_t>(192, 9);

  Fixture() {
    std::iota(large.begin(), large.end(), uint8_t(1));
    REQUIRE(write().is_ok());
  }
  Status write() { return write_pack_cache(path, scope, weights(), *team); }
  std::vector<PackedBytes> weights() const {
    return {{{"blk.0.ffn_up.weight", "Q4_K", 100, 256, PackForm::kPanels, 5, 6}, large},
            {{"token_embd.weight", "F16", 3, 32, PackForm::kRows, 0, 7}, small}};
  }
  Result<PackCacheFile> open() const { return PackCacheFile::open(path, scope, true); }

  std::vector<uint8_t> read() const {
    std::ifstream in(path, std::ios::binary);
    return {std::istreambuf_iterator<char>(in), std::istreambuf_iterator<char>()};
  }
  void replace(const std::vector<uint8_t>& bytes) const {
    folder.write("model.gguf.dunlin-p16", std::span<const uint8_t>(bytes));
  }
  void put_byte(size_t at, uint8_t value) const {
    std::fstream file(path, std::ios::binary | std::ios::in | std::ios::out);
    file.seekp(std::streamoff(at));
    file.put(char(value));
  }
  size_t n_files() const {
    return size_t(std::distance(std::filesystem::directory_iterator(folder.path()), {}));
  }
};

template <typename T>
void put(std::vector<uint8_t>& bytes, size_t at, T value) {
  std::memcpy(bytes.data() + at, &value, sizeof value);
}

uint64_t table_bytes(const std::vector<uint8_t>& file) {
  uint64_t n = 0;
  std::memcpy(&n, file.data() + 40, sizeof n);
  return n;
}

// Makes the checksums right again after a change, as somebody who means harm would.
void seal(std::vector<uint8_t>& file) {
  put(file, kTableChecksumAt, checksum64(std::span(file).subspan(kTableAt, size_t(table_bytes(file)))));
  put(file, kHeaderChecksumAt, checksum64(std::span(file).first(kHeaderChecksumAt)));
}

}  // namespace

TEST_CASE("what was written comes back, on page boundaries, mapped or read") {
  Fixture f;
  for (const bool use_mmap : {true, false}) {
    auto cache = PackCacheFile::open(f.path, f.scope, use_mmap);
    REQUIRE(cache.is_ok());
    for (const PackedBytes& weight : f.weights()) {
      PackCacheFile::Entry* entry = (*cache).find(weight.key.name);
      REQUIRE(entry != nullptr);
      CHECK(entry->key == weight.key);
      CHECK(entry->offset % 4096 == 0);
      CHECK(std::ranges::equal(entry->bytes, weight.bytes));
      CHECK((*cache).is_intact(*entry, *f.team));
    }
    CHECK((*cache).find("output.weight") == nullptr);
  }
  CHECK(f.n_files() == 1);
}

TEST_CASE("checksums do not depend on the number of threads") {
  Fixture f;
  const auto one = std::move(ThreadTeam::create({.n_threads = 1, .cpus = {}})).value();
  auto cache = f.open();
  REQUIRE(cache.is_ok());
  CHECK((*cache).is_intact(*(*cache).find("blk.0.ffn_up.weight"), *one));
}

TEST_CASE("no file is not an error to tell about") {
  Fixture f;
  std::filesystem::remove(f.path);
  CHECK(f.open().status().code() == StatusCode::kNotFound);
}

TEST_CASE("a cache of other files, another layout or another packing is of no use, and no damage") {
  Fixture f;
  const auto refuses = [&](const std::function<void(PackCacheScope&)>& change) {
    PackCacheScope other = f.scope;
    change(other);
    return PackCacheFile::open(f.path, other, true).status().code() == StatusCode::kUnsupported;
  };
  CHECK(refuses([](PackCacheScope& s) { s.layout = "p8"; }));
  CHECK(refuses([](PackCacheScope& s) { s.layout = "p16x"; }));
  CHECK(refuses([](PackCacheScope& s) { ++s.pack_version; }));
  CHECK(refuses([](PackCacheScope& s) { ++s.sources[0].bytes; }));
  CHECK(refuses([](PackCacheScope& s) { ++s.sources[0].modified_ns; }));
  CHECK(refuses([](PackCacheScope& s) { s.sources.push_back(s.sources[0]); }));
  CHECK(refuses([](PackCacheScope& s) { s.sources.clear(); }));
}

TEST_CASE("every flipped bit of header and table is noticed") {
  Fixture f;
  const std::vector<uint8_t> bytes = f.read();
  for (size_t bit = 0; bit < (kTableAt + size_t(table_bytes(bytes))) * 8; ++bit) {
    f.put_byte(bit / 8, uint8_t(bytes[bit / 8] ^ 1 << bit % 8));
    INFO("byte " << bit / 8);
    REQUIRE_FALSE(f.open().is_ok());
    f.put_byte(bit / 8, bytes[bit / 8]);
  }
  CHECK(f.open().is_ok());
}

TEST_CASE("a flipped bit of a weight is noticed, and only there") {
  Fixture f;
  const std::vector<uint8_t> good = f.read();
  size_t at = 0;
  {
    auto cache = f.open();
    REQUIRE(cache.is_ok());
    at = size_t((*cache).find("blk.0.ffn_up.weight")->offset);
  }
  for (const size_t i : {size_t(0), size_t(1) << 20, f.large.size() - 1}) {
    std::vector<uint8_t> bytes = good;
    bytes[at + i] ^= 0x40;
    f.replace(bytes);
    auto cache = f.open();
    REQUIRE(cache.is_ok());
    CHECK_FALSE((*cache).is_intact(*(*cache).find("blk.0.ffn_up.weight"), *f.team));
    CHECK((*cache).is_intact(*(*cache).find("token_embd.weight"), *f.team));
  }
}

TEST_CASE("a file that is too short, too long or something else is refused") {
  Fixture f;
  const std::vector<uint8_t> good = f.read();
  for (const size_t n : {size_t(0), size_t(1), size_t(71), size_t(72), size_t(200), size_t(4096),
                         good.size() - 4096, good.size() - 1}) {
    INFO(n);
    f.replace({good.begin(), good.begin() + ptrdiff_t(n)});
    CHECK(f.open().status().code() == StatusCode::kCorrupt);
  }
  std::vector<uint8_t> longer = good;
  longer.push_back(0);
  f.replace(longer);
  CHECK(f.open().status().code() == StatusCode::kCorrupt);
  f.replace(std::vector<uint8_t>(10000, 'x'));
  CHECK(f.open().status().code() == StatusCode::kCorrupt);
}

TEST_CASE("a table with right checksums and wrong places is refused") {
  Fixture f;
  const std::vector<uint8_t> good = f.read();
  const auto refused = [&](size_t at, auto value) {
    std::vector<uint8_t> bytes = good;
    put(bytes, at, value);
    seal(bytes);
    f.replace(bytes);
    return f.open().status().code() == StatusCode::kCorrupt;
  };
  CHECK(refused(kFirstEntryAt, uint64_t(0)));                      // the header
  CHECK(refused(kFirstEntryAt, uint64_t(4096 + 64)));              // not on a page
  CHECK(refused(kFirstEntryAt, uint64_t(good.size())));            // behind the end
  CHECK(refused(kFirstEntryAt, ~uint64_t(4095)));                  // wraps around
  CHECK(refused(kFirstEntryAt + 8, ~uint64_t(0)));                 // so does the size
  CHECK(refused(kFirstEntryAt + 8, uint64_t(good.size())));        // beyond the end
  CHECK(refused(kFirstEntryAt + 60, ~uint32_t(0)));                // the type's name
  CHECK(refused(kWeightCountAt, ~uint32_t(0)));                    // more weights than the table has
  CHECK_FALSE(refused(kFirstEntryAt + 16, uint64_t(0x12345678)));  // seal() itself is right
}

TEST_CASE("what cannot be written leaves nothing behind and the old file as it was") {
  Fixture f;
  const std::vector<uint8_t> before = f.read();
  const auto old_handler = ::signal(SIGXFSZ, SIG_IGN);
  rlimit old_limit{};
  REQUIRE(::getrlimit(RLIMIT_FSIZE, &old_limit) == 0);
  rlimit small_limit = old_limit;
  small_limit.rlim_cur = 100'000;
  REQUIRE(::setrlimit(RLIMIT_FSIZE, &small_limit) == 0);
  const Status status = f.write();
  REQUIRE(::setrlimit(RLIMIT_FSIZE, &old_limit) == 0);
  ::signal(SIGXFSZ, old_handler);
  CHECK(status.code() == StatusCode::kIo);
  CHECK(status.message().find(f.path) != std::string::npos);
  CHECK(f.n_files() == 1);
  CHECK(f.read() == before);
}

TEST_CASE("several writers at once leave one whole file") {
  Fixture f;
  std::vector<std::thread> writers;
  for (int i = 0; i < 4; ++i)
    writers.emplace_back([&f] {
      const auto team = std::move(ThreadTeam::create({.n_threads = 1, .cpus = {}})).value();
      for (int round = 0; round < 5; ++round)
        if (!write_pack_cache(f.path, f.scope, f.weights(), *team).is_ok()) std::abort();
    });
  for (int i = 0; i < 20; ++i) CHECK(f.open().is_ok());  // a reader never sees half a file
  for (std::thread& writer : writers) writer.join();
  auto cache = f.open();
  REQUIRE(cache.is_ok());
  CHECK((*cache).is_intact(*(*cache).find("blk.0.ffn_up.weight"), *f.team));
  CHECK(f.n_files() == 1);
}

}  // namespace dunlin::cpu
