#include "backends/cpu/pack.h"

#include <catch2/catch.hpp>
#include <iterator>

#include "core/base/checksum.h"
#include "core/quant/format.h"
#include "tests/unit/cpu/linear/oracle.h"
#include "tests/unit/cpu/linear/packed_weight.h"
#include "tests/unit/cpu/linear/random_rows.h"

namespace dunlin::cpu {
namespace {

int64_t test_k(DType type) {
  return dtype_info(type).block_elements == 1 ? 75 : 3 * 256;
}

TEST_CASE("packing loses nothing: unpack_row returns the file's bytes") {
  for (const DType type : kLinearTypes) {
    for (const RowFill fill : {RowFill::kRandom, RowFill::kZero, RowFill::kExtreme}) {
      INFO(dtype_name(type));
      const int64_t n = 37, k = test_k(type);
      const std::vector<uint8_t> rows = make_rows(type, n, k, 1, fill);
      const PackedWeight weight = pack_rows(type, n, k, rows);
      const size_t bytes = row_bytes(type, uint64_t(k));
      std::vector<uint8_t> row(bytes);
      for (int64_t r = 0; r < n; ++r) {
        unpack_row(weight.matrix, r, row.data());
        REQUIRE(std::memcmp(row.data(), rows.data() + size_t(r) * bytes, bytes) == 0);
      }
    }
  }
}

TEST_CASE("a packed matrix has the file's size, up to the last panel") {
  for (const DType type : kLinearTypes) {
    if (type == DType::kQ3_K) continue;  // takes Q6_K's size
    const int64_t n = 64, k = 4096;
    const int64_t file = n * int64_t(row_bytes(type, uint64_t(k)));
    CHECK(packed_bytes(WeightLayout::kP16, type, n, k) == file);
    CHECK(packed_bytes(WeightLayout::kP16, type, 1, k) == file / 4);
  }
  CHECK(packed_bytes(WeightLayout::kP16, DType::kQ3_K, 64, 4096) ==
        packed_bytes(WeightLayout::kP16, DType::kQ6_K, 64, 4096));
}

// Packed bytes stand in pack caches (docs/pack-cache.md), which a build takes when its kPackVersion is
// theirs.
TEST_CASE("packed bytes are those of kPackVersion; whoever changes them raises it, and these sums") {
  REQUIRE(kPackVersion == 1);
  constexpr uint64_t kSums[] = {
      0x7c2c12238876e933, 0x9974551bd3550a94, 0x440c05c982206a0f, 0xac6567618824ddf8, 0x8c8e58e35f59b0ad,
      0x906e8dbd7664272d, 0x54aa733796d5b4c5, 0x1771f9bfa1a5170c, 0x3b45e7093f7868c1, 0xc53d1501453e952f,
      0x1b88963217a41d5e, 0x1b88963217a41d5e, 0x651365469e9fde56};
  static_assert(std::size(kSums) == std::size(kLinearTypes));
  for (size_t i = 0; i < std::size(kSums); ++i) {
    const DType type = kLinearTypes[i];
    const int64_t n = 19, k = test_k(type);
    std::vector<uint8_t> rows(size_t(n) * row_bytes(type, uint64_t(k)));
    for (size_t b = 0; b < rows.size(); ++b) rows[b] = uint8_t(b * 31 + b / 251);
    const PackedWeight weight = pack_rows(type, n, k, rows);
    INFO(dtype_name(type) << std::hex << " 0x" << checksum64(weight.bytes.bytes()));
    CHECK(checksum64(weight.bytes.bytes()) == kSums[i]);
  }
}

TEST_CASE("panels may be packed in any split, and only their own bytes are written") {
  const DType type = DType::kQ6_K;
  const int64_t n = 70, k = 256;
  const std::vector<uint8_t> rows = make_rows(type, n, k, 2);
  const PackedWeight whole = pack_rows(type, n, k, rows);
  AlignedBuffer parts(whole.bytes.size());
  const RowSource source{rows.data(), int64_t(row_bytes(type, k)), nullptr};
  pack_panels(WeightLayout::kP16, type, n, k, source, parts.data(), 3, 5);
  pack_panels(WeightLayout::kP16, type, n, k, source, parts.data(), 0, 3);
  CHECK(std::memcmp(parts.data(), whole.bytes.data(), whole.bytes.size()) == 0);
}

TEST_CASE("a row map permutes rows") {
  const DType type = DType::kQ4_K;
  const int64_t n = 18, k = 256;
  const std::vector<uint8_t> rows = make_rows(type, n, k, 3);
  std::vector<int32_t> map;
  for (int32_t r = 0; r < n; ++r) map.push_back(int32_t(n - 1 - r));
  const PackedWeight weight = pack_rows(type, n, k, rows, map.data());
  const size_t bytes = row_bytes(type, k);
  std::vector<uint8_t> row(bytes);
  for (int64_t r = 0; r < n; ++r) {
    unpack_row(weight.matrix, r, row.data());
    CHECK(std::memcmp(row.data(), rows.data() + size_t(n - 1 - r) * bytes, bytes) == 0);
  }
}

TEST_CASE("a packed row dequantizes as the file's row does, and as the oracle decodes it") {
  for (const DType type : kLinearTypes) {
    INFO(dtype_name(type));
    const int64_t n = 19, k = test_k(type);
    const std::vector<uint8_t> rows = make_rows(type, n, k, 4);
    const PackedWeight weight = pack_rows(type, n, k, rows);
    const size_t bytes = row_bytes(type, uint64_t(k));
    std::vector<float> packed(static_cast<size_t>(k)), raw(static_cast<size_t>(k));
    for (int64_t r = 0; r < n; ++r) {
      const uint8_t* row = rows.data() + size_t(r) * bytes;
      dequantize_row(weight.matrix, r, packed.data());
      dequantize_row(type, row, k, raw.data());
      REQUIRE(std::memcmp(packed.data(), raw.data(), packed.size() * sizeof(float)) == 0);
      if (!dtype_info(type).quantized) continue;
      size_t e = 0;
      for (const OracleGroup& group : decode_row(type, row, k))
        for (const int q : group.q)
          REQUIRE(raw[e++] ==
                  Approx(group.d * group.scale * q - group.dmin * group.minimum).epsilon(1e-5).margin(1e-6));
    }
  }
}

TEST_CASE("can_pack knows the types and their blocks") {
  CHECK(can_pack(WeightLayout::kP16, DType::kQ4_K, 512));
  CHECK_FALSE(can_pack(WeightLayout::kP16, DType::kQ4_K, 288));
  CHECK(can_pack(WeightLayout::kP16, DType::kQ5_0, 288));
  CHECK(can_pack(WeightLayout::kP16, DType::kF32, 7));
  CHECK_FALSE(can_pack(WeightLayout::kP16, DType::kF32, 0));
  CHECK_FALSE(can_pack(WeightLayout::kP16, DType::kI32, 256));
}

}  // namespace
}  // namespace dunlin::cpu
