// The rows of a profiled step: phases of the same kind in all layers are one row, with its share of the
// ceilings.
#pragma once

#include <string>

#include "../json_text.h"

namespace dunlin::cli {

struct ProfileContext {
  std::string model, device;
  int threads = 0;
  double read_gb_s = 0;  // ceilings measured in the same run; 0: unknown
  double int8_tops = 0;
};

// profile: of dunlin_engine_profile_json. The same, with its phases folded to kinds and shares added.
Json fold_profile(const ProfileContext& context, const Json& profile);
// A table with the sum, the undivided step and what their difference means.
std::string format_profile(const Json& folded);

// "blk.3.attn_q+blk.3.attn_k" -> "attn_q+attn_k".
std::string without_layer(const std::string& name);

}  // namespace dunlin::cli
