#include <sys/auxv.h>

#include "platforms/aarch64/hwcap.h"
#include "platforms/linux/system_files.h"

namespace dunlin {

CpuFeatures detect_cpu_features() {
  CpuFeatures features = decode_hwcaps(getauxval(AT_HWCAP), getauxval(AT_HWCAP2));
  // Arm CPUs have no brand string; boards with a device tree name themselves ("Raspberry Pi 5 Model B
  // Rev 1.0").
  const std::string model = read_system_file("/proc/device-tree/model").value_or("");
  features.brand = model.substr(0, model.find('\0'));
  if (features.brand.empty()) features.brand = "aarch64 CPU";
  return features;
}

}  // namespace dunlin
