#include "core/text/tokenizer_json.h"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "core/model/printable.h"
#include "core/text/hf_tokenizer_config.h"
#include "core/text/hf_vocabulary.h"

namespace dunlin {
namespace {

using Json = nlohmann::json;

// Reads everything but the vocabulary and the merges. Nodes nest at most as deep as read_hf_vocabulary let
// the document be.
class PipelineReader {
 public:
  explicit PipelineReader(TokenizerSpec& spec) : spec_(spec) {}

  Status read(const Json& root) {
    DUNLIN_RETURN_IF_ERROR(read_model(member(root, "model")));
    DUNLIN_RETURN_IF_ERROR(read_added_tokens(member(root, "added_tokens")));
    DUNLIN_RETURN_IF_ERROR(read_normalizer(member(root, "normalizer")));
    DUNLIN_RETURN_IF_ERROR(read_pretokenizer(member(root, "pre_tokenizer")));
    DUNLIN_RETURN_IF_ERROR(read_post_processor(member(root, "post_processor")));
    DUNLIN_RETURN_IF_ERROR(read_decoder(member(root, "decoder")));
    return finish(member(root, "model"));
  }

 private:
  template <typename... P>
  Status corrupt(const P&... what) const {
    return Status::corrupt(spec_.source, ": tokenizer.json: ", what...);
  }
  template <typename... P>
  Status unsupported(const P&... what) const {
    return Status::unsupported(spec_.source, ": tokenizer.json: ", what...);
  }

  // Null where there is no such member, or where value is no object.
  const Json& member(const Json& value, const char* key) const {
    if (!value.is_object()) return null_;
    const auto at = value.find(key);
    return at == value.end() ? null_ : *at;
  }
  static std::string_view text_of(const Json& value) {
    return value.is_string() ? std::string_view(value.get_ref<const std::string&>()) : std::string_view();
  }
  static bool flag_of(const Json& value, bool fallback) {
    return value.is_boolean() ? value.get<bool>() : fallback;
  }
  std::string_view type_of(const Json& node) const { return text_of(member(node, "type")); }

  int32_t find_token(std::string_view text) const {
    const auto at = std::find(spec_.tokens.begin(), spec_.tokens.end(), text);
    return at == spec_.tokens.end() ? -1 : int32_t(at - spec_.tokens.begin());
  }

  // A Sequence applies read_one to each of its nodes.
  template <typename ReadOne>
  Status read_sequence(const Json& node, const char* key, ReadOne read_one) {
    const Json& nodes = member(node, key);
    if (!nodes.is_array()) return corrupt("a Sequence has no list of ", key);
    for (const Json& child : nodes) DUNLIN_RETURN_IF_ERROR(read_one(child));
    return Status::ok();
  }

  Status read_model(const Json& model);
  Status read_added_tokens(const Json& tokens);
  Status read_added_token(const Json& token);
  Status read_normalizer(const Json& node);
  Status read_pretokenizer(const Json& node);
  Status read_split(const Json& node);
  Status read_byte_level(const Json& node);
  Status read_metaspace(const Json& node);
  Status read_post_processor(const Json& node);
  Status read_template_processing(const Json& node);
  Status read_decoder(const Json& node) const;
  Status finish(const Json& model);

