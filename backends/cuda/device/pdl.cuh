// Programmatic dependent launch: the two instructions, or nothing where the architecture has none.
//
// Rules (docs/decisions/0002): every thread of every kernel executes pdl_wait() before it reads what an
// earlier kernel wrote or writes anything. Before it may be read: weights; the step's inputs, as the launch
// behind step_begin waits for all of it (CudaPlan::launch_step); keys and values of earlier steps. A CTA that
// has nothing to do may end without it, if another of its kernel waits.
#pragma once

namespace dunlin::cuda {

// Lets the next kernel in the stream start its own prologue.
__device__ __forceinline__ void pdl_launch_dependents() {
#if __CUDA_ARCH__ >= 900
  asm volatile("griddepcontrol.launch_dependents;" ::: "memory");
#endif
}

// Waits until all earlier kernels have finished and their writes are visible.
__device__ __forceinline__ void pdl_wait() {
#if __CUDA_ARCH__ >= 900
  asm volatile("griddepcontrol.wait;" ::: "memory");
#endif
}

}  // namespace dunlin::cuda
