#include "backends/cpu/weight_memory.h"

#include <catch2/catch.hpp>
#include <cstring>
#include <vector>

#include "backends/cpu/pack.h"

namespace dunlin::cpu {
namespace {

constexpr size_t kMiB = size_t(1) << 20;

TEST_CASE("matrices lie side by side, aligned, the first on a huge page") {
  WeightMemory memory;
  const auto first = memory.allocate(3 * kMiB + 1).value();
  const auto second = memory.allocate(100).value();
  const auto third = memory.allocate(2 * kMiB).value();
  CHECK(reinterpret_cast<uintptr_t>(first.get()) % (2 * kMiB) == 0);
  CHECK(second.get() == first.get() + 3 * kMiB + kPanelAlignment);
  CHECK(third.get() == second.get() + 128);
  CHECK(third.get()[2 * kMiB - 1] == 0);
}

TEST_CASE("a matrix that does not fit begins the next block") {
  WeightMemory memory;
  constexpr size_t kBytes = WeightMemory::kOwnBlockBytes - kPanelAlignment;
  constexpr size_t kFitting = WeightMemory::kSharedBlockBytes / kBytes;
  std::vector<std::shared_ptr<uint8_t>> pieces;
  for (size_t i = 0; i <= kFitting; ++i) {
    pieces.push_back(memory.allocate(kBytes).value());
    pieces.back().get()[kBytes - 1] = uint8_t(i + 1);  // is there to be written
  }
  for (size_t i = 0; i < kFitting; ++i) {
    CHECK(pieces[i].get() == pieces[0].get() + i * kBytes);
    CHECK(pieces[i].get()[kBytes - 1] == uint8_t(i + 1));
  }
  CHECK(pieces[kFitting].get() != pieces[0].get() + kFitting * kBytes);
}

TEST_CASE("a large matrix has a block of its own and leaves the shared one as it is") {
  WeightMemory memory;
  const auto before = memory.allocate(64).value();
  const auto large = memory.allocate(WeightMemory::kOwnBlockBytes).value();
  const auto after = memory.allocate(64).value();
  CHECK(after.get() == before.get() + 64);
  CHECK(reinterpret_cast<uintptr_t>(large.get()) % (2 * kMiB) == 0);
}

TEST_CASE("a block lives as long as one of its matrices, no longer") {
  auto memory = std::make_unique<WeightMemory>();
  auto kept = memory->allocate(64).value();
  auto dropped = memory->allocate(32 * kMiB).value();
  std::memset(dropped.get(), 1, 32 * kMiB);
  kept.get()[63] = 7;
  dropped.reset();
  memory.reset();
  CHECK(kept.get()[63] == 7);
  const uint64_t resident = process_memory().resident_bytes;
  kept.reset();
  CHECK(process_memory().resident_bytes < resident - 16 * kMiB);
}

TEST_CASE("nothing needs no memory, and more than there is is an error") {
  WeightMemory memory;
  CHECK(memory.allocate(0).value() == nullptr);
  const auto refused = memory.allocate(SIZE_MAX / 2);
  REQUIRE_FALSE(refused.is_ok());
  CHECK(refused.status().code() == StatusCode::kResourceExhausted);
}

}  // namespace
}  // namespace dunlin::cpu
