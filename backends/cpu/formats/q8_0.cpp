#include "backends/cpu/formats/q8_0.h"

#include "backends/cpu/formats/pack_format.h"

namespace dunlin::cpu {
namespace {

constexpr uint32_t kTopBits = 0x80808080u;

void pack(const uint8_t* block, int row, uint8_t* d, uint8_t* body) {
  std::memcpy(d + 2 * row, block, 2);
  for (int t = 0; t < 8; ++t)
    store_as(body + 64 * t + 4 * row, load_as<uint32_t>(block + 2 + 4 * t) ^ kTopBits);
}

void unpack(const uint8_t* d, const uint8_t* body, int row, uint8_t* block) {
  std::memcpy(block, d + 2 * row, 2);
  for (int t = 0; t < 8; ++t)
    store_as(block + 2 + 4 * t, load_as<uint32_t>(body + 64 * t + 4 * row) ^ kTopBits);
}

}  // namespace

const PackFormat kPackQ8_0 = {DType::kQ8_0, 32, true, sizeof(Q8_0Panel), &pack, &unpack};

}  // namespace dunlin::cpu
