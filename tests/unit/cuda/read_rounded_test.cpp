// Weights of types without a plane, a few rows at a time.
#include <algorithm>
#include <catch2/catch.hpp>
#include <cmath>
#include <numeric>

#include "backends/cuda/weight_uploader.h"
#include "core/quant/format.h"

using namespace dunlin;
using namespace dunlin::cuda;

TEST_CASE("rows rounded part by part are those of the whole matrix, in the weight's order") {
  constexpr int64_t kRows = 37, kColumns = 512;
  std::vector<float> values(size_t(kRows * kColumns));
  for (size_t i = 0; i < values.size(); ++i) values[i] = std::sin(float(i) * 0.37f) * float(1 + i % 7);
  for (const DType type : {DType::kQ2_K, DType::kQ4_1, DType::kQ5_1}) {
    for (const bool reordered : {false, true}) {
      WeightSource source;
      source.tensor.type = type;
      source.tensor.shape = {kRows, kColumns};
      std::vector<uint8_t> blocks(size_t(source.tensor.bytes()));
      quant_format(type).quantize(values.data(), blocks.data(), values.size());
      uint64_t largest_read = 0;
      source.tensor.read = [&](uint64_t offset, std::span<uint8_t> out) {
        largest_read = std::max(largest_read, uint64_t(out.size()));
        return read_from_memory(blocks)(offset, out);
      };
      if (reordered) {
        source.row_order.resize(size_t(kRows));
        for (int32_t r = 0; r < int32_t(kRows); ++r) source.row_order[size_t(r)] = (r * 5) % int32_t(kRows);
      }
      std::vector<float> decoded(values.size());
      quant_format(type).dequantize(blocks.data(), decoded.data(), decoded.size());
      std::vector<uint16_t> expected(values.size()), actual(values.size());
      for (int64_t r = 0; r < kRows; ++r) {
        const int64_t from = reordered ? source.row_order[size_t(r)] : r;
        quant_format(DType::kF16)
            .quantize(decoded.data() + from * kColumns,
                      reinterpret_cast<uint8_t*>(expected.data() + r * kColumns), uint64_t(kColumns));
      }
      constexpr int64_t kPart = 5;
      for (int64_t first = 0; first < kRows; first += kPart) {
        const int64_t n = std::min(kPart, kRows - first);
        REQUIRE(read_rounded(source, first, n, reinterpret_cast<uint8_t*>(actual.data() + first * kColumns))
                    .is_ok());
      }
      INFO(dtype_name(type) << ", reordered: " << reordered);
      CHECK(actual == expected);
      CHECK(largest_read <= uint64_t(kPart) * source.tensor.row_bytes());
    }
  }
}

TEST_CASE("a read that fails ends the rounding") {
  WeightSource source;
  source.tensor.type = DType::kQ4_1;
  source.tensor.shape = {4, 32};
  source.tensor.read = [](uint64_t, std::span<uint8_t>) { return Status::io("gone"); };
  std::vector<uint8_t> out(4 * 32 * 2);
  CHECK(read_rounded(source, 0, 4, out.data()).code() == StatusCode::kIo);
}
