#include "core/text/template/time_format.h"

#include <array>

namespace dunlin::jinja {
namespace {

constexpr std::array<std::string_view, 7> kDays = {"Sunday",   "Monday", "Tuesday", "Wednesday",
                                                   "Thursday", "Friday", "Saturday"};
constexpr std::array<std::string_view, 12> kMonths = {"January",   "February", "March",    "April",
                                                      "May",       "June",     "July",     "August",
                                                      "September", "October",  "November", "December"};
constexpr size_t kMaxFormatBytes = 1024;

bool is_valid(const std::tm& time) {
  return time.tm_year >= -1900 && time.tm_year <= 8099 && time.tm_mon >= 0 && time.tm_mon < 12 &&
         time.tm_mday >= 1 && time.tm_mday <= 31 && time.tm_hour >= 0 && time.tm_hour < 24 &&
         time.tm_min >= 0 && time.tm_min < 60 && time.tm_sec >= 0 && time.tm_sec <= 60 && time.tm_wday >= 0 &&
         time.tm_wday < 7 && time.tm_yday >= 0 && time.tm_yday < 366;
}

std::string padded(int value, size_t width, char padding) {
  std::string digits = std::to_string(value);
  if (padding != '\0' && digits.size() < width) digits.insert(0, width - digits.size(), padding);
  return digits;
}

// False for a directive that is not known. pad: '0', or '\0' for none.
bool append_directive(std::string& out, char directive, char pad, const std::tm& time) {
  const auto number = [&](int value, size_t width) { out += padded(value, width, pad); };
  const auto sequence = [&](std::string_view directives, char separator) {
    for (size_t i = 0; i < directives.size(); ++i) {
      if (i > 0) out += separator;
      append_directive(out, directives[i], '0', time);
    }
  };
  const int hour12 = time.tm_hour % 12 == 0 ? 12 : time.tm_hour % 12;
  switch (directive) {
    case 'Y':
      number(time.tm_year + 1900, 4);
      break;
    case 'y':
      number((time.tm_year + 1900) % 100, 2);
      break;
    case 'm':
      number(time.tm_mon + 1, 2);
      break;
    case 'd':
      number(time.tm_mday, 2);
      break;
    case 'e':
      out += padded(time.tm_mday, 2, pad ? ' ' : '\0');
      break;
    case 'H':
      number(time.tm_hour, 2);
      break;
    case 'I':
      number(hour12, 2);
      break;
    case 'M':
      number(time.tm_min, 2);
      break;
    case 'S':
      number(time.tm_sec, 2);
      break;
    case 'j':
      number(time.tm_yday + 1, 3);
      break;
    case 'p':
      out += time.tm_hour < 12 ? "AM" : "PM";
      break;
    case 'a':
      out += kDays[size_t(time.tm_wday)].substr(0, 3);
      break;
    case 'A':
      out += kDays[size_t(time.tm_wday)];
      break;
    case 'b':
    case 'h':
      out += kMonths[size_t(time.tm_mon)].substr(0, 3);
      break;
    case 'B':
      out += kMonths[size_t(time.tm_mon)];
      break;
    case 'F':
      sequence("Ymd", '-');
      break;
    case 'T':
      sequence("HMS", ':');
      break;
    case 'R':
      sequence("HM", ':');
      break;
    case 'D':
      sequence("mdy", '/');
      break;
    case '%':
      out += '%';
      break;
    default:
      return false;
  }
  return true;
}

}  // namespace

Result<std::string> format_time(std::string_view format, const std::tm& time) {
  if (!is_valid(time)) return Status::invalid("strftime_now: the clock gives a time that does not exist");
  if (format.size() > kMaxFormatBytes) return Status::invalid("strftime_now: the format is too long");
  std::string out;
  for (size_t at = 0; at < format.size(); ++at) {
    if (format[at] != '%' || at + 1 == format.size()) {
      out += format[at];
      continue;
    }
    char pad = '0';
    if (format[at + 1] == '-' && at + 2 < format.size()) {
      pad = '\0';
      ++at;
    }
    const char directive = format[++at];
    if (!append_directive(out, directive, pad, time)) {
      return Status::unsupported("strftime_now: the directive '%", directive, "' is not supported");
    }
  }
  return out;
}

}  // namespace dunlin::jinja
