// A CUDA driver that does nothing, of the version FAKE_VERSION: it has the symbols that a driver of CUDA 12.0
// has, or of older ones the few that every driver has.
#define DUNLIN_FAKE(name) \
  extern "C" int name() { \
    return 0;             \
  }

extern "C" int cuDriverGetVersion(int* version) {
  *version = FAKE_VERSION;
  return 0;
}
DUNLIN_FAKE(cuGetErrorName)
DUNLIN_FAKE(cuGetErrorString)
#if FAKE_VERSION >= 12000
DUNLIN_FAKE(cuInit)
DUNLIN_FAKE(cuDeviceGetCount)
DUNLIN_FAKE(cuDeviceGet)
DUNLIN_FAKE(cuDeviceGetName)
DUNLIN_FAKE(cuDeviceTotalMem_v2)
DUNLIN_FAKE(cuDeviceGetAttribute)
DUNLIN_FAKE(cuDevicePrimaryCtxRetain)
DUNLIN_FAKE(cuDevicePrimaryCtxRelease_v2)
DUNLIN_FAKE(cuCtxSetCurrent)
DUNLIN_FAKE(cuMemGetInfo_v2)
DUNLIN_FAKE(cuMemAlloc_v2)
DUNLIN_FAKE(cuMemFree_v2)
DUNLIN_FAKE(cuMemHostAlloc)
DUNLIN_FAKE(cuMemFreeHost)
DUNLIN_FAKE(cuMemHostRegister_v2)
DUNLIN_FAKE(cuMemHostUnregister)
DUNLIN_FAKE(cuMemcpyHtoDAsync_v2)
DUNLIN_FAKE(cuMemcpyDtoHAsync_v2)
DUNLIN_FAKE(cuMemcpyDtoDAsync_v2)
DUNLIN_FAKE(cuMemsetD8Async)
DUNLIN_FAKE(cuStreamCreate)
DUNLIN_FAKE(cuStreamDestroy_v2)
DUNLIN_FAKE(cuStreamSynchronize)
DUNLIN_FAKE(cuStreamBeginCapture_v2)
DUNLIN_FAKE(cuStreamEndCapture)
DUNLIN_FAKE(cuGraphInstantiateWithFlags)
DUNLIN_FAKE(cuGraphLaunch)
DUNLIN_FAKE(cuGraphExecDestroy)
DUNLIN_FAKE(cuGraphDestroy)
DUNLIN_FAKE(cuModuleLoadData)
DUNLIN_FAKE(cuModuleUnload)
DUNLIN_FAKE(cuModuleGetFunction)
DUNLIN_FAKE(cuFuncSetAttribute)
DUNLIN_FAKE(cuFuncGetAttribute)
DUNLIN_FAKE(cuLaunchKernelEx)
DUNLIN_FAKE(cuEventCreate)
DUNLIN_FAKE(cuEventRecord)
DUNLIN_FAKE(cuEventSynchronize)
DUNLIN_FAKE(cuEventElapsedTime)
DUNLIN_FAKE(cuEventDestroy_v2)
DUNLIN_FAKE(cuTensorMapEncodeTiled)
#endif
