// The roofline probes of any CPU: what the compiler makes of plain loops.
#include "backends/cpu/kernels/roofline.h"

namespace dunlin::cpu {
namespace {

using Vector = uint64_t;
inline Vector zero() {
  return 0;
}
inline Vector load(const uint8_t* p) {
  return *reinterpret_cast<const uint64_t*>(p);
}
inline Vector combine(Vector a, Vector b) {
  return a ^ b;
}
inline uint64_t reduce(Vector v) {
  return v;
}

#include "backends/cpu/kernels/read_probe.inl"

constexpr int kElements = 1024;

int64_t multiply(int64_t n_steps, int32_t seed) {
  int8_t a[kElements];
  int8_t b[kElements];
  for (int i = 0; i < kElements; ++i) {
    a[i] = int8_t(seed + i);
    b[i] = int8_t(3 * seed - i);
  }
  int64_t total = 0;
  for (int64_t step = 0; step < n_steps; ++step) {
    asm volatile("" : : "r"(a), "r"(b) : "memory");  // new values, as far as the compiler knows
    int32_t sum = 0;
    for (int i = 0; i < kElements; ++i) sum += int32_t(a[i]) * int32_t(b[i]);
    total += sum;
  }
  return total;
}

}  // namespace

extern const RooflineProbes kGenericRoofline;
constexpr RooflineProbes kGenericRoofline = {"generic",    kReadProbes, kReadProbeCount,
                                             "plain loop", kElements,   multiply};

}  // namespace dunlin::cpu
