#include "platforms/cpu_features.h"

namespace dunlin {

std::vector<std::string_view> runnable_isas(const CpuFeatures& f) {
  std::vector<std::string_view> isas;
  const bool avx2 = f.avx2 && f.fma && f.f16c && f.bmi2;
  if (avx2 && f.avx512f && f.avx512bw && f.avx512dq && f.avx512vl && f.avx512vnni)
    isas.push_back("avx512vnni");
  if (avx2 && f.avxvnni) isas.push_back("avxvnni");
  if (avx2) isas.push_back("avx2");
  if (f.neon && f.neon_dotprod && f.neon_i8mm) isas.push_back("neon_i8mm");
  if (f.neon && f.neon_dotprod) isas.push_back("neon_dotprod");
  isas.push_back("generic");
  return isas;
}

bool can_run_isa(const CpuFeatures& features, std::string_view isa) {
  for (const std::string_view runnable : runnable_isas(features)) {
    if (runnable == isa) return true;
  }
  return false;
}

std::string feature_list(const CpuFeatures& f) {
  const struct {
    bool present;
    std::string_view name;
  } features[] = {
      {f.avx2, "avx2"},
      {f.fma, "fma"},
      {f.f16c, "f16c"},
      {f.bmi2, "bmi2"},
      {f.avxvnni, "avxvnni"},
      {f.avx512f, "avx512f"},
      {f.avx512bw, "avx512bw"},
      {f.avx512dq, "avx512dq"},
      {f.avx512vl, "avx512vl"},
      {f.avx512vnni, "avx512vnni"},
      {f.avx512vbmi, "avx512vbmi"},
      {f.avx512bf16, "avx512bf16"},
      {f.neon, "neon"},
      {f.neon_fp16, "neon_fp16"},
      {f.neon_dotprod, "neon_dotprod"},
      {f.neon_i8mm, "neon_i8mm"},
      {f.neon_bf16, "neon_bf16"},
      {f.sve, "sve"},
      {f.sve2, "sve2"},
  };
  std::string list;
  for (const auto& feature : features) {
    if (!feature.present) continue;
    if (!list.empty()) list += ' ';
    list += feature.name;
  }
  return list;
}

}  // namespace dunlin
