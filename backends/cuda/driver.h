// The CUDA driver, loaded while the program runs: the same binary starts with and without one. Only types
// come from the toolkit's cuda.h; nothing is linked.
#pragma once

#include <cuda.h>

#include <memory>

#include "core/base/status.h"
#include "platforms/dynamic_library.h"

namespace dunlin::cuda {

// Every entry point in use but those that load() begins with: X(name, symbol of the library). cuda.h maps
// names to the newest symbols that it knows, which older drivers do not have; these are those of CUDA 12.0,
// of the same types.
// clang-format off
#define DUNLIN_CUDA_FUNCTIONS(X) \
  X(cuInit, "cuInit") X(cuDeviceGetCount, "cuDeviceGetCount") X(cuDeviceGet, "cuDeviceGet") \
  X(cuDeviceGetName, "cuDeviceGetName") X(cuDeviceTotalMem, "cuDeviceTotalMem_v2") \
  X(cuDeviceGetAttribute, "cuDeviceGetAttribute") X(cuDevicePrimaryCtxRetain, "cuDevicePrimaryCtxRetain") \
  X(cuDevicePrimaryCtxRelease, "cuDevicePrimaryCtxRelease_v2") X(cuCtxSetCurrent, "cuCtxSetCurrent") \
  X(cuMemGetInfo, "cuMemGetInfo_v2") X(cuMemAlloc, "cuMemAlloc_v2") X(cuMemFree, "cuMemFree_v2") \
  X(cuMemHostAlloc, "cuMemHostAlloc") X(cuMemFreeHost, "cuMemFreeHost") \
  X(cuMemHostRegister, "cuMemHostRegister_v2") X(cuMemHostUnregister, "cuMemHostUnregister") \
  X(cuMemcpyHtoDAsync, "cuMemcpyHtoDAsync_v2") X(cuMemcpyDtoHAsync, "cuMemcpyDtoHAsync_v2") \
  X(cuMemcpyDtoDAsync, "cuMemcpyDtoDAsync_v2") X(cuMemsetD8Async, "cuMemsetD8Async") \
  X(cuStreamCreate, "cuStreamCreate") X(cuStreamDestroy, "cuStreamDestroy_v2") \
  X(cuStreamSynchronize, "cuStreamSynchronize") X(cuStreamBeginCapture, "cuStreamBeginCapture_v2") \
  X(cuStreamEndCapture, "cuStreamEndCapture") X(cuGraphInstantiateWithFlags, "cuGraphInstantiateWithFlags") \
  X(cuGraphLaunch, "cuGraphLaunch") X(cuGraphExecDestroy, "cuGraphExecDestroy") \
  X(cuGraphDestroy, "cuGraphDestroy") X(cuModuleLoadData, "cuModuleLoadData") \
  X(cuModuleUnload, "cuModuleUnload") X(cuModuleGetFunction, "cuModuleGetFunction") \
  X(cuFuncSetAttribute, "cuFuncSetAttribute") X(cuFuncGetAttribute, "cuFuncGetAttribute") \
  X(cuLaunchKernelEx, "cuLaunchKernelEx") X(cuEventCreate, "cuEventCreate") \
  X(cuEventRecord, "cuEventRecord") X(cuEventSynchronize, "cuEventSynchronize") \
  X(cuEventElapsedTime, "cuEventElapsedTime") X(cuEventDestroy, "cuEventDestroy_v2") \
  X(cuTensorMapEncodeTiled, "cuTensorMapEncodeTiled")
#define DUNLIN_CUDA_FIRST_FUNCTIONS(X) \
  X(cuDriverGetVersion, "cuDriverGetVersion") X(cuGetErrorName, "cuGetErrorName") \
  X(cuGetErrorString, "cuGetErrorString")
// clang-format on

#ifdef _WIN32
inline constexpr const char* kDriverLibrary = "nvcuda.dll";
#else
inline constexpr const char* kDriverLibrary = "libcuda.so.1";
#endif

// Of a call that failed.
StatusCode status_code(CUresult result);

struct Driver {
#define DUNLIN_CUDA_MEMBER(name, symbol) decltype(&::name) name = nullptr;
  DUNLIN_CUDA_FIRST_FUNCTIONS(DUNLIN_CUDA_MEMBER)
  DUNLIN_CUDA_FUNCTIONS(DUNLIN_CUDA_MEMBER)
#undef DUNLIN_CUDA_MEMBER

  // kNotFound: no driver on this machine, or one that is too old; the message says which.
  static Result<std::shared_ptr<const Driver>> load(const char* library = kDriverLibrary);

  // Status of a call. what: "copying weights to the device".
  Status status(CUresult result, std::string_view what) const;

 private:
  explicit Driver(DynamicLibrary library) : library_(std::move(library)) {}
  DynamicLibrary library_;
};

}  // namespace dunlin::cuda
