// Launches: a kernel, its parameter struct and its shape, as data. A plan is a list of them; the same list is
// run eagerly or captured into a CUDA graph.
#pragma once

#include <array>
#include <cstring>
#include <string>
#include <type_traits>

#include "backends/cuda/context.h"

namespace dunlin::cuda {

struct Grid {
  uint32_t x = 1, y = 1, z = 1;
};

// A kernel that takes Params by value.
template <typename Params>
struct Kernel {
  CUfunction function = nullptr;
  const char* name = "";
};

inline constexpr size_t kMaxParamsBytes = 512;

struct Launch {
  CUfunction function = nullptr;
  std::string kernel;  // its entry point, for reports
  std::string name;    // the node it serves
  Grid grid;
  uint32_t block = 0;
  uint32_t shared_bytes = 0;
  // What it has to do in a step.
  int64_t weight_bytes = 0;
  int64_t macs_per_row = 0;
  bool of_logit_rows = false;  // rows that count here
  int32_t window = 0;          // attention's
  int64_t kv_bytes_per_position = 0;
  int64_t macs_per_score = 0;
  alignas(16) std::array<uint8_t, kMaxParamsBytes> params{};

  // On the context's stream.
  Status run(const Context& context, bool with_pdl) const;
  // In order with what the stream was given, all of it done before this begins.
  Status run_on(const Context& context, CUstream stream) const { return enqueue(context, stream, false); }

 private:
  Status enqueue(const Context& context, CUstream stream, bool with_pdl) const;
};

template <typename Params>
Launch make_launch(const Kernel<Params>& kernel, std::string name, Grid grid, uint32_t block,
                   const Params& params, uint32_t shared_bytes = 0) {
  static_assert(std::is_trivially_copyable_v<Params> && sizeof(Params) <= kMaxParamsBytes);
  Launch launch;
  launch.function = kernel.function;
  launch.kernel = kernel.name;
  launch.name = std::move(name);
  launch.grid = grid;
  launch.block = block;
  launch.shared_bytes = shared_bytes;
  std::memcpy(launch.params.data(), &params, sizeof(Params));
  return launch;
}

}  // namespace dunlin::cuda
