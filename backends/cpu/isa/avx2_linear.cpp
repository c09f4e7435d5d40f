// The matrix kernels of AVX2.
// Only declarations, plain data and templates over the anonymous Lanes may be included here: the linker could
// keep this file's copy of an inline function for the whole program.
#include <immintrin.h>

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

#include "backends/cpu/isa/lanes_x86.inl"

#include "backends/cpu/isa/lanes_256.inl"

#include "backends/cpu/isa/lanes_avx2.inl"

#include "backends/cpu/kernels/tiles.inl"

#include "backends/cpu/kernels/epilogue.inl"

#include "backends/cpu/kernels/driver.inl"

#include "backends/cpu/kernels/quantize.inl"

constexpr int kTileRows = 1;
constexpr int kTileTokens = 6;
constexpr int kSmallTokens = 8;
#define DUNLIN_TILE "8x6"
#define DUNLIN_A256_TOKENS 64
#define DUNLIN_A256_TILE "16x64"
#define DUNLIN_ISA "avx2"
#include "backends/cpu/kernels/linear_rows.inl"

}  // namespace

extern const LinearTable kAvx2Linear;
constexpr LinearTable kAvx2Linear = kLinearTable;

}  // namespace dunlin::cpu
