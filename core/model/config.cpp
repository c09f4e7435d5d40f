#include "core/model/config.h"

#include <cmath>

#include "core/model/architecture_traits.h"
#include "core/model/config_check.h"

namespace dunlin {

const char* rope_scaling_name(RopeScaling scaling) {
  switch (scaling) {
    case RopeScaling::kNone:
      return "none";
    case RopeScaling::kLinear:
      return "linear";
    case RopeScaling::kLlama3:
      return "llama3";
    case RopeScaling::kYarn:
      return "yarn";
  }
  return "unknown";
}

std::string known_architectures() {
  std::string out;
  for (const ArchitectureTraits& traits : architecture_traits())
    out += str_cat(out.empty() ? "" : ", ", traits.name);
  return out;
}

Status check_range(std::string_view where, int64_t value, IntegerRange range) {
  if (value >= range.min && value <= range.max) return Status::ok();
  return Status::corrupt(where, " is ", value, "; ", range.min, " to ", range.max, " is expected");
}

Status check_range(std::string_view where, double value, FloatRange range) {
  if (value >= range.min && value <= range.max) return Status::ok();
  return Status::corrupt(where, " is ", value, "; ", range.min, " to ", range.max, " is expected");
}

double yarn_magnitude(double factor, double multiplier) {
  return 0.1 * multiplier * std::log(factor) + 1.0;
}

Status finish_config(ModelConfig& config, std::string_view source) {
  if (config.n_head % config.n_head_kv != 0)
    return Status::corrupt(source, ": ", config.n_head_kv, " key-value heads do not divide ", config.n_head,
                           " heads");
  if (config.head_dim % 2 != 0)
    return Status::unsupported(source, ": heads of ", config.head_dim, " elements; an even number is needed");
  RopeConfig& rope = config.rope;
  if (rope.n_rot < 2 || rope.n_rot % 2 != 0 || rope.n_rot > config.head_dim)
    return Status::corrupt(source, ": rotary dimensions are ", rope.n_rot,
                           "; an even number from 2 to the head size ", config.head_dim, " is expected");
  if (rope.scaling == RopeScaling::kLinear && rope.factor == 1.0f) rope.scaling = RopeScaling::kNone;
  if (rope.original_context == 0) rope.original_context = config.n_ctx_train;
  if (config.attention_scale == 0.0f)
    config.attention_scale = float(1.0 / std::sqrt(double(config.head_dim)));
  if (config.sliding_window.empty()) config.sliding_window.assign(size_t(config.n_layer), 0);
  DUNLIN_CHECK(config.n_ff.size() == size_t(config.n_layer));
  DUNLIN_CHECK(config.sliding_window.size() == size_t(config.n_layer));
  return Status::ok();
}

}  // namespace dunlin
