// The compiled kernels, one fatbin per file of ops/, as parts of the library (kernel_images.S).
#pragma once

#include <span>

namespace dunlin::cuda {

struct KernelImage {
  const char* name;
  const void* data;
};

std::span<const KernelImage> kernel_images();

}  // namespace dunlin::cuda
