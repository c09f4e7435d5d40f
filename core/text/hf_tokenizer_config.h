// The small JSON files beside a tokenizer.json.
#pragma once

#include <string_view>

#include "core/base/status.h"
#include "core/text/tokenizer_spec.h"

namespace dunlin {

// tokenizer_config.json: bos_token, eos_token, add_bos_token, add_eos_token, chat_template. What it says
// beats what tokenizer.json implied. Needs spec.tokens.
Status apply_hf_tokenizer_config(std::string_view json, TokenizerSpec& spec);

// generation_config.json: eos_token_id, a number or a list; all of them end a generation.
Status apply_hf_generation_config(std::string_view json, TokenizerSpec& spec);

}  // namespace dunlin
