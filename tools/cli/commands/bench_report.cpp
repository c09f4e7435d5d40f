#include "bench_report.h"

#include <algorithm>
#include <cmath>
#include <cstdio>

namespace dunlin::cli {
namespace {

struct Summary {
  double median = 0, min = 0, max = 0, cv = 0;
};

Summary summarize(std::vector<double> v) {
  std::sort(v.begin(), v.end());
  const size_t n = v.size();
  Summary s;
  s.median = n % 2 ? v[n / 2] : (v[n / 2 - 1] + v[n / 2]) / 2;
  s.min = v.front();
  s.max = v.back();
  double mean = 0, variance = 0;
  for (const double x : v) mean += x / double(n);
  for (const double x : v) variance += (x - mean) * (x - mean) / double(n);
  s.cv = mean > 0 ? std::sqrt(variance) / mean : 0;
  return s;
}

double rounded(double x, double digits) {
  return std::round(x * digits) / digits;
}

std::string cell(const Json& value) {
  if (value.is_string()) return value.get<std::string>();
  if (!value.is_number_float()) return write_json(value, -1);
  char text[32];
  std::snprintf(text, sizeof text, "%.3g", value.get<double>());
  return text;
}

constexpr const char* kColumns[] = {"model", "device", "threads", "test",    "median_tok_s",
                                    "min",   "max",    "cv",      "fraction"};

std::string format_table(const std::vector<Json>& rows, const char* before, const char* between,
                         const char* after, bool rule) {
  std::string text;
  const auto line = [&](auto&& cell_of) {
    text += before;
    bool first = true;
    for (const char* column : kColumns) {
      text += (first ? "" : between) + cell_of(column);
      first = false;
    }
    text += std::string(after) + "\n";
  };
  line([](const char* column) { return std::string(column); });
  if (rule) line([](const char*) { return std::string("---"); });
  for (const Json& row : rows) line([&](const char* column) { return cell(row[column]); });
  return text;
}

}  // namespace

Json to_json(const BenchContext& context, const BenchRow& row) {
  std::vector<double> rates;
  for (const BenchSample& s : row.samples) rates.push_back(double(s.tokens) / s.seconds);
  const Summary s = summarize(rates);
  const double gb_s = row.bytes_per_step * s.median / double(row.tokens_per_step) / 1e9;
  const double tops = row.ops_per_token * s.median / 1e12;
  const bool reads = row.bytes_per_step > 0;
  const double ceiling = reads ? context.read_gb_s : context.int8_tops;
  const double fraction = ceiling > 0 ? (reads ? gb_s : tops) / ceiling : 0;
  Json samples = Json::array();
  for (const double rate : rates) samples.push_back(rounded(rate, 100));
  return {{"model", context.model},
          {"file_bytes", context.file_bytes},
          {"bytes_per_token", context.bytes_per_token},
          {"device", context.device},
          {"threads", context.threads},
          {"test", row.test},
          {"samples", samples},
          {"median_tok_s", rounded(s.median, 100)},
          {"min", rounded(s.min, 100)},
          {"max", rounded(s.max, 100)},
          {"cv", rounded(s.cv, 10000)},
          {"roofline",
           {{"read_gb_s", rounded(context.read_gb_s, 100)},
            {"int8_tops", rounded(context.int8_tops, 1000)},
            {"upload_gb_s", rounded(context.upload_gb_s, 100)}}},
          {"load", {{"bytes", context.load_bytes}, {"seconds", rounded(context.load_seconds, 10000)}}},
          {"achieved", {{"gb_s", rounded(gb_s, 100)}, {"tops", rounded(tops, 1000)}}},
          {"fraction", rounded(fraction, 10000)},
          {"witness", row.witness}};
}

std::string format_load(const BenchContext& context) {
  const double gb_s = double(context.load_bytes) / 1e9 / context.load_seconds;
  char text[160];
  int n = std::snprintf(text, sizeof text, "weights: %.2f GB loaded in %.3f s, %.3g GB/s",
                        double(context.load_bytes) / 1e9, context.load_seconds, gb_s);
  if (context.upload_gb_s > 0)
    n += std::snprintf(text + n, sizeof text - size_t(n), ", %.1f %% of the %.3g GB/s of pinned copies",
                       gb_s / context.upload_gb_s * 100, context.upload_gb_s);
  return std::string(text, size_t(n)) + "\n";
}

std::string format_rows(const std::vector<Json>& rows, const std::string& format) {
  if (format == "json") return write_json(Json(rows)) + "\n";
  if (format == "csv") return format_table(rows, "", ",", "", false);
  return format_table(rows, "| ", " | ", " |", true);
}

}  // namespace dunlin::cli
