// DUNLIN_HD marks functions that both compilers take: the packing code runs on the device and is tested on
// the host.
#pragma once

#ifdef __CUDACC__
#define DUNLIN_HD __host__ __device__ __forceinline__
#else
#define DUNLIN_HD inline
#endif
