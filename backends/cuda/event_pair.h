// EventPair: two timing events on a device, around what is to be measured.
#pragma once

#include "backends/cuda/driver.h"

namespace dunlin::cuda {

class EventPair {
 public:
  explicit EventPair(const Driver& driver) : driver_(driver) {
    (void)driver_.cuEventCreate(&begin_, CU_EVENT_DEFAULT);
    (void)driver_.cuEventCreate(&end_, CU_EVENT_DEFAULT);
  }
  ~EventPair() {
    (void)driver_.cuEventDestroy(begin_);
    (void)driver_.cuEventDestroy(end_);
  }
  EventPair(const EventPair&) = delete;
  EventPair& operator=(const EventPair&) = delete;

  void begin(CUstream stream) const { (void)driver_.cuEventRecord(begin_, stream); }
  void end(CUstream stream) const { (void)driver_.cuEventRecord(end_, stream); }
  // Of finished work; 0 if that went wrong.
  double milliseconds() const {
    float ms = 0;
    return driver_.cuEventElapsedTime(&ms, begin_, end_) == CUDA_SUCCESS ? double(ms) : 0.0;
  }

 private:
  const Driver& driver_;
  CUevent begin_ = nullptr;
  CUevent end_ = nullptr;
};

}  // namespace dunlin::cuda
