// EventSeries: timing events on a device's stream, before, between and after what is to be measured.
#pragma once

#include <vector>

#include "backends/cuda/driver.h"

namespace dunlin::cuda {

class EventSeries {
 public:
  EventSeries(const Driver& driver, size_t n) : driver_(driver), events_(n, nullptr) {
    for (CUevent& event : events_) (void)driver_.cuEventCreate(&event, CU_EVENT_DEFAULT);
  }
  ~EventSeries() {
    for (CUevent event : events_) (void)driver_.cuEventDestroy(event);
  }
  EventSeries(const EventSeries&) = delete;
  EventSeries& operator=(const EventSeries&) = delete;

  void record(size_t i, CUstream stream) const { (void)driver_.cuEventRecord(events_[i], stream); }
  // From event i to the one after it, once both are over; 0 if that went wrong.
  double microseconds(size_t i) const {
    float ms = 0;
    const bool ok = driver_.cuEventElapsedTime(&ms, events_[i], events_[i + 1]) == CUDA_SUCCESS;
    return ok ? double(ms) * 1e3 : 0.0;
  }

 private:
  const Driver& driver_;
  std::vector<CUevent> events_;
};

}  // namespace dunlin::cuda
