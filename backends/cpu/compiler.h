// What the inner loops ask of the compiler: that arrays of registers are taken apart (loops over them
// unrolled, functions over them inlined), and that one tile is one function, however many kernels call it.
// Lanes that are arrays in memory define DUNLIN_LANES_IN_MEMORY and keep their loops.
#pragma once

#define DUNLIN_PRAGMA(text) _Pragma(#text)
#ifdef DUNLIN_LANES_IN_MEMORY
#define DUNLIN_UNROLL(n)
#else
#define DUNLIN_UNROLL(n) DUNLIN_PRAGMA(GCC unroll n)
#endif
#define DUNLIN_INLINE inline __attribute__((always_inline))
#define DUNLIN_NOINLINE __attribute__((noinline))
