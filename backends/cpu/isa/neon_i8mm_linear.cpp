// The matrix kernels of NEON with 8-bit matrix products (Armv8.6 and later).
// Only declarations, plain data and templates over the anonymous Lanes may be included here: the linker could
// keep this file's copy of an inline function for the whole program.
#include <arm_neon.h>

#include "backends/cpu/compiler.h"
#include "backends/cpu/formats/dense.h"
#include "backends/cpu/formats/q2_k.h"
#include "backends/cpu/formats/q4_0.h"
#include "backends/cpu/formats/q4_k.h"
#include "backends/cpu/formats/q5_0.h"
#include "backends/cpu/formats/q5_k.h"
#include "backends/cpu/formats/q6_k.h"
#include "backends/cpu/formats/q8_0.h"
#include "backends/cpu/kernels/linear.h"

namespace dunlin::cpu {
namespace {

#include "backends/cpu/isa/lanes_neon.inl"

#include "backends/cpu/kernels/tiles.inl"

#include "backends/cpu/kernels/epilogue.inl"

#include "backends/cpu/kernels/driver.inl"

#include "backends/cpu/kernels/quantize.inl"

constexpr int kTileRows = 1;
constexpr int kTileTokens = 8;
constexpr int kSmallTokens = 8;
#define DUNLIN_TILE "8x8"
#define DUNLIN_ISA "neon_i8mm"
#include "backends/cpu/kernels/linear_rows.inl"

}  // namespace

extern const LinearTable kNeonI8mmLinear;
constexpr LinearTable kNeonI8mmLinear = kLinearTable;

}  // namespace dunlin::cpu
