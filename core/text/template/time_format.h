// strftime for templates: always the C locale's English names, never the process's locale.
#pragma once

#include <ctime>
#include <string>
#include <string_view>

#include "core/base/status.h"

namespace dunlin::jinja {

// Directives: Y y m d e H I M S j p a A b B h F T D R % and the `-` flag, which drops padding.
Result<std::string> format_time(std::string_view format, const std::tm& time);

}  // namespace dunlin::jinja
