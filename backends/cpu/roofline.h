// What the machine can do at most: how fast its memory is read, how many int8 operations it computes, what a
// barrier costs. A benchmark measures these in the same run as a model and reports the model as a share of
// them.
//
// Every probe runs on all threads of the team for about the given time, plus the time to fill its buffer, and
// must have the team to itself. Results of a machine that does other work meanwhile are too low; best_ is
// then nearer to the truth than median_.
#pragma once

#include <cstdint>
#include <string_view>

#include "core/base/status.h"
#include "platforms/thread_team.h"

namespace dunlin::cpu {

struct ReadBandwidth {
  double median_gb_per_s = 0;  // 1e9 bytes a second, of whole passes over the buffer
  double best_gb_per_s = 0;
  int n_passes = 0;
  uint64_t buffer_bytes = 0;  // random bytes, far more than the last-level cache holds
  std::string_view pattern;   // the order of reading that was fastest; static text
};
// isa: whose vector loads to use, a name of runnable_isas(). Needs 1 GiB of memory, or a quarter of what is
// available where that is less; Status::exhausted below 64 MiB.
Result<ReadBandwidth> measure_read_bandwidth(ThreadTeam& team, std::string_view isa, double seconds);

struct Int8Peak {
  double median_tops = 0;  // 1e12 operations a second; a multiply-add is two
  double best_tops = 0;
  std::string_view instruction;  // what the ISA multiplies int8 with: "vpdpbusd zmm"; static text
};
// Status::unsupported if the CPU cannot run the ISA or this build has no probe for it.
Result<Int8Peak> measure_int8_peak(ThreadTeam& team, std::string_view isa, double seconds);

struct BarrierLatency {
  double median_us = 0;  // from the last thread's arrival to the next, with no work between
  double best_us = 0;
};
BarrierLatency measure_barrier_latency(ThreadTeam& team, double seconds);

}  // namespace dunlin::cpu
