// CpuFeatures: what the running machine's CPU can execute, counting only what the operating system has
// enabled (an AVX512 bit without saved zmm state is no AVX512). Plain values; detection takes microseconds
// and has no state.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace dunlin {

struct CpuFeatures {
  // x86
  bool avx2 = false;
  bool fma = false;
  bool f16c = false;
  bool bmi2 = false;
  bool avxvnni = false;
  bool avx512f = false;
  bool avx512bw = false;
  bool avx512dq = false;
  bool avx512vl = false;
  bool avx512vnni = false;
  bool avx512vbmi = false;
  bool avx512bf16 = false;
  // aarch64
  bool neon = false;
  bool neon_fp16 = false;
  bool neon_dotprod = false;
  bool neon_i8mm = false;
  bool neon_bf16 = false;
  bool sve = false;
  bool sve2 = false;

  std::string brand;  // "AMD Ryzen 9 7950X 16-Core Processor"; "unknown CPU" where nothing tells it
};

CpuFeatures detect_cpu_features();

// The instruction sets, by the names that options and kernel tables use, for which the CPU has everything: a
// subset of
// {"avx512vnni", "avxvnni", "avx2", "neon_i8mm", "neon_dotprod", "generic"}, best first, "generic" always
// last.
std::vector<std::string_view> runnable_isas(const CpuFeatures& features);

bool can_run_isa(const CpuFeatures& features, std::string_view isa);

// The enabled features by name, separated by spaces: "avx2 fma f16c".
std::string feature_list(const CpuFeatures& features);

}  // namespace dunlin
