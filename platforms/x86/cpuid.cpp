#include "platforms/x86/cpuid.h"

namespace dunlin {
namespace {

// Register state that the operating system saves, as XCR0 tells it.
constexpr uint64_t kYmmState = 0x06;  // xmm, upper halves of ymm
constexpr uint64_t kZmmState = 0xE6;  // these, mask registers, upper halves of zmm0-15, zmm16-31

bool bit(uint32_t word, int index) {
  return (word >> index) & 1u;
}

// The brand is 48 bytes, padded with blanks on either side and zeros at the end.
std::string trimmed(const std::string& text) {
  const std::string visible = text.substr(0, text.find('\0'));
  const size_t first = visible.find_first_not_of(' ');
  if (first == std::string::npos) return {};
  return visible.substr(first, visible.find_last_not_of(' ') - first + 1);
}

}  // namespace

CpuFeatures decode_cpuid(const CpuidSnapshot& snapshot) {
  CpuFeatures features;
  features.brand = trimmed(snapshot.brand);
  if (features.brand.empty()) features.brand = "unknown CPU";

  const bool ymm = (snapshot.xcr0 & kYmmState) == kYmmState;
  if (!ymm || !bit(snapshot.leaf1_ecx, 28)) return features;
  features.fma = bit(snapshot.leaf1_ecx, 12);
  features.f16c = bit(snapshot.leaf1_ecx, 29);
  features.avx2 = bit(snapshot.leaf7_ebx, 5);
  features.bmi2 = bit(snapshot.leaf7_ebx, 8);
  features.avxvnni = features.avx2 && bit(snapshot.leaf7_1_eax, 4);

  const bool zmm = (snapshot.xcr0 & kZmmState) == kZmmState;
  features.avx512f = zmm && bit(snapshot.leaf7_ebx, 16);
  if (!features.avx512f) return features;
  features.avx512dq = bit(snapshot.leaf7_ebx, 17);
  features.avx512bw = bit(snapshot.leaf7_ebx, 30);
  features.avx512vl = bit(snapshot.leaf7_ebx, 31);
  features.avx512vbmi = bit(snapshot.leaf7_ecx, 1);
  features.avx512vnni = bit(snapshot.leaf7_ecx, 11);
  features.avx512bf16 = bit(snapshot.leaf7_1_eax, 5);
  return features;
}

}  // namespace dunlin
