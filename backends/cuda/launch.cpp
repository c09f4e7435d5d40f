#include "backends/cuda/launch.h"

namespace dunlin::cuda {

Status Launch::run(const Context& context, bool with_pdl) const {
  return enqueue(context, context.stream(), with_pdl);
}

Status Launch::enqueue(const Context& context, CUstream stream, bool with_pdl) const {
  CUlaunchAttribute attribute{};
  attribute.id = CU_LAUNCH_ATTRIBUTE_PROGRAMMATIC_STREAM_SERIALIZATION;
  attribute.value.programmaticStreamSerializationAllowed = 1;
  CUlaunchConfig config{};
  config.gridDimX = grid.x, config.gridDimY = grid.y, config.gridDimZ = grid.z;
  config.blockDimX = block, config.blockDimY = 1, config.blockDimZ = 1;
  config.sharedMemBytes = shared_bytes;
  config.hStream = stream;
  config.attrs = &attribute;
  config.numAttrs = with_pdl ? 1 : 0;
  void* arguments[] = {const_cast<uint8_t*>(params.data())};
  const CUresult result = context.driver().cuLaunchKernelEx(&config, function, arguments, nullptr);
  if (result == CUDA_SUCCESS) return Status::ok();
  return context.check(result, str_cat("launching ", kernel, " for '", name, "'"));
}

}  // namespace dunlin::cuda
