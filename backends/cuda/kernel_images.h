// The compiled kernels, one fatbin per file of ops/, as parts of the library (kernel_images.S).
#pragma once

#include <span>
#include <string_view>

namespace dunlin::cuda {

struct KernelImage {
  const char* name;
  const void* data;
};

std::span<const KernelImage> kernel_images();
// architecture: "90a". False: the device runs what was built for an older one.
bool has_image_for(std::string_view architecture);

}  // namespace dunlin::cuda
