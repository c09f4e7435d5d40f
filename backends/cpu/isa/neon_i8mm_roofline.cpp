// The roofline probes of NEON with 8-bit matrix products. Only declarations and plain data may be included
// here: the linker could keep this file's copy of an inline function for the whole program.
#include <arm_neon.h>

#include "backends/cpu/kernels/roofline.h"

namespace dunlin::cpu {
namespace {

#include "backends/cpu/isa/read_neon.inl"

#include "backends/cpu/kernels/read_probe.inl"

int32x4_t multiply_add(int32x4_t sum, int8x16_t a, int8x16_t b) {
  return vmmlaq_s32(sum, a, b);
}

#include "backends/cpu/isa/multiply_neon.inl"

}  // namespace

extern const RooflineProbes kNeonI8mmRoofline;
constexpr RooflineProbes kNeonI8mmRoofline = {"neon_i8mm", kReadProbes,  kReadProbeCount,
                                              "smmla",     kChains * 32, multiply};

}  // namespace dunlin::cpu
