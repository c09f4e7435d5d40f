#include "backends/cuda/architectures.h"

#include <charconv>

namespace dunlin::cuda {
namespace {

struct Architecture {
  int32_t number = 0;  // 90: 9.0
  char suffix = 0;     // 'a': of this one only; 'f': of this family
};

Architecture parse(std::string_view name) {
  Architecture a;
  const auto end = std::from_chars(name.data(), name.data() + name.size(), a.number).ptr;
  if (end != name.data() + name.size()) a.suffix = *end;
  return a;
}

bool runs_machine_code(int32_t compute_capability, const Architecture& a) {
  if (a.suffix == 'a') return compute_capability == a.number;
  return compute_capability / 10 == a.number / 10 && compute_capability >= a.number;
}

bool runs_ptx(int32_t compute_capability, const Architecture& a) {
  return a.suffix == 0 ? compute_capability >= a.number : runs_machine_code(compute_capability, a);
}

}  // namespace

bool has_code_for(int32_t compute_capability, std::span<const std::string_view> built) {
  if (built.empty()) return false;
  if (runs_ptx(compute_capability, parse(built[0]))) return true;
  for (const std::string_view name : built)
    if (runs_machine_code(compute_capability, parse(name))) return true;
  return false;
}

}  // namespace dunlin::cuda
