// One row of bench's table, and the table in its three forms.
#pragma once

#include <string>
#include <vector>

#include "../json_text.h"

namespace dunlin::cli {

struct BenchSample {
  double seconds = 0;
  int64_t tokens = 0;  // of all sequences together
};

struct BenchRow {
  std::string test;  // "pp512", "tg64", "tg64@d4096", "tg64xb8"
  std::vector<BenchSample> samples;
  double bytes_per_step = 0;  // that a step reads at least; 0 where arithmetic is the limit
  int64_t tokens_per_step = 1;
  double ops_per_token = 0;
  Json witness;
};

// What all rows share.
struct BenchContext {
  std::string model;
  uint64_t file_bytes = 0;
  int64_t bytes_per_token = 0;
  std::string device;
  int threads = 0;
  double read_gb_s = 0;
  double int8_tops = 0;
  double upload_gb_s = 0;  // 0: weights stay in host memory
  uint64_t load_bytes = 0;
  double load_seconds = 0;
};

Json to_json(const BenchContext& context, const BenchRow& row);
// How long the weights took, in one line.
std::string format_load(const BenchContext& context);
// format: json, md or csv.
std::string format_rows(const std::vector<Json>& rows, const std::string& format);

}  // namespace dunlin::cli
