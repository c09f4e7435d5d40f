// What config_from_gguf and config_from_hf share: the ranges of single numbers, and the checks of the whole.
// Private to the model module.
#pragma once

#include <cstdint>
#include <string_view>

#include "core/base/status.h"
#include "core/model/config.h"

namespace dunlin {

struct IntegerRange {
  int64_t min;
  int64_t max;
};

struct FloatRange {
  double min;
  double max;
};

inline constexpr FloatRange kEpsRange{1e-12, 0.1};
inline constexpr FloatRange kFreqBaseRange{1.0001, 1e12};
inline constexpr FloatRange kRopeFactorRange{1e-3, 1e6};
inline constexpr FloatRange kYarnFactorRange{1.0, 1e6};  // its attention factor is a logarithm
inline constexpr FloatRange kBetaRange{1e-3, 1e6};
inline constexpr FloatRange kMagnitudeRange{1e-3, 1e3};
inline constexpr FloatRange kLogMultiplierRange{0.0, 1e3};

Status check_range(std::string_view where, int64_t value, IntegerRange range);
// Refuses NaN too.
Status check_range(std::string_view where, double value, FloatRange range);

// YaRN's growth of attention with the factor: 0.1 m ln factor + 1.
double yarn_magnitude(double factor, double multiplier);

// The config complete: fills in what follows from the rest, and checks what single numbers cannot show.
Status finish_config(ModelConfig& config, std::string_view source);

}  // namespace dunlin
