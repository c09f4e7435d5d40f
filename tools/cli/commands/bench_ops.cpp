#include "bench_ops.h"

#include <cstdio>
#include <iostream>
#include <sstream>

#include "../exit_code.h"
#include "../interrupt.h"
#include "../json_text.h"
#include "tools/ops/op_bench.h"

namespace dunlin::cli {
namespace {

std::vector<std::string> split(const std::string& text) {
  std::vector<std::string> words;
  std::istringstream in(text);
  for (std::string word; std::getline(in, word, ',');)
    if (!word.empty()) words.push_back(word);
  return words;
}

struct Rates {
  double gb_s, tops, read_share, int8_share;
};

Rates rates_of(const ops::OpResult& r) {
  const double us = std::max(r.us, 1e-3);  // a clock's grain
  const double gb_s = double(r.bytes) / us * 1e-3, tops = 2 * double(r.macs) / us * 1e-6;
  return {gb_s, tops, r.read_gb_s > 0 ? gb_s / r.read_gb_s : 0, r.int8_tops > 0 ? tops / r.int8_tops : 0};
}

Json to_json(const ops::OpResult& r) {
  const Rates rates = rates_of(r);
  return {{"case", r.name},
          {"device", r.device},
          {"rows", r.n_rows},
          {"sequences", r.n_sequences},
          {"depth", r.depth},
          {"copies", r.n_copies},
          {"kernel", r.kernel},
          {"us", r.us},
          {"bytes", r.bytes},
          {"macs", r.macs},
          {"roofline", {{"read_gb_s", r.read_gb_s}, {"int8_tops", r.int8_tops}}},
          {"achieved", {{"gb_s", rates.gb_s}, {"tops", rates.tops}}},
          {"read_share", rates.read_share},
          {"int8_share", rates.int8_share},
          {"nmse", r.nmse},
          {"allowed_nmse", r.allowed_nmse},
          {"same_when_measured", r.same_when_measured},
          {"right", r.is_right()}};
}

constexpr const char* kHeader =
    "| case | rows | seq | depth | kernel | us | GB/s | % of read | TOPS | % of int8 | nmse | right |\n"
    "| --- | --- | --- | --- | --- | --- | --- | --- | --- | --- | --- | --- |\n";

// Empty where the ceiling is unknown.
std::string percent(double share) {
  if (share == 0) return "";
  char text[16];
  std::snprintf(text, sizeof text, "%.1f", 100 * share);
  return text;
}

void print_row(const ops::OpResult& r) {
  const Rates rates = rates_of(r);
  std::printf("| %s | %d | %d | %d | %s | %.2f | %.1f | %s | %.3f | %s | %.1e | %s |\n", r.name.c_str(),
              r.n_rows, r.n_sequences, r.depth, r.kernel.c_str(), r.us, rates.gb_s,
              percent(rates.read_share).c_str(), rates.tops, percent(rates.int8_share).c_str(), r.nmse,
              r.is_right() ? "yes" : "NO");
  std::fflush(stdout);
}

}  // namespace

void bench_ops(const ModelFlags& device, const BenchOpsFlags& flags) {
  ops::OpBenchOptions options;
  options.device = device.device;
  options.n_threads = device.n_threads;
  options.n_threads_prefill = device.n_threads_prefill;
  options.words = split(flags.words);
  options.n_repeats = flags.repetitions;
  const bool is_table = flags.format == "md";
  Json rows = Json::array();
  int n_wrong = 0;
  if (is_table) std::fputs(kHeader, stdout);
  const Status status = ops::bench_ops(options, [&](const ops::OpResult& r) {
    n_wrong += !r.is_right();
    if (is_table)
      print_row(r);
    else
      rows.push_back(to_json(r));
    return !was_interrupted();
  });
  if (was_interrupted()) throw Interrupted();
  if (!status.is_ok()) throw Error(dunlin_status(status.code()), status.message());
  if (!is_table) std::cout << write_json(rows) << '\n';
  if (n_wrong > 0)
    throw Error(DUNLIN_INTERNAL,
                std::to_string(n_wrong) + " ops diverge from the reference or from themselves");
}

}  // namespace dunlin::cli
