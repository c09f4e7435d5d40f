#include "platforms/linux/system_files.h"

#include <algorithm>
#include <charconv>
#include <fstream>

namespace dunlin {
namespace {

constexpr size_t kMaxFileBytes = size_t(1) << 20;

}  // namespace

std::optional<std::string> read_system_file(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  if (!file) return std::nullopt;
  // These files tell no size beforehand.
  std::string text;
  char part[4096];
  while (text.size() < kMaxFileBytes) {
    file.read(part, sizeof part);
    text.append(part, size_t(file.gcount()));
    if (!file) break;
  }
  if (file.bad()) return std::nullopt;
  return text;
}

std::string_view trim(std::string_view text) {
  constexpr std::string_view kBlanks = " \t\r\n";
  const size_t first = text.find_first_not_of(kBlanks);
  if (first == std::string_view::npos) return {};
  return text.substr(first, text.find_last_not_of(kBlanks) - first + 1);
}

std::vector<std::string_view> split(std::string_view text, char separator) {
  std::vector<std::string_view> parts;
  while (!text.empty()) {
    const size_t end = text.find(separator);
    parts.push_back(text.substr(0, end));
    if (end == std::string_view::npos) break;
    text.remove_prefix(end + 1);
  }
  return parts;
}

std::optional<uint64_t> parse_count(std::string_view text) {
  const std::string_view digits = trim(text);
  uint64_t value = 0;
  const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), value);
  if (error != std::errc() || end != digits.data() + digits.size()) return std::nullopt;
  return value;
}

std::optional<uint64_t> read_count(const std::string& path) {
  const auto text = read_system_file(path);
  return text ? parse_count(*text) : std::nullopt;
}

std::vector<int> parse_cpu_list(std::string_view text) {
  std::vector<int> cpus;
  for (const std::string_view part : split(trim(text), ',')) {
    const size_t dash = part.find('-');
    const auto first = parse_count(part.substr(0, dash));
    const auto last = dash == std::string_view::npos ? first : parse_count(part.substr(dash + 1));
    if (!first || !last || *first > *last || *last >= uint64_t(kMaxLinuxCpus)) return {};
    for (uint64_t cpu = *first; cpu <= *last; ++cpu) cpus.push_back(int(cpu));
    if (cpus.size() > size_t(kMaxLinuxCpus)) return {};  // overlapping ranges without end
  }
  std::sort(cpus.begin(), cpus.end());
  cpus.erase(std::unique(cpus.begin(), cpus.end()), cpus.end());
  return cpus;
}

std::vector<int> read_cpu_list(const std::string& path) {
  const auto text = read_system_file(path);
  return text ? parse_cpu_list(*text) : std::vector<int>{};
}

}  // namespace dunlin
