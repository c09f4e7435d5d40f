// Blocks made by hand, byte for byte from the layout diagrams, and the values they stand for.
#include <catch2/catch.hpp>
#include <vector>

#include "core/base/check.h"
#include "core/quant/format.h"
#include "core/quant/q2_k.h"
#include "core/quant/q3_k.h"
#include "core/quant/q4_0.h"
#include "core/quant/q4_1.h"
#include "core/quant/q4_k.h"
#include "core/quant/q5_0.h"
#include "core/quant/q5_1.h"
#include "core/quant/q5_k.h"
#include "core/quant/q6_k.h"
#include "core/quant/q8_0.h"

using namespace dunlin;

namespace {

// f16 bit patterns.
constexpr uint16_t kQuarter = 0x3400, kHalf = 0x3800, kOne = 0x3C00, kTwo = 0x4000;

template <typename Block>
std::vector<float> values(const Block& block) {
  std::vector<float> out(Block::kElements);
  dequantize_block(block, out.data());
  return out;
}

}  // namespace

TEST_CASE("Q4_0 layout") {
  BlockQ4_0 block{};
  block.d = kHalf;
  block.qs[0] = 0xF1;
  block.qs[15] = 0x8A;
  const auto v = values(block);
  CHECK(v[0] == -3.5f);  // code 1
  CHECK(v[16] == 3.5f);  // code 15
  CHECK(v[15] == 1.0f);  // code 10
  CHECK(v[31] == 0.0f);  // code 8
  CHECK(v[1] == -4.0f);  // code 0
}

TEST_CASE("Q4_1 layout") {
  BlockQ4_1 block{};
  block.d = kHalf;
  block.m = kTwo;
  block.qs[0] = 0xF1;
  const auto v = values(block);
  CHECK(v[0] == 2.5f);
  CHECK(v[16] == 9.5f);
  CHECK(v[31] == 2.0f);
}

TEST_CASE("Q5_0 layout") {
  BlockQ5_0 block{};
  block.d = kOne;
  block.qh[0] = 0x01;  // bit 0: element 0
  block.qh[3] = 0x80;  // bit 31: element 31
  block.qs[0] = 0x21;
  block.qs[15] = 0x7F;
  const auto v = values(block);
  CHECK(v[0] == 1.0f);     // 1 + 16 - 16
  CHECK(v[16] == -14.0f);  // 2 - 16
  CHECK(v[15] == -1.0f);   // 15 - 16
  CHECK(v[31] == 7.0f);    // 7 + 16 - 16
}

TEST_CASE("Q5_1 layout") {
  BlockQ5_1 block{};
  block.d = kTwo;
  block.m = kHalf;
  block.qh[1] = 0x02;  // bit 9: element 9
  block.qh[2] = 0x01;  // bit 16: element 16
  block.qs[9] = 0x04;
  block.qs[0] = 0x30;
  const auto v = values(block);
  CHECK(v[9] == 40.5f);   // 2 * (4 + 16) + 0.5
  CHECK(v[16] == 38.5f);  // 2 * (3 + 16) + 0.5
  CHECK(v[25] == 0.5f);
}

TEST_CASE("Q8_0 layout") {
  BlockQ8_0 block{};
  block.d = kHalf;
  block.qs[0] = 127;
  block.qs[1] = -1;
  block.qs[31] = -128;
  const auto v = values(block);
  CHECK(v[0] == 63.5f);
  CHECK(v[1] == -0.5f);
  CHECK(v[31] == -64.0f);
}

TEST_CASE("Q2_K layout") {
  BlockQ2_K block{};
  block.d = kTwo;
  block.dmin = kOne;
  block.qs[0] = 0xD9;  // codes 1, 2, 1, 3 of elements 0, 32, 64, 96
  block.qs[63] = 0x80;
  block.scales[0] = 0x25;
  block.scales[2] = 0x31;
  block.scales[4] = 0x0F;
  block.scales[6] = 0xF2;
  block.scales[15] = 0x43;
  const auto v = values(block);
  CHECK(v[0] == 8.0f);    // 2 * 5 * 1 - 2
  CHECK(v[15] == -2.0f);  // group 0 ends here
  CHECK(v[16] == 0.0f);
  CHECK(v[32] == 1.0f);   // 2 * 1 * 2 - 3
  CHECK(v[64] == 30.0f);  // 2 * 15 * 1 - 0
  CHECK(v[96] == -3.0f);  // 2 * 2 * 3 - 15
  CHECK(v[255] == 8.0f);  // 2 * 3 * 2 - 4
}

