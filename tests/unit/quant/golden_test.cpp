// The bytes that the quantizers write, against those of llama.cpp (tests/data/quant/README.md).
#include <catch2/catch.hpp>
#include <fstream>
#include <iterator>
#include <string>
#include <vector>

#include "core/quant/format.h"

using namespace dunlin;

namespace {

std::vector<uint8_t> read_golden(const std::string& extension) {
  std::ifstream file("tests/data/quant/weights." + extension, std::ios::binary);
  REQUIRE(file.good());
  return {std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
}

std::vector<float> golden_weights() {
  const std::vector<uint8_t> bytes = read_golden("bf16");
  std::vector<float> x(bytes.size() / 2);
  quant_format(DType::kBF16).dequantize(bytes.data(), x.data(), x.size());
  return x;
}

struct GoldenCase {
  DType type;
  const char* extension;
};

constexpr GoldenCase kCases[] = {
    {DType::kQ4_0, "q4_0"}, {DType::kQ4_1, "q4_1"}, {DType::kQ5_0, "q5_0"}, {DType::kQ5_1, "q5_1"},
    {DType::kQ8_0, "q8_0"}, {DType::kQ2_K, "q2_k"}, {DType::kQ3_K, "q3_k"}, {DType::kQ4_K, "q4_k"},
    {DType::kQ5_K, "q5_k"}, {DType::kQ6_K, "q6_k"},
};

}  // namespace

TEST_CASE("every quantizer writes llama.cpp's bytes") {
  const std::vector<float> x = golden_weights();
  REQUIRE(x.size() == 12 * 256);
  for (const GoldenCase& golden : kCases) {
    const std::vector<uint8_t> expected = read_golden(golden.extension);
    std::vector<uint8_t> blocks(row_bytes(golden.type, x.size()));
    REQUIRE(blocks.size() == expected.size());
    quant_format(golden.type).quantize(x.data(), blocks.data(), x.size());

    const uint32_t block_bytes = dtype_info(golden.type).block_bytes;
    for (size_t begin = 0; begin < blocks.size(); begin += block_bytes) {
      INFO(golden.extension << " block " << begin / block_bytes);
      REQUIRE(std::equal(&blocks[begin], &blocks[begin] + block_bytes, &expected[begin]));
    }
  }
}

TEST_CASE("blocks may lie at any address") {
  for (const GoldenCase& golden : kCases) {
    INFO(golden.extension);
    const QuantFormat& format = quant_format(golden.type);
    const std::vector<uint8_t> blocks = read_golden(golden.extension);
    std::vector<uint8_t> shifted(blocks.size() + 1);
    std::copy(blocks.begin(), blocks.end(), shifted.begin() + 1);

    const uint64_t n = 12 * 256;
    std::vector<float> expected(n), out(n);
    format.dequantize(blocks.data(), expected.data(), n);
    format.dequantize(shifted.data() + 1, out.data(), n);
    CHECK(out == expected);
  }
}
