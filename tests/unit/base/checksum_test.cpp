#include "core/base/checksum.h"

#include <catch2/catch.hpp>
#include <set>
#include <vector>

using namespace dunlin;

namespace {

std::vector<uint8_t> counting_bytes(size_t n) {
  std::vector<uint8_t> bytes(n);
  for (size_t i = 0; i < n; ++i) bytes[i] = uint8_t(i * 7 + i / 256);
  return bytes;
}

}  // namespace

TEST_CASE("a checksum is the same for ever: it stands in files") {
  CHECK(checksum64({}) == 0xFF5E541F9F640939);
  CHECK(checksum64(counting_bytes(1)) == 0xA46CA0A66917960C);
  CHECK(checksum64(counting_bytes(64)) == 0xD86B59D4E67E55C9);
  CHECK(checksum64(counting_bytes(1000)) == 0xB2C95180D59AD4C8);
}

TEST_CASE("every single flipped bit changes the checksum") {
  std::vector<uint8_t> bytes = counting_bytes(200);
  const uint64_t sum = checksum64(bytes);
  for (size_t bit = 0; bit < bytes.size() * 8; ++bit) {
    bytes[bit / 8] ^= uint8_t(1 << bit % 8);
    REQUIRE(checksum64(bytes) != sum);
    bytes[bit / 8] ^= uint8_t(1 << bit % 8);
  }
}

TEST_CASE("the highest bits of two words of a lane do not cancel") {
  std::vector<uint8_t> bytes = counting_bytes(256);
  const uint64_t sum = checksum64(bytes);
  bytes[7] ^= 0x80;
  bytes[64 + 7] ^= 0x80;
  CHECK(checksum64(bytes) != sum);
}

TEST_CASE("length and order count, also of zeros") {
  std::set<uint64_t> sums;
  for (size_t n = 0; n < 300; ++n) sums.insert(checksum64(std::vector<uint8_t>(n)));
  CHECK(sums.size() == 300);
  std::vector<uint8_t> bytes = counting_bytes(128);
  const uint64_t sum = checksum64(bytes);
  std::swap_ranges(bytes.begin(), bytes.begin() + 8, bytes.begin() + 64);  // same lane
  CHECK(checksum64(bytes) != sum);
}
