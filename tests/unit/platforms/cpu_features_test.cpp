#include "platforms/cpu_features.h"

#include <catch2/catch.hpp>

#include "platforms/aarch64/hwcap.h"
#include "platforms/x86/cpuid.h"

namespace dunlin {
namespace {

using Isas = std::vector<std::string_view>;

// Zen 4, as read on one.
CpuidSnapshot zen4() {
  CpuidSnapshot snapshot;
  snapshot.leaf1_ecx = 0x7EFA320B;
  snapshot.leaf7_ebx = 0xF1BF97A9;
  snapshot.leaf7_ecx = 0x00405FCE;
  snapshot.leaf7_1_eax = 0x00000020;
  snapshot.xcr0 = 0xE7;
  snapshot.brand = std::string("  AMD Ryzen 9 7950X 16-Core Processor  ") + std::string(9, '\0');
  return snapshot;
}

TEST_CASE("Zen 4 runs AVX512-VNNI and AVX2, but has no AVX-VNNI") {
  const CpuFeatures features = decode_cpuid(zen4());
  CHECK(features.brand == "AMD Ryzen 9 7950X 16-Core Processor");
  CHECK(features.avx512bf16);
  CHECK(features.avx512vbmi);
  CHECK_FALSE(features.avxvnni);
  CHECK(runnable_isas(features) == Isas{"avx512vnni", "avx2", "generic"});
  CHECK(can_run_isa(features, "avx2"));
  CHECK_FALSE(can_run_isa(features, "avxvnni"));
  CHECK_FALSE(can_run_isa(features, "avx1024"));
  CHECK(feature_list(features) ==
        "avx2 fma f16c bmi2 avx512f avx512bw avx512dq avx512vl avx512vnni avx512vbmi avx512bf16");
}

TEST_CASE("registers that the operating system does not save count as missing") {
  CpuidSnapshot snapshot = zen4();
  snapshot.xcr0 = 0x07;  // no zmm state
  CHECK(runnable_isas(decode_cpuid(snapshot)) == Isas{"avx2", "generic"});
  snapshot.xcr0 = 0x67;  // zmm, but not the upper sixteen
  CHECK_FALSE(decode_cpuid(snapshot).avx512f);
  snapshot.xcr0 = 0x03;  // no ymm state
  CHECK(runnable_isas(decode_cpuid(snapshot)) == Isas{"generic"});
  snapshot.xcr0 = 0;
  CHECK(feature_list(decode_cpuid(snapshot)).empty());
}

TEST_CASE("Alder Lake runs AVX-VNNI without AVX512") {
  CpuidSnapshot snapshot = zen4();
  snapshot.leaf7_ebx = 0x239CA7EB;  // AVX512 fused off
  snapshot.leaf7_ecx = 0x98C007AC;
  snapshot.leaf7_1_eax = 0x00400810 | (1u << 4);
  snapshot.xcr0 = 0x207;
  CHECK(runnable_isas(decode_cpuid(snapshot)) == Isas{"avxvnni", "avx2", "generic"});
}

TEST_CASE("a CPU that tells nothing is an unknown CPU that runs generic code") {
  const CpuFeatures features = decode_cpuid({});
  CHECK(features.brand == "unknown CPU");
  CHECK(runnable_isas(features) == Isas{"generic"});
}

TEST_CASE("Arm capabilities") {
  constexpr uint64_t kCortexA76 = 0x119FFF & ~(uint64_t(1) << 22);  // Raspberry Pi 5
  CHECK(runnable_isas(decode_hwcaps(kCortexA76, 0)) == Isas{"neon_dotprod", "generic"});
  constexpr uint64_t kSve = uint64_t(1) << 22;
  constexpr uint64_t kSve2AndI8mm = (1u << 1) | (1u << 13);
  const CpuFeatures grace = decode_hwcaps(kCortexA76 | kSve, kSve2AndI8mm);
  CHECK(grace.sve);
  CHECK(grace.sve2);
  CHECK(runnable_isas(grace) == Isas{"neon_i8mm", "neon_dotprod", "generic"});
  CHECK(runnable_isas(decode_hwcaps(0x2, 0)) == Isas{"generic"});
}

TEST_CASE("this machine's CPU") {
  const CpuFeatures features = detect_cpu_features();
  CHECK_FALSE(features.brand.empty());
  CHECK(runnable_isas(features).back() == "generic");
#if defined(__x86_64__)
  // The compiler's run-time check reads the same bits by its own means.
  CHECK(features.avx2 == bool(__builtin_cpu_supports("avx2")));
  CHECK(features.avx512vnni == bool(__builtin_cpu_supports("avx512vnni")));
  CHECK(features.avx512bf16 == bool(__builtin_cpu_supports("avx512bf16")));
#endif
}

}  // namespace
}  // namespace dunlin
