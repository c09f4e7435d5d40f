// Which devices run the code that was built.
#pragma once

#include <cstdint>
#include <span>
#include <string_view>

namespace dunlin::cuda {

// compute_capability: 90 for 9.0. built: architectures as nvcc names them ("80", "90a"), each as machine
// code, the first as PTX, too. Source: CUDA C++ programming guide, binary and PTX compatibility.
bool has_code_for(int32_t compute_capability, std::span<const std::string_view> built);

}  // namespace dunlin::cuda
