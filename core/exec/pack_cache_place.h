// Where the packed weights of a model may be kept: beside its files, or in a folder that the caller names.
#pragma once

#include <string>

#include "core/base/log.h"
#include "core/device/device.h"
#include "core/model/model_files.h"

namespace dunlin {

// A GGUF file's cache stands beside its first part, a Hugging Face directory's inside it. In folder, which
// may be empty, the name holds a checksum of the model's absolute path, so that models of one name do not
// meet. A model in memory has no place and gets a note in the log.
PackCacheOptions pack_cache_options(const ModelFiles& files, const std::string& folder, const Log& log);

}  // namespace dunlin
