#include "platforms/memory.h"

#include <catch2/catch.hpp>
#include <cstring>
#include <utility>

#include "platforms/clock.h"

namespace dunlin {
namespace {

constexpr size_t kMiB = size_t(1) << 20;

TEST_CASE("a large block is zero-filled, aligned and counted") {
  const HugePages huge = GENERATE(HugePages::kNo, HugePages::kAdvise);
  const uint64_t before = process_memory().resident_bytes;
  LargeBlock block = LargeBlock::allocate(64 * kMiB + 1, huge).value();
  REQUIRE(block.size() == 64 * kMiB + 1);
  const size_t alignment = huge == HugePages::kAdvise ? 2 * kMiB : page_size_bytes();
  CHECK(reinterpret_cast<uintptr_t>(block.data()) % alignment == 0);
  CHECK(block.data()[0] == 0);
  CHECK(block.data()[block.size() - 1] == 0);

  std::memset(block.data(), 1, block.size());
  const ProcessMemory filled = process_memory();
  CHECK(filled.resident_bytes > before + 48 * kMiB);
  CHECK(filled.peak_resident_bytes >= filled.resident_bytes / 2);

  LargeBlock moved = std::move(block);
  CHECK(block.size() == 0);
  CHECK(moved.data()[64 * kMiB] == 1);
  moved = LargeBlock();
  CHECK(process_memory().resident_bytes < filled.resident_bytes - 32 * kMiB);
}

TEST_CASE("an empty block is no error and a block without end is one") {
  CHECK(LargeBlock::allocate(0).value().data() == nullptr);
  for (const size_t bytes : {SIZE_MAX, SIZE_MAX - 4096, SIZE_MAX / 2}) {
    for (const HugePages huge : {HugePages::kNo, HugePages::kAdvise}) {
      const auto block = LargeBlock::allocate(bytes, huge);
      REQUIRE_FALSE(block.is_ok());
      CHECK(block.status().code() == StatusCode::kResourceExhausted);
    }
  }
}

TEST_CASE("system memory") {
  const SystemMemory memory = system_memory();
  CHECK(memory.total_bytes > 0);
  CHECK(memory.available_bytes > 0);
  CHECK(memory.available_bytes <= memory.total_bytes);
}

TEST_CASE("the monotonic clock does not go back") {
  int64_t last = monotonic_ns();
  CHECK(last > 0);
  for (int i = 0; i < 1000; ++i) {
    const int64_t now = monotonic_ns();
    REQUIRE(now >= last);
    last = now;
  }
}

}  // namespace
}  // namespace dunlin
