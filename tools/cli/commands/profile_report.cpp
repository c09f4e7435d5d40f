#include "profile_report.h"

#include <cctype>
#include <cstdio>
#include <vector>

namespace dunlin::cli {
namespace {

// What all phases of one kind have in common, and their sums.
struct Kind {
  std::string name, kernel;
  int count = 0;
  double us = 0, bytes = 0, macs = 0;
};

std::vector<Kind> fold(const Json& phases) {
  std::vector<Kind> kinds;  // in the order of the step
  for (const Json& phase : phases) {
    const std::string name = without_layer(phase["name"]), kernel = phase["kernel"];
    Kind* kind = nullptr;
    for (Kind& k : kinds)
      if (k.name == name && k.kernel == kernel) kind = &k;
    if (kind == nullptr) kind = &kinds.emplace_back(Kind{name, kernel});
    ++kind->count;
    kind->us += phase["us"].get<double>();
    kind->bytes += phase["bytes"].get<double>();
    kind->macs += phase["macs"].get<double>();
  }
  return kinds;
}

Json share_of(double achieved, double ceiling) {
  if (achieved <= 0 || ceiling <= 0) return nullptr;
  return achieved / ceiling;
}

Json row_of(const Kind& kind, const ProfileContext& context) {
  const double us = std::max(kind.us, 1e-3);  // a clock's grain
  const double gb_s = kind.bytes / us * 1e-3, tops = 2 * kind.macs / us * 1e-6;
  Json row = {{"name", kind.name},   {"kernel", kind.kernel},
              {"count", kind.count}, {"us_each", kind.us / kind.count},
              {"us", kind.us},       {"bytes", kind.bytes},
              {"gb_s", gb_s},        {"read_share", share_of(gb_s, context.read_gb_s)},
              {"tops", tops},        {"int8_share", share_of(tops, context.int8_tops)}};
  row["us_beyond_bytes"] = nullptr;
  if (context.read_gb_s > 0) row["us_beyond_bytes"] = kind.us - kind.bytes / context.read_gb_s * 1e-3;
  return row;
}

std::string number(const Json& value, const char* format, double factor = 1) {
  if (value.is_null() || value.get<double>() == 0) return "";
  char text[32];
  std::snprintf(text, sizeof text, format, value.get<double>() * factor);
  return text;
}

std::string explain_difference(const Json& folded) {
  const std::string device = folded["device"];
  if (!device.starts_with("cuda"))
    return "Phases end where the slowest thread does; dividing the step costs a reading of the clock a "
           "phase, the "
           "rest of the difference is noise: where other programs interfere, medians of short phases add up "
           "to less "
           "than the median of the whole step.";
  const bool is_graph = folded["rows"] == 1 && !device.ends_with("-eager");
  return std::string(
             "Phases are timed one after the other, with an event between two; in the undivided step") +
         (is_graph ? ", a CUDA graph," : "") +
         " a kernel starts while the one before it ends, so the step is shorter than the sum.";
}

}  // namespace

std::string without_layer(const std::string& name) {
  constexpr std::string_view kLayer = "blk.";
  std::string text;
  for (size_t i = 0; i < name.size();) {
    size_t end = i + kLayer.size();
    if (name.compare(i, kLayer.size(), kLayer) == 0 && (i == 0 || name[i - 1] == '+')) {
      while (end < name.size() && std::isdigit(static_cast<unsigned char>(name[end]))) ++end;
      if (end > i + kLayer.size() && end < name.size() && name[end] == '.') {
        i = end + 1;
        continue;
      }
    }
    text += name[i++];
  }
  return text;
}

Json fold_profile(const ProfileContext& context, const Json& profile) {
  Json folded = {{"model", context.model},
                 {"device", context.device},
                 {"threads", context.threads},
                 {"roofline", {{"read_gb_s", context.read_gb_s}, {"int8_tops", context.int8_tops}}}};
  for (const auto& [key, value] : profile.items())
    if (key != "phases") folded[key] = value;
  const double sum = profile["sum_us"], step = profile["step_us"];
  folded["difference"] = sum / step - 1;
  folded["explanation"] = explain_difference(folded);
  folded["phases"] = Json::array();
  for (const Kind& kind : fold(profile["phases"])) folded["phases"].push_back(row_of(kind, context));
  return folded;
}

std::string format_profile(const Json& folded) {
  const auto whole = [&](const char* key) { return std::to_string(folded[key].get<int64_t>()); };
  const Json& roofline = folded["roofline"];
  const bool knows_int8 = roofline["int8_tops"] > 0, knows_read = roofline["read_gb_s"] > 0;
  std::string text = folded["model"].get<std::string>() + " on " + folded["device"].get<std::string>() +
                     ": " + whole("sequences") + " x " + whole("rows") + " rows at depth " + whole("depth") +
                     ", medians of " + whole("repeats") + "; ceilings: " +
                     (knows_read ? number(roofline["read_gb_s"], "%.1f GB/s read") : "read unknown") +
                     (knows_int8 ? number(roofline["int8_tops"], ", %.3f int8 TOPS") : "") + "\n\n";
  text +=
      "| phase | kernel | count | us each | us | MB | GB/s | % of read | us beyond bytes | TOPS | % of int8 "
      "|\n"
      "| --- | --- | --- | --- | --- | --- | --- | --- | --- | --- | --- |\n";
  for (const Json& row : folded["phases"]) {
    text += "| " + row["name"].get<std::string>() + " | " + row["kernel"].get<std::string>();
    for (const std::string& cell :
         {number(row["count"], "%.0f"), number(row["us_each"], "%.2f"), number(row["us"], "%.1f"),
          number(row["bytes"], "%.2f", 1e-6), number(row["gb_s"], "%.1f"),
          number(row["read_share"], "%.1f", 100), number(row["us_beyond_bytes"], "%.1f"),
          number(row["tops"], "%.3f"), number(row["int8_share"], "%.1f", 100)})
      text += " | " + cell;
    text += " |\n";
  }
  // Where the device is the host, the two clocks are one.
  const bool two_clocks = folded["wall_us"] != folded["step_us"];
  text += "\nsum of phases " + number(folded["sum_us"], "%.1f us") + "; the step undivided " +
          number(folded["step_us"], "%.1f us") +
          (two_clocks ? number(folded["wall_us"], ", by the host's clock %.1f us") : "") +
          number(folded["difference"], "; sum against step %+.1f %%\n", 100);
  const Json& driver = folded["driver"];
  text += folded["explanation"].get<std::string>() + "\ntokens of the measured step: " +
          (folded["same_tokens"].get<bool>() ? "those of the unmeasured one\n"
                                             : "NOT those of the unmeasured one\n");
  if (folded["device"].get<std::string>().starts_with("cuda"))
    text += "a step asks the driver for " + driver["allocations"].dump() + " allocations, " +
            driver["graphs"].dump() + " graphs, " + driver["waits"].dump() + " waits\n";
  return text;
}

}  // namespace dunlin::cli
