#include "core/sampling/philox.h"

#include <catch2/catch.hpp>
#include <set>

namespace dunlin {
namespace {

using Words4 = std::array<uint32_t, 4>;

TEST_CASE("philox4x32 gives the published known answers") {
  // Random123 1.14, tests/kat_vectors, "philox4x32 10".
  constexpr uint32_t kOnes = 0xFFFFFFFFu;
  CHECK(philox4x32({0, 0, 0, 0}, {0, 0}) == Words4{0x6627E8D5u, 0xE169C58Du, 0xBC57AC4Cu, 0x9B00DBD8u});
  CHECK(philox4x32({kOnes, kOnes, kOnes, kOnes}, {kOnes, kOnes}) ==
        Words4{0x408F276Du, 0x41C83B0Eu, 0xA20BC7C6u, 0x6D5451FDu});
  CHECK(philox4x32({0x243F6A88u, 0x85A308D3u, 0x13198A2Eu, 0x03707344u}, {0xA4093822u, 0x299F31D0u}) ==
        Words4{0xD16CFE09u, 0x94FDCCEBu, 0x5001E420u, 0x24126EA1u});
}

TEST_CASE("uniform_draw is in [0, 1), uniform, and depends on all bits of seed and position") {
  constexpr int kDraws = 100000, kBins = 20;
  std::array<int, kBins> bins{};
  for (int i = 0; i < kDraws; ++i) {
    const double u = uniform_draw(7, uint64_t(i));
    REQUIRE(u >= 0.0);
    REQUIRE(u < 1.0);
    ++bins[size_t(u * kBins)];
  }
  for (const int count : bins) CHECK(count == Approx(kDraws / kBins).margin(350));  // 5 standard deviations

  std::set<double> distinct{uniform_draw(0, 0)};
  for (int bit = 0; bit < 64; ++bit) {
    distinct.insert(uniform_draw(uint64_t(1) << bit, 0));
    distinct.insert(uniform_draw(0, uint64_t(1) << bit));
  }
  CHECK(distinct.size() == 129);
}

}  // namespace
}  // namespace dunlin
