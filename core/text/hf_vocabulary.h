// Reads the vocabulary and the merges of a tokenizer.json as a stream: they are nearly all of the file, and a
// document of them would cost more time and memory than the tokenizer itself.
#pragma once

#include <string>
#include <string_view>

#include "core/base/status.h"
#include "core/text/tokenizer_spec.h"

namespace dunlin {

inline constexpr uint64_t kMaxTokenizerJsonBytes = uint64_t(64) << 20;

// Fills spec.tokens, spec.types (kNormal; kUnused for ids that the file leaves out) and spec.merges from
// model.vocab and model.merges. rest becomes the file without these two, as JSON: well-formed, without
// duplicate keys, at most 64 levels deep. Errors name spec.source.
Status read_hf_vocabulary(std::string_view tokenizer_json, TokenizerSpec& spec, std::string& rest);

}  // namespace dunlin
