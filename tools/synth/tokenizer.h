// A made-up byte-level BPE tokenizer of any size: 256 bytes, then the words over a..z in order of length,
// each the merge of its prefix and its last letter, then a few control tokens.
#pragma once

#include "core/model/gguf_writer.h"
#include "tools/shapes/model_shape.h"

namespace dunlin {

void set_synthetic_tokenizer(GgufWriter& writer, const ModelShape& shape);

}  // namespace dunlin
