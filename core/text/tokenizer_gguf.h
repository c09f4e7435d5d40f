// Reads a TokenizerSpec from the tokenizer.ggml.* keys of a GGUF file.
#pragma once

#include "core/base/log.h"
#include "core/base/status.h"
#include "core/model/gguf.h"
#include "core/text/tokenizer_spec.h"

namespace dunlin {

// The spec owns all its data; the file may go away afterwards. Errors name the file and the key.
Result<TokenizerSpec> read_gguf_tokenizer(const GgufFile& file, const Log& log = {});

}  // namespace dunlin
