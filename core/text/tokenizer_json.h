// Reads a TokenizerSpec from the JSON files of a Hugging Face directory.
#pragma once

#include <string>
#include <string_view>

#include "core/base/status.h"
#include "core/text/tokenizer_spec.h"

namespace dunlin {

// Texts of the files; an empty one means that the directory has no such file.
struct HfTokenizerFiles {
  std::string_view tokenizer;          // tokenizer.json, required
  std::string_view tokenizer_config;   // tokenizer_config.json
  std::string_view generation_config;  // generation_config.json: all ids that end a generation
  std::string_view chat_template;      // chat_template.jinja: wins over the one in tokenizer_config.json
  std::string source;                  // the directory, for errors
};

// The spec owns all its data. Node types that Dunlin does not know are refused by name.
Result<TokenizerSpec> read_hf_tokenizer(const HfTokenizerFiles& files);

}  // namespace dunlin
