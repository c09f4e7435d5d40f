// The vocabularies of published models in tests/data/tokenizers.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "core/text/tokenizer.h"

namespace dunlin::testing {

// A file of tests/data/tokenizers; one that ends in .xz is unpacked.
std::string read_vocabulary_file(const std::string& name);

// NAME.gguf.xz, and NAME.json.xz with NAME-config.json and, if there is one, NAME-generation.json.
TokenizerSpec read_gguf_spec(const std::string& name);
TokenizerSpec read_json_spec(const std::string& name);
std::unique_ptr<const Tokenizer> make_tokenizer(TokenizerSpec spec);
std::unique_ptr<const Tokenizer> load_gguf_tokenizer(const std::string& name);
std::unique_ptr<const Tokenizer> load_json_tokenizer(const std::string& name);

// The ids of a text that must be encodable.
std::vector<int32_t> encode(const Tokenizer& tokenizer, std::string_view text, EncodeOptions options);

inline constexpr EncodeOptions kPlain = {.add_special = false, .parse_special = false};
inline constexpr EncodeOptions kTrusted = {.add_special = false, .parse_special = true};

}  // namespace dunlin::testing
