#include "platforms/park.h"

namespace dunlin {

// isb rather than yield, which most cores execute as a no-op: isb drains the pipeline, about as long as x86's
// pause.
void spin_pause() {
  asm volatile("isb" ::: "memory");
}

}  // namespace dunlin
