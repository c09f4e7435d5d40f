// The library's errors name its option fields; the command's user knows flags.
#pragma once

#include <string>

namespace dunlin::cli {

// The message with the command's flags in the place of option fields: "n_ctx" becomes "-c".
std::string with_flag_names(std::string message);

}  // namespace dunlin::cli
