#include "core/text/tokenizer_gguf.h"

#include "core/model/printable.h"

namespace dunlin {
namespace {

constexpr std::string_view kTokenizerPrefix = "tokenizer.ggml.";
constexpr std::string_view kTemplateKey = "tokenizer.chat_template";

Status read_tokens(const GgufFile& file, TokenizerSpec& spec) {
  DUNLIN_ASSIGN_OR_RETURN(const auto tokens, file.get_string_array("tokenizer.ggml.tokens"));
  if (tokens.size() > kMaxTokenizerTokens) {
    return Status::corrupt(file.source(), ": tokenizer.ggml.tokens has ", tokens.size(), " entries; at most ",
                           kMaxTokenizerTokens, " expected");
  }
  spec.tokens.assign(tokens.begin(), tokens.end());
  spec.types.assign(tokens.size(), TokenType::kNormal);
  if (file.has("tokenizer.ggml.token_type")) {
    DUNLIN_ASSIGN_OR_RETURN(const auto types, file.get_i32_array("tokenizer.ggml.token_type"));
    spec.types.clear();
    for (const int32_t type : types) {
      if (type < int32_t(TokenType::kNormal) || type > int32_t(TokenType::kByte)) {
        return Status::corrupt(file.source(), ": tokenizer.ggml.token_type: token ", spec.types.size(),
                               " has the type ", type, "; 1 to 6 expected");
      }
      spec.types.push_back(TokenType(type));
    }
  }
  if (file.has("tokenizer.ggml.scores")) {
    DUNLIN_ASSIGN_OR_RETURN(spec.scores, file.get_f32_array("tokenizer.ggml.scores"));
  }
  return Status::ok();
}

Status read_merges(const GgufFile& file, TokenizerSpec& spec) {
  DUNLIN_ASSIGN_OR_RETURN(const auto merges, file.get_string_array("tokenizer.ggml.merges"));
  spec.merges.reserve(merges.size());
  for (const std::string_view merge : merges) {
    // The first part may begin with a space.
    const size_t cut = merge.find(' ', 1);
    if (cut == merge.npos || cut + 1 == merge.size()) {
      return Status::corrupt(file.source(), ": tokenizer.ggml.merges: entry ", spec.merges.size(), " is ",
                             printable(merge), "; two parts with a space between expected");
    }
    spec.merges.push_back({std::string(merge.substr(0, cut)), std::string(merge.substr(cut + 1))});
  }
  return Status::ok();
}

Status read_byte_level(const GgufFile& file, const Log& log, TokenizerSpec& spec) {
  spec.model = TokenizerModel::kByteLevelBpe;
  DUNLIN_RETURN_IF_ERROR(read_merges(file, spec));
  DUNLIN_ASSIGN_OR_RETURN(std::string_view name, file.get_string_or("tokenizer.ggml.pre", ""));
  if (name.empty() || name == "default") {
    log.warning(file.source(),
                ": tokenizer.ggml.pre does not name the pre-tokenizer; taking gpt-2, which is wrong",
                " for most models: convert the model again with a current tool");
    name = "gpt-2";
  }
  auto named = find_named_pretokenizer(name);
  if (!named) {
    return Status::unsupported(file.source(), ": tokenizer.ggml.pre: the pre-tokenizer ", printable(name),
                               " is not supported; supported are ", pretokenizer_names());
  }
  spec.splits = std::move(named->steps);
  spec.ignore_merges = named->ignore_merges;
  spec.nfc = named->nfc;
  spec.add_bos = named->add_bos;
  return Status::ok();
}

Status read_sentencepiece(const GgufFile& file, TokenizerSpec& spec) {
  spec.model = TokenizerModel::kSentencePieceBpe;
  spec.add_bos = true;
  DUNLIN_ASSIGN_OR_RETURN(const bool prefix, file.get_bool_or("tokenizer.ggml.add_space_prefix", true));
  spec.space_prefix = prefix ? SpacePrefix::kAlways : SpacePrefix::kNever;
  return Status::ok();
}

Status read_special_ids(const GgufFile& file, SpecialIds& special) {
  const struct {
    std::string_view name;
    int32_t* id;
  } keys[] = {
      {"bos_token_id", &special.bos},
      {"eos_token_id", &special.eos},
      {"eot_token_id", &special.eot},
      {"eom_token_id", &special.eom},
      {"unknown_token_id", &special.unknown},
      {"padding_token_id", &special.padding},
      {"fim_pre_token_id", &special.fim_prefix},
      {"fim_suf_token_id", &special.fim_suffix},
      {"fim_mid_token_id", &special.fim_middle},
  };
  for (const auto& [name, id] : keys) {
    const std::string key = str_cat(kTokenizerPrefix, name);
    if (!file.has(key)) continue;
    DUNLIN_ASSIGN_OR_RETURN(const int64_t value, file.get_i64(key));
    // Older converters wrote -1 for "none", as a signed or as an unsigned number.
    if (value == -1 || value == int64_t(UINT32_MAX)) continue;
    if (value < 0 || uint64_t(value) >= kMaxTokenizerTokens) {
      return Status::corrupt(file.source(), ": ", key, " is ", value, ", which is no token id");
    }
    *id = int32_t(value);
  }
  return Status::ok();
}

// A key in the file beats what the model or pre-tokenizer implies; what is only implied needs the id to be
// there.
Status read_added_ends(const GgufFile& file, TokenizerSpec& spec) {
  const bool implied_bos = spec.add_bos && spec.special.bos >= 0;
  DUNLIN_ASSIGN_OR_RETURN(spec.add_bos, file.get_bool_or("tokenizer.ggml.add_bos_token", implied_bos));
  DUNLIN_ASSIGN_OR_RETURN(spec.add_eos, file.get_bool_or("tokenizer.ggml.add_eos_token", false));
  return Status::ok();
}

// GGUF does not keep the white space flags of added tokens; Phi-3 is the one supported family that sets them.
Status list_added_tokens(const GgufFile& file, TokenizerSpec& spec) {
  DUNLIN_ASSIGN_OR_RETURN(const std::string_view architecture,
                          file.get_string_or("general.architecture", ""));
  const bool is_phi3 = architecture == "phi3" && spec.model == TokenizerModel::kSentencePieceBpe;
  for (size_t id = 0; id < spec.tokens.size() && id < spec.types.size(); ++id) {
    if (spec.types[id] != TokenType::kControl && spec.types[id] != TokenType::kUserDefined) continue;
    AddedToken& added = spec.added.emplace_back();
    added.id = int32_t(id);
    const std::string_view text = spec.tokens[id];
    added.rstrip = is_phi3 && text != "<unk>" && text != "<s>" && text != "<|endoftext|>";
  }
  return Status::ok();
}

Status read_chat_templates(const GgufFile& file, TokenizerSpec& spec) {
  for (const GgufEntry& entry : file.entries()) {
    std::string_view name = entry.key;
    if (!name.starts_with(kTemplateKey)) continue;
    name.remove_prefix(kTemplateKey.size());
    if (name.empty()) {
      name = "default";
    } else if (name.starts_with('.')) {
      name.remove_prefix(1);
    } else {
      continue;  // tokenizer.chat_templates lists the names that the keys have anyway
    }
    DUNLIN_ASSIGN_OR_RETURN(const std::string_view text, file.get_string(entry.key));
    spec.chat_templates.push_back({std::string(name), std::string(text)});
  }
  return Status::ok();
}

}  // namespace

Result<TokenizerSpec> read_gguf_tokenizer(const GgufFile& file, const Log& log) {
  TokenizerSpec spec;
  spec.source = file.source();
  DUNLIN_ASSIGN_OR_RETURN(const std::string_view model, file.get_string("tokenizer.ggml.model"));
  DUNLIN_RETURN_IF_ERROR(read_tokens(file, spec));
  if (model == "gpt2") {
    DUNLIN_RETURN_IF_ERROR(read_byte_level(file, log, spec));
  } else if (model == "llama") {
    DUNLIN_RETURN_IF_ERROR(read_sentencepiece(file, spec));
  } else {
    return Status::unsupported(
        file.source(), ": tokenizer.ggml.model: the tokenizer model ", printable(model),
        " is not supported; supported are gpt2 (byte-level BPE) and llama (SentencePiece)");
  }
  DUNLIN_RETURN_IF_ERROR(read_special_ids(file, spec.special));
  DUNLIN_RETURN_IF_ERROR(read_added_ends(file, spec));
  DUNLIN_RETURN_IF_ERROR(list_added_tokens(file, spec));
  DUNLIN_RETURN_IF_ERROR(read_chat_templates(file, spec));
  return spec;
}

}  // namespace dunlin