  const Json null_;
  TokenizerSpec& spec_;
  bool is_byte_level_ = false;
  bool is_sentencepiece_ = false;
};

Status PipelineReader::read_model(const Json& model) {
  const std::string_view type = type_of(model);
  // Files of the first versions have no type.
  if (type != "BPE" && !(type.empty() && !spec_.merges.empty())) {
    return unsupported("the model type ", printable(type), " is not supported; supported is BPE");
  }
  for (const char* key : {"continuing_subword_prefix", "end_of_word_suffix"}) {
    if (!text_of(member(model, key)).empty()) return unsupported("model.", key, " is not supported");
  }
  const Json& dropout = member(model, "dropout");
  if (dropout.is_number() && dropout.get<double>() != 0) return unsupported("model.dropout is not supported");
  // Those of the right kind have been read already, and left out of the document.
  if (model.contains("vocab")) return corrupt("model.vocab is no object");
  if (model.contains("merges")) return corrupt("model.merges is no list");
  if (spec_.tokens.empty()) return corrupt("model.vocab is missing or empty");
  spec_.ignore_merges = flag_of(member(model, "ignore_merges"), false);
  return Status::ok();
}

Status PipelineReader::read_added_tokens(const Json& tokens) {
  if (tokens.is_null()) return Status::ok();
  if (!tokens.is_array()) return corrupt("added_tokens is no list");
  for (const Json& token : tokens) DUNLIN_RETURN_IF_ERROR(read_added_token(token));
  return Status::ok();
}

Status PipelineReader::read_added_token(const Json& token) {
  const Json& id_value = member(token, "id");
  const Json& content = member(token, "content");
  if (!id_value.is_number_unsigned() || !content.is_string()) {
    return corrupt("an added token does not have an id and a content");
  }
  const uint64_t id = id_value.get<uint64_t>();
  const std::string_view text = text_of(content);
  if (id >= kMaxTokenizerTokens) {
    return corrupt("the added token ", printable(text), " has the id ", id, "; at most ",
                   kMaxTokenizerTokens - 1, " expected");
  }
  if (id >= spec_.tokens.size()) {
    spec_.tokens.resize(id + 1);
    spec_.types.resize(id + 1, TokenType::kUnused);
  }
  const bool is_taken = spec_.types[id] != TokenType::kUnused && spec_.tokens[id] != text;
  const bool is_repeated =
      spec_.types[id] == TokenType::kControl || spec_.types[id] == TokenType::kUserDefined;
  if (is_taken || is_repeated) {
    return corrupt("the added token ", printable(text), " has the id ", id, " of ",
                   printable(spec_.tokens[id]));
  }
  spec_.tokens[id] = text;
  spec_.types[id] = flag_of(member(token, "special"), false) ? TokenType::kControl : TokenType::kUserDefined;
  AddedToken& added = spec_.added.emplace_back();
  added.id = int32_t(id);
  added.lstrip = flag_of(member(token, "lstrip"), false);
  added.rstrip = flag_of(member(token, "rstrip"), false);
  added.single_word = flag_of(member(token, "single_word"), false);
  added.normalized = flag_of(member(token, "normalized"), false);
  return Status::ok();
}

Status PipelineReader::read_normalizer(const Json& node) {
  if (node.is_null()) return Status::ok();
  const std::string_view type = type_of(node);
  if (type == "Sequence") {
    return read_sequence(node, "normalizers", [this](const Json& child) { return read_normalizer(child); });
  }
  if (type == "NFC") {
    spec_.nfc = true;
    return Status::ok();
  }
  if (type == "Prepend" && text_of(member(node, "prepend")) == kSentencePieceSpace) {
    spec_.space_prefix = SpacePrefix::kAlways;
    return Status::ok();
  }
  if (type == "Replace" && text_of(member(member(node, "pattern"), "String")) == " " &&
      text_of(member(node, "content")) == kSentencePieceSpace) {
    is_sentencepiece_ = true;
    return Status::ok();
  }
  return unsupported(
      "the normalizer ", printable(type),
      " is not supported; supported are NFC, and SentencePiece's Prepend and Replace of spaces");
}

Status PipelineReader::read_pretokenizer(const Json& node) {
  if (node.is_null()) return Status::ok();
  const std::string_view type = type_of(node);
  if (type == "Sequence") {
    return read_sequence(node, "pretokenizers",
                         [this](const Json& child) { return read_pretokenizer(child); });
  }
  if (type == "Split") return read_split(node);
  if (type == "ByteLevel") return read_byte_level(node);
  if (type == "Metaspace") return read_metaspace(node);
  if (is_byte_level_)
    return unsupported("the pre-tokenizer ", printable(type), " after ByteLevel is not supported");
  if (type == "Digits") {
    const bool individual = flag_of(member(node, "individual_digits"), false);
    spec_.splits.push_back({individual ? SplitRule::kNumber : SplitRule::kNumberRun, SplitKeep::kBoth, {}});
    return Status::ok();
  }
  if (type == "Punctuation") {
    const std::string_view behavior = text_of(member(node, "behavior"));
    const bool is_isolated = behavior.empty() || behavior == "Isolated";
    if (!is_isolated && behavior != "Contiguous") {
      return unsupported("the behavior ", printable(behavior),
                         " of the pre-tokenizer Punctuation is not supported");
    }
    spec_.splits.push_back(
        {is_isolated ? SplitRule::kPunctuation : SplitRule::kPunctuationRun, SplitKeep::kBoth, {}});
    return Status::ok();
  }
  return unsupported(
      "the pre-tokenizer ", printable(type),
      " is not supported; supported are Split, ByteLevel, Digits, Punctuation, Metaspace, Sequence");
}

// An expression that matches exactly this text.
std::string regex_of_text(std::string_view text) {
  std::string regex;
  for (const char c : text) {
    const bool is_plain = uint8_t(c) >= 0x80 || (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') ||
                          (c >= 'A' && c <= 'Z') || uint8_t(c) <= ' ';
    if (!is_plain) regex += '\\';
    regex += c;
  }
  return regex;
}

Status PipelineReader::read_split(const Json& node) {
  const Json& pattern = member(node, "pattern");
  const Json& literal = member(pattern, "String");
  const std::string regex =
      literal.is_string() ? regex_of_text(text_of(literal)) : std::string(text_of(member(pattern, "Regex")));
  if (regex.empty()) return corrupt("a Split has neither a Regex nor a String");
  // The normalizer has left no space to split at.
  if (is_sentencepiece_ && text_of(literal) == " ") return Status::ok();

  SplitStep step;
  const std::string_view behavior = text_of(member(node, "behavior"));
  const bool is_inverted = flag_of(member(node, "invert"), false);
  if (behavior == "Removed") {
    step.keep = is_inverted ? SplitKeep::kMatches : SplitKeep::kBetween;
  } else if (behavior != "Isolated") {
    return unsupported("the behavior ", printable(behavior), " of the pre-tokenizer Split is not supported");
  }
  const auto rule = find_rule_of_regex(regex);
  // ASCII digits are the same letters before and after ByteLevel; other patterns would see its alphabet.
  if (is_byte_level_ && rule != SplitRule::kThreeDigits) {
    return unsupported("the pre-tokenizer Split after ByteLevel is not supported");
  }
  step.rule = rule.value_or(SplitRule::kRegex);
  if (!rule) step.regex = regex;
  spec_.splits.push_back(std::move(step));
  return Status::ok();
}

Status PipelineReader::read_byte_level(const Json& node) {
  if (flag_of(member(node, "add_prefix_space"), true)) {
    return unsupported("the pre-tokenizer ByteLevel with add_prefix_space is not supported");
  }
  is_byte_level_ = true;
  if (flag_of(member(node, "use_regex"), true)) {
    spec_.splits.push_back({SplitRule::kGpt2, SplitKeep::kBoth, {}});
  }
  return Status::ok();
}

Status PipelineReader::read_metaspace(const Json& node) {
  const Json& replacement = member(node, "replacement");
  if (!replacement.is_null() && text_of(replacement) != kSentencePieceSpace) {
    return unsupported("the pre-tokenizer Metaspace with a replacement other than U+2581 is not supported");
  }
  is_sentencepiece_ = true;
  spec_.prefix_only_if_missing = true;
  spec_.split_words = flag_of(member(node, "split"), true);
  const Json& scheme = member(node, "prepend_scheme");
  const std::string_view name = text_of(scheme);
  if (scheme.is_null()) {
    const bool prefix = flag_of(member(node, "add_prefix_space"), true);
    spec_.space_prefix = prefix ? SpacePrefix::kAlways : SpacePrefix::kNever;
  } else if (name == "always") {
    spec_.space_prefix = SpacePrefix::kAlways;
  } else if (name == "first") {
    spec_.space_prefix = SpacePrefix::kFirst;
  } else if (name == "never") {
    spec_.space_prefix = SpacePrefix::kNever;
  } else {
    return unsupported("the prepend_scheme ", printable(name), " of Metaspace is not supported");
  }
  return Status::ok();
}

Status PipelineReader::read_post_processor(const Json& node) {
  if (node.is_null()) return Status::ok();
  const std::string_view type = type_of(node);
  if (type == "Sequence") {
    return read_sequence(node, "processors",
                         [this](const Json& child) { return read_post_processor(child); });
  }
  if (type == "ByteLevel") return Status::ok();  // changes offsets only
  if (type == "TemplateProcessing") return read_template_processing(node);
  return unsupported("the post-processor ", printable(type),
                     " is not supported; supported are TemplateProcessing, ByteLevel, Sequence");
}

// single: at most one special token before the text (BOS) and one after it (EOS).
Status PipelineReader::read_template_processing(const Json& node) {
  const Json& single = member(node, "single");
  if (!single.is_array()) return corrupt("TemplateProcessing has no list of parts for a single text");
  bool after_text = false;
  for (const Json& part : single) {
    if (!member(part, "Sequence").is_null()) {
      after_text = true;
      continue;
    }
    const std::string_view name = text_of(member(member(part, "SpecialToken"), "id"));
    const int32_t id = find_token(name);
    if (name.empty() || id < 0) {
      return corrupt("TemplateProcessing adds ", printable(name), ", which is not in the vocabulary");
    }
    bool& adds = after_text ? spec_.add_eos : spec_.add_bos;
    if (adds) return unsupported("a TemplateProcessing that adds two tokens at one end is not supported");
    adds = true;
    (after_text ? spec_.special.eos : spec_.special.bos) = id;
  }
  return Status::ok();
}

// The decoder mirrors the encoder for every supported kind, so that only its kind needs to be known.
Status PipelineReader::read_decoder(const Json& node) const {
  constexpr std::string_view kKnown[] = {"ByteLevel", "ByteFallback", "Fuse",    "Metaspace",
                                         "Replace",   "Strip",        "Sequence"};
  if (node.is_null()) return Status::ok();
  const std::string_view type = type_of(node);
  if (std::find(std::begin(kKnown), std::end(kKnown), type) == std::end(kKnown)) {
    return unsupported("the decoder ", printable(type), " is not supported");
  }
  if (type != "Sequence") return Status::ok();
  const Json& nodes = member(node, "decoders");
  if (!nodes.is_array()) return corrupt("a Sequence has no list of decoders");
  for (const Json& child : nodes) DUNLIN_RETURN_IF_ERROR(read_decoder(child));
  return Status::ok();
}

Status PipelineReader::finish(const Json& model) {
  if (is_byte_level_ == is_sentencepiece_) {
    return unsupported(
        "the pipeline is neither byte-level BPE (a ByteLevel pre-tokenizer) nor SentencePiece (spaces",
        " replaced by U+2581)");
  }
  spec_.model = is_byte_level_ ? TokenizerModel::kByteLevelBpe : TokenizerModel::kSentencePieceBpe;
  if (is_sentencepiece_ && (spec_.nfc || !spec_.splits.empty())) {
    return unsupported("SentencePiece with NFC or with a pre-tokenizer is not supported");
  }
  if (is_byte_level_ && spec_.space_prefix != SpacePrefix::kNever) {
    return unsupported("byte-level BPE with a space prefix is not supported");
  }
  if (is_sentencepiece_ && flag_of(member(model, "byte_fallback"), false)) {
    for (size_t id = 0; id < spec_.tokens.size(); ++id) {
      const std::string_view text = spec_.tokens[id];
      const bool is_byte = text.size() == 6 && text.starts_with("<0x") && text.ends_with('>');
      if (is_byte && spec_.types[id] == TokenType::kNormal) spec_.types[id] = TokenType::kByte;
    }
  }
  const std::string_view unknown = text_of(member(model, "unk_token"));
  if (!unknown.empty()) {
    const int32_t id = find_token(unknown);
    if (id < 0) return corrupt("model.unk_token is ", printable(unknown), ", which is not in the vocabulary");
    spec_.special.unknown = id;
    if (spec_.types[size_t(id)] == TokenType::kNormal) spec_.types[size_t(id)] = TokenType::kUnknown;
  }
  return Status::ok();
}

}  // namespace

Result<TokenizerSpec> read_hf_tokenizer(const HfTokenizerFiles& files) {
  TokenizerSpec spec;
  spec.source = files.source;
  std::string rest;
  DUNLIN_RETURN_IF_ERROR(read_hf_vocabulary(files.tokenizer, spec, rest));
  const Json root = Json::parse(rest, nullptr, /*allow_exceptions=*/false);
  if (!root.is_object()) return Status::corrupt(spec.source, ": tokenizer.json does not hold a JSON object");
  DUNLIN_RETURN_IF_ERROR(PipelineReader(spec).read(root));
  if (!files.tokenizer_config.empty()) {
    DUNLIN_RETURN_IF_ERROR(apply_hf_tokenizer_config(files.tokenizer_config, spec));
  }
  if (!files.generation_config.empty()) {
    DUNLIN_RETURN_IF_ERROR(apply_hf_generation_config(files.generation_config, spec));
  }
  if (!files.chat_template.empty()) {
    std::erase_if(spec.chat_templates, [](const ChatTemplateText& text) { return text.name == "default"; });
    spec.chat_templates.push_back({"default", std::string(files.chat_template)});
  }
  return spec;
}

}  // namespace dunlin
