// The roofline probes of NEON with dot products. Only declarations and plain data may be included here: the
// linker could keep this file's copy of an inline function for the whole program.
#include <arm_neon.h>

#include "backends/cpu/kernels/roofline.h"

namespace dunlin::cpu {
namespace {

#include "backends/cpu/isa/read_neon.inl"

#include "backends/cpu/kernels/read_probe.inl"

int32x4_t multiply_add(int32x4_t sum, int8x16_t a, int8x16_t b) {
  return vdotq_s32(sum, a, b);
}

#include "backends/cpu/isa/multiply_neon.inl"

}  // namespace

extern const RooflineProbes kNeonDotprodRoofline;
constexpr RooflineProbes kNeonDotprodRoofline = {"neon_dotprod", kReadProbes,  kReadProbeCount,
                                                 "sdot",         kChains * 16, multiply};

}  // namespace dunlin::cpu
