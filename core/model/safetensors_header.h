// The JSON header of a .safetensors file, read event by event into plain entries: no document is built, so
// its memory is bounded by the text. Private to the model module.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "core/base/status.h"

namespace dunlin {

struct SafetensorsEntry {
  std::string name;
  std::string dtype;
  std::vector<uint64_t> shape;
  std::vector<uint64_t> offsets;  // [begin, end) from the data start
};

// Every entry has a dtype, a shape and two offsets, each once; names are unique.
Result<std::vector<SafetensorsEntry>> read_safetensors_header(std::string_view json, std::string_view source);

}  // namespace dunlin
