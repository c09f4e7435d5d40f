#include "backends/cpu/formats/dense.h"

#include "backends/cpu/formats/pack_format.h"

namespace dunlin::cpu {
namespace {

template <int kBytes>
void pack(const uint8_t* block, int row, uint8_t*, uint8_t* body) {
  std::memcpy(body + kBytes * row, block, kBytes);
}

template <int kBytes>
void unpack(const uint8_t*, const uint8_t* body, int row, uint8_t* block) {
  std::memcpy(block, body + kBytes * row, kBytes);
}

}  // namespace

const PackFormat kPackF32 = {DType::kF32, 1, false, 16 * 4, &pack<4>, &unpack<4>};
const PackFormat kPackF16 = {DType::kF16, 1, false, 16 * 2, &pack<2>, &unpack<2>};
const PackFormat kPackBF16 = {DType::kBF16, 1, false, 16 * 2, &pack<2>, &unpack<2>};

}  // namespace dunlin::cpu
