// The small text files under /proc and /sys: read whole, parsed with care, "not there" as an empty optional.
// Kernels and containers leave out any of them.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace dunlin {

// More logical CPUs than any Linux kernel is built for (8192 on x86-64).
inline constexpr int kMaxLinuxCpus = 16384;

// The file's text, at most its first MiB.
std::optional<std::string> read_system_file(const std::string& path);

// A whole number in decimal, with nothing but white space around it.
std::optional<uint64_t> parse_count(std::string_view text);
std::optional<uint64_t> read_count(const std::string& path);

// "0-3,8" as 0, 1, 2, 3, 8: ascending, without repetitions. Empty if the text is malformed.
std::vector<int> parse_cpu_list(std::string_view text);
std::vector<int> read_cpu_list(const std::string& path);

std::string_view trim(std::string_view text);

// The parts of text between separators; the last is what follows the last separator, if that is not empty.
std::vector<std::string_view> split(std::string_view text, char separator);

}  // namespace dunlin
