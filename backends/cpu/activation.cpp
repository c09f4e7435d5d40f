#include "backends/cpu/activation.h"

#include "core/base/check.h"

namespace dunlin::cpu {

ActivationLayout activation_layout(DType weight) {
  switch (weight) {
    case DType::kQ2_K:
    case DType::kQ3_K:
    case DType::kQ4_K:
    case DType::kQ5_K:
    case DType::kQ6_K:
      return ActivationLayout::kA256;
    case DType::kQ4_0:
    case DType::kQ4_1:
    case DType::kQ5_0:
    case DType::kQ5_1:
    case DType::kQ8_0:
      return ActivationLayout::kA32;
    case DType::kF32:
    case DType::kF16:
    case DType::kBF16:
      return ActivationLayout::kF32;
    case DType::kI32:
      break;
  }
  check_failed(__FILE__, __LINE__, "a weight type", dtype_name(weight));
}

const char* activation_layout_name(ActivationLayout layout) {
  switch (layout) {
    case ActivationLayout::kF32:
      return "F32";
    case ActivationLayout::kA32:
      return "A32";
    case ActivationLayout::kA256:
      return "A256";
  }
  return "unknown";
}

int64_t activation_block(ActivationLayout layout) {
  return layout == ActivationLayout::kA256 ? 256 : layout == ActivationLayout::kA32 ? 32 : 1;
}

int64_t activation_row_bytes(ActivationLayout layout, int64_t k) {
  switch (layout) {
    case ActivationLayout::kF32:
      return k * int64_t(sizeof(float));
    case ActivationLayout::kA32:
      DUNLIN_CHECK(k % 32 == 0);
      return k / 32 * int64_t(sizeof(A32Block));
    case ActivationLayout::kA256:
      DUNLIN_CHECK(k % 256 == 0);
      return k / 256 * int64_t(sizeof(A256Block));
  }
  return 0;
}

}  // namespace dunlin::cpu
