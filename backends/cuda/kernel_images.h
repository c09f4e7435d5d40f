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
// What each image has code for, the oldest first, and of that also PTX: "80", "90a".
std::span<const std::string_view> built_architectures();

}  // namespace dunlin::cuda
