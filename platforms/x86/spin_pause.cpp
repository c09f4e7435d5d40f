#include <emmintrin.h>

#include "platforms/park.h"

namespace dunlin {

void spin_pause() {
  _mm_pause();
}

}  // namespace dunlin