TEST_CASE("Q3_K layout") {
  BlockQ3_K block{};
  block.d = kOne;
  // Scale codes: group 0 0b110011, group 9 0b100001, group 15 0b111111, the others 0.
  block.scales[0] = 0x03;
  block.scales[8] = 0x03;
  block.scales[1] = 0x10;
  block.scales[9] = 0x20;
  block.scales[7] = 0xF0;
  block.scales[11] = 0xC0;
  block.qs[0] = 0x02;
  block.hmask[0] = 0x01;
  block.qs[48] = 0x03;
  block.qs[63] = 0x40;
  block.hmask[31] = 0x80;
  const auto v = values(block);
  CHECK(v[0] == 38.0f);     // (51 - 32) * (2 + 4 - 4)
  CHECK(v[1] == -76.0f);    // (51 - 32) * (0 - 4)
  CHECK(v[144] == -1.0f);   // (33 - 32) * (3 - 4)
  CHECK(v[255] == 31.0f);   // (63 - 32) * (1 + 4 - 4)
  CHECK(v[128] == 128.0f);  // (0 - 32) * (0 - 4)
}

namespace {

// s0 = 5, m0 = 7, s4 = 45 (0b101101), m4 = 19 (0b010011), s7 = 63, m7 = 32, the others 0.
template <typename Block>
Block scale_min_example() {
  Block block{};
  block.d = kOne;
  block.dmin = kHalf;
  block.scales[0] = 0x85;
  block.scales[4] = 0x47;
  block.scales[8] = 0x3D;
  block.scales[3] = 0xC0;
  block.scales[7] = 0x80;
  block.scales[11] = 0x0F;
  block.qs[0] = 0xA3;
  block.qs[64] = 0x96;
  block.qs[127] = 0xF0;
  return block;
}

}  // namespace

TEST_CASE("Q4_K layout") {
  const auto v = values(scale_min_example<BlockQ4_K>());
  CHECK(v[0] == 11.5f);     // 5 * 3 - 0.5 * 7
  CHECK(v[31] == -3.5f);    // group 0 ends here
  CHECK(v[32] == 0.0f);     // group 1 has scale and min 0
  CHECK(v[128] == 260.5f);  // 45 * 6 - 0.5 * 19
  CHECK(v[129] == -9.5f);
  CHECK(v[255] == 929.0f);  // 63 * 15 - 0.5 * 32
  CHECK(v[223] == 0.0f);
}

TEST_CASE("Q5_K layout") {
  auto block = scale_min_example<BlockQ5_K>();
  block.qh[0] = 0x10;   // element 128
  block.qh[31] = 0x80;  // element 255
  const auto v = values(block);
  CHECK(v[0] == 11.5f);
  CHECK(v[128] == 980.5f);   // 45 * (6 + 16) - 0.5 * 19
  CHECK(v[255] == 1937.0f);  // 63 * (15 + 16) - 0.5 * 32
}

TEST_CASE("Q6_K layout") {
  BlockQ6_K block{};
  block.d = kQuarter;
  block.scales[0] = -2;
  block.scales[4] = 1;
  block.scales[10] = 3;
  block.scales[15] = 127;
  block.ql[0] = 0x75;
  block.qh[0] = 0x02;
  block.ql[96] = 0x09;
  block.qh[32] = 0x04;
  block.ql[127] = 0xC0;
  block.qh[63] = 0xC0;
  const auto v = values(block);
  CHECK(v[0] == -2.5f);     // 0.25 * -2 * (5 + 32 - 32)
  CHECK(v[64] == -6.25f);   // 0.25 * 1 * (7 - 32)
  CHECK(v[160] == -5.25f);  // 0.25 * 3 * (9 + 16 - 32)
  CHECK(v[255] == 889.0f);  // 0.25 * 127 * (12 + 48 - 32)
}

TEST_CASE("the float types are plain arrays") {
  const float x[] = {1.0f, -0.5f, 65504.0f};
  uint8_t bytes[12];
  float out[3];
  quant_format(DType::kF16).quantize(x, bytes, 3);
  CHECK(bytes[0] == 0x00);
  CHECK(bytes[1] == 0x3C);
  quant_format(DType::kF16).dequantize(bytes, out, 3);
  CHECK(std::equal(out, out + 3, x));
  quant_format(DType::kBF16).quantize(x, bytes, 3);
  CHECK(bytes[2] == 0x00);
  CHECK(bytes[3] == 0xBF);
  quant_format(DType::kBF16).dequantize(bytes, out, 3);
  CHECK(out[2] == 65536.0f);  // 8 bits of precision
  quant_format(DType::kF32).quantize(x, bytes, 3);
  quant_format(DType::kF32).dequantize(bytes, out, 3);
  CHECK(std::equal(out, out + 3, x));
}

TEST_CASE("a row must be whole blocks, and a type must be one of files") {
  float x[256] = {};
  uint8_t bytes[256];
  CHECK_THROWS_AS(quant_format(DType::kQ4_0).quantize(x, bytes, 33), CheckFailure);
  CHECK_THROWS_AS(quant_format(DType::kQ4_K).dequantize(bytes, x, 128), CheckFailure);
  CHECK_THROWS_AS(quant_format(DType::kI32), CheckFailure);
}
