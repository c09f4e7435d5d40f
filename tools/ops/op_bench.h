// Benchmarks of single ops on a device: each is compiled as the ops of a model are, checked against the
// reference, and measured beside the device's ceilings.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "core/base/status.h"

namespace dunlin::ops {

struct OpBenchOptions {
  std::string device = "auto";
  int32_t n_threads = 0;           // 0: the device decides
  int32_t n_threads_prefill = 0;   // 0: as n_threads
  std::vector<std::string> words;  // cases whose names have all of them; case-sensitive; empty: all
  int32_t n_repeats = 5;           // times are medians of so many runs
};

struct OpResult {
  std::string name, device;
  int32_t n_rows = 0, n_sequences = 0, depth = 0, n_copies = 0;
  std::string kernel;  // all that had a part in it
  double us = 0;       // of one copy of the op: the median over the copies
  int64_t bytes = 0;   // weights, keys and values; of ops on rows their activations
  int64_t macs = 0;
  double read_gb_s = 0, int8_tops = 0;  // ceilings, measured before and after; 0: unknown
  double nmse = 0, allowed_nmse = 0;    // of some rows against the reference
  bool same_when_measured = false;      // the measured step gave the checked one's output, bit for bit

  bool is_right() const { return nmse <= allowed_nmse && same_when_measured; }  // false for a NaN
};

// Calls on_result for each case and step as it is measured; false ends the run. Cases that the device cannot
// run are left out. Needs as much memory as the largest matrix in f32, 2.2 GB, for the reference.
Status bench_ops(const OpBenchOptions& options, const std::function<bool(const OpResult&)>& on_result);

}  // namespace dunlin::ops
