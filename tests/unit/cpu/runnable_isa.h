// Whether this machine can run the kernels of an instruction set, by a probe that is not the library's own.
#pragma once

#if defined(__aarch64__)
#include <asm/hwcap.h>
#include <sys/auxv.h>
#endif

#include <string_view>

namespace dunlin::cpu {

inline bool machine_runs(std::string_view isa) {
#if defined(__x86_64__)
  if (isa == "avx512vnni")
    return __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
           __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vl") &&
           __builtin_cpu_supports("avx512vnni");
  if (isa == "avxvnni") return __builtin_cpu_supports("avxvnni") && __builtin_cpu_supports("avx2");
  if (isa == "avx2") return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma");
#elif defined(__aarch64__)
  if (isa == "neon_i8mm") return (getauxval(AT_HWCAP2) & HWCAP2_I8MM) != 0;
  if (isa == "neon_dotprod") return (getauxval(AT_HWCAP) & HWCAP_ASIMDDP) != 0;
#endif
  return isa == "generic";
}

}  // namespace dunlin::cpu
