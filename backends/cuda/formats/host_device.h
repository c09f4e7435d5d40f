// DUNLIN_HD marks functions that both compilers take: the packing code runs on the device and is tested on
// the host. DUNLIN_HD_CALL: the same, but called where it is used, not copied there.
#pragma once

#ifdef __CUDACC__
#define DUNLIN_HD __host__ __device__ __forceinline__
#define DUNLIN_HD_CALL __host__ __device__ __noinline__
#else
#define DUNLIN_HD inline
#define DUNLIN_HD_CALL inline
#endif
