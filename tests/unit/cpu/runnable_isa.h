// Whether this machine can run the kernels of an instruction set, by the compiler's own probe.
#pragma once

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
#endif
  return isa == "generic";
}

}  // namespace dunlin::cpu
