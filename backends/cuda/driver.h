// The CUDA driver, loaded while the program runs: the same binary starts with and without one. Only types
// come from the toolkit's cuda.h; nothing is linked.
#pragma once

#include <cuda.h>

#include <memory>

#include "core/base/status.h"
#include "platforms/dynamic_library.h"

namespace dunlin::cuda {

// Every entry point in use. cuda.h maps names to versions; the versioned names are looked up.
// clang-format off
#define DUNLIN_CUDA_FUNCTIONS(X) \
  X(cuInit) X(cuDriverGetVersion) X(cuDeviceGetCount) X(cuDeviceGet) X(cuDeviceGetName) \
  X(cuDeviceTotalMem) X(cuDeviceGetAttribute) X(cuDevicePrimaryCtxRetain) X(cuDevicePrimaryCtxRelease) \
  X(cuCtxSetCurrent) X(cuMemGetInfo) X(cuMemAlloc) X(cuMemFree) X(cuMemHostAlloc) X(cuMemFreeHost) \
  X(cuMemHostRegister) X(cuMemHostUnregister) \
  X(cuMemcpyHtoDAsync) X(cuMemcpyDtoHAsync) X(cuMemcpyDtoDAsync) X(cuMemsetD8Async) X(cuStreamCreate) \
  X(cuStreamDestroy) X(cuStreamSynchronize) X(cuStreamBeginCapture) X(cuStreamEndCapture) \
  X(cuGraphInstantiateWithFlags) X(cuGraphLaunch) X(cuGraphExecDestroy) X(cuGraphDestroy) \
  X(cuModuleLoadData) X(cuModuleUnload) X(cuModuleGetFunction) X(cuFuncSetAttribute) \
  X(cuFuncGetAttribute) X(cuLaunchKernelEx) X(cuEventCreate) X(cuEventRecord) X(cuEventSynchronize) \
  X(cuEventElapsedTime) X(cuEventDestroy) X(cuTensorMapEncodeTiled) X(cuGetErrorName) \
  X(cuGetErrorString)
// clang-format on

struct Driver {
#define DUNLIN_CUDA_MEMBER(name) decltype(&::name) name = nullptr;
  DUNLIN_CUDA_FUNCTIONS(DUNLIN_CUDA_MEMBER)
#undef DUNLIN_CUDA_MEMBER

  // kNotFound: no driver on this machine, or one that is too old; the message says which.
  static Result<std::shared_ptr<const Driver>> load();

  // Status of a call. what: "copying weights to the device".
  Status status(CUresult result, std::string_view what) const;

 private:
  explicit Driver(DynamicLibrary library) : library_(std::move(library)) {}
  DynamicLibrary library_;
};

}  // namespace dunlin::cuda
