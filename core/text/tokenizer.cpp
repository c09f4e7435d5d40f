#include "core/text/tokenizer.h"

#include <algorithm>

#include "core/text/detokenizer.h"
#include "core/text/unicode.h"
#include "core/text/utf8.h"

namespace dunlin {
namespace {

// Added tokens that end a generation whatever else the file says. Plain tokens do not count: Qwen's
// vocabulary has
// "</s>" as a piece of HTML.
constexpr std::string_view kEndSpellings[] = {
    "<|eot_id|>",  "<|im_end|>",    "<|end|>",      "<|endoftext|>", "<|end_of_text|>",
    "<|eom_id|>",  "<end_of_turn>", "</s>",         "<EOT>",         "[EOS]",
    "<|fim_pad|>", "<|repo_name|>", "<|file_sep|>",
};

std::string escape_spaces(std::string_view text, bool with_prefix) {
  std::string out;
  out.reserve(text.size() + text.size() / 2);
  if (with_prefix) out += kSentencePieceSpace;
  for (const char c : text) {
    if (c == ' ') {
      out += kSentencePieceSpace;
    } else {
      out += c;
    }
  }
  return out;
}

struct JoinedText {
  std::string text;
  std::vector<TextRange> trusted;  // rising, apart
};

// One valid text of all segments.
Result<JoinedText> join(std::span<const TextSegment> segments) {
  uint64_t bytes = 0;
  for (const TextSegment& segment : segments) {
    bytes += std::min<uint64_t>(segment.text.size(), kMaxEncodeBytes + 1);
    if (bytes > kMaxEncodeBytes) {
      return Status::exhausted("the text to tokenize is longer than ", kMaxEncodeBytes,
                               " bytes; send it in parts");
    }
  }
  JoinedText joined;
  joined.text.reserve(bytes);
  for (const TextSegment& segment : segments) {
    const size_t begin = joined.text.size();
    if (is_valid_utf8(segment.text)) {
      joined.text += segment.text;
    } else {
      joined.text += replace_invalid_utf8(segment.text);
    }
    if (!segment.is_template || joined.text.size() == begin) continue;
    if (!joined.trusted.empty() && joined.trusted.back().end == begin) {
      joined.trusted.back().end = joined.text.size();
    } else {
      joined.trusted.push_back({begin, joined.text.size()});
    }
  }
  return joined;
}

}  // namespace

// The working memory of one encode() call.
struct Tokenizer::Job {
  std::vector<int32_t> ids;
  BpeScratch scratch;
  std::vector<std::string_view> pretokens;
};

Result<std::unique_ptr<const Tokenizer>> Tokenizer::create(TokenizerSpec spec) {
  std::unique_ptr<Tokenizer> tokenizer(new Tokenizer);
  DUNLIN_RETURN_IF_ERROR(tokenizer->build(std::move(spec)));
  return std::unique_ptr<const Tokenizer>(std::move(tokenizer));
}

Status Tokenizer::build(TokenizerSpec spec) {
  source_ = spec.source;
  model_ = spec.model;
  space_prefix_ = spec.space_prefix;
  prefix_only_if_missing_ = spec.prefix_only_if_missing;
  split_words_ = spec.split_words;
  nfc_ = spec.nfc;
  DUNLIN_ASSIGN_OR_RETURN(vocabulary_, Vocabulary::build(spec));
  DUNLIN_RETURN_IF_ERROR(build_special_ids(spec));

  is_added_.assign(vocabulary_.size(), false);
  std::vector<AddedToken> raw;
  std::vector<AddedToken> normalized;
  for (const AddedToken& added : spec.added) {
    if (!vocabulary_.contains(added.id)) {
      return Status::corrupt(source_, ": an added token has the id ", added.id,
                             ", outside of the vocabulary of ", vocabulary_.size(), " tokens");
    }
    is_added_[size_t(added.id)] = true;
    const bool is_control = vocabulary_.type(added.id) == TokenType::kControl;
    (nfc_ && added.normalized && !is_control ? normalized : raw).push_back(added);
  }
  DUNLIN_ASSIGN_OR_RETURN(raw_added_, AddedTokenMatcher::build(raw, vocabulary_, source_));
  DUNLIN_ASSIGN_OR_RETURN(normalized_added_, AddedTokenMatcher::build(normalized, vocabulary_, source_));

  if (model_ == TokenizerModel::kByteLevelBpe) {
    DUNLIN_ASSIGN_OR_RETURN(pretokenizer_, PreTokenizer::create(spec.splits, source_));
    DUNLIN_ASSIGN_OR_RETURN(bpe_, make_byte_level_bpe(spec, vocabulary_));
  } else {
    DUNLIN_ASSIGN_OR_RETURN(bpe_, make_sentencepiece_bpe(spec, vocabulary_));
  }
  return Status::ok();
}

Status Tokenizer::build_special_ids(const TokenizerSpec& spec) {
  special_ = spec.special;
  const struct {
    const char* name;
    int32_t id;
  } ids[] = {
      {"bos", special_.bos},
      {"eos", special_.eos},
      {"eot", special_.eot},
      {"eom", special_.eom},
      {"unknown", special_.unknown},
      {"padding", special_.padding},
      {"fim_prefix", special_.fim_prefix},
      {"fim_suffix", special_.fim_suffix},
      {"fim_middle", special_.fim_middle},
  };
  for (const auto& [name, id] : ids) {
    if (id == -1 || vocabulary_.contains(id)) continue;
    return Status::corrupt(source_, ": the ", name, " token has the id ", id,
                           ", outside of the vocabulary of ", vocabulary_.size(), " tokens");
  }
  if ((spec.add_bos && special_.bos < 0) || (spec.add_eos && special_.eos < 0)) {
    return Status::corrupt(source_, ": the tokenizer adds a ",
                           special_.bos < 0 && spec.add_bos ? "bos" : "eos", " token, but names none");
  }
  add_bos_ = spec.add_bos;
  add_eos_ = spec.add_eos;

  end_of_generation_ = {special_.eos, special_.eot, special_.eom};
  for (const int32_t id : spec.end_of_generation) {
    if (!vocabulary_.contains(id)) {
      return Status::corrupt(source_, ": an end-of-generation token has the id ", id,
                             ", outside of the vocabulary of ", vocabulary_.size(), " tokens");
    }
    end_of_generation_.push_back(id);
  }
  for (const std::string_view spelling : kEndSpellings) {
    const int32_t id = vocabulary_.find(spelling);
    if (id >= 0 && vocabulary_.type(id) != TokenType::kNormal) end_of_generation_.push_back(id);
  }
  std::sort(end_of_generation_.begin(), end_of_generation_.end());
  end_of_generation_.erase(std::unique(end_of_generation_.begin(), end_of_generation_.end()),
                           end_of_generation_.end());
  std::erase(end_of_generation_, -1);
  return Status::ok();
}

Result<std::vector<int32_t>> Tokenizer::encode(std::string_view text, EncodeOptions options) const {
  const TextSegment segment{text, options.parse_special};
  return run({&segment, 1}, options.add_special, options.add_special && !options.is_prompt);
}

Result<std::vector<int32_t>> Tokenizer::encode_marked(std::span<const TextSegment> segments,
                                                      bool add_bos) const {
  return run(segments, add_bos, /*add_eos=*/false);
}

// add_bos, add_eos: where the model adds them.
Result<std::vector<int32_t>> Tokenizer::run(std::span<const TextSegment> segments, bool add_bos,
                                            bool add_eos) const {
  DUNLIN_ASSIGN_OR_RETURN(const JoinedText text, join(segments));
  Job job;
  DUNLIN_RETURN_IF_ERROR(encode_cut(job, text.text, raw_added_, text.trusted, /*normalized=*/false));
  const bool has_bos = !job.ids.empty() && job.ids.front() == special_.bos;
  if (add_bos && add_bos_ && !has_bos) job.ids.insert(job.ids.begin(), special_.bos);
  if (add_eos && add_eos_) job.ids.push_back(special_.eos);
  return std::move(job.ids);
}

// Cuts the text at the matcher's tokens and encodes what lies between. Runs twice with NFC: over the text as
// it is, and over each normalized piece, for the tokens that want to be looked for there.
Status Tokenizer::encode_cut(Job& job, std::string_view text, const AddedTokenMatcher& matcher,
                             std::span<const TextRange> trusted, bool normalized) const {
  const auto encode_between = [&](size_t begin, size_t end) {
    const std::string_view piece = text.substr(begin, end - begin);
    if (piece.empty()) return Status::ok();
    const bool is_raw_of_nfc = nfc_ && !normalized;
    if (!is_raw_of_nfc) return encode_piece(job, piece, begin == 0);
    if (!may_need_nfc(piece)) return encode_cut(job, piece, normalized_added_, {}, /*normalized=*/true);
    return encode_cut(job, to_nfc(piece), normalized_added_, {}, /*normalized=*/true);
  };
  size_t done = 0;
  while (done < text.size()) {
    const AddedTokenMatch match = matcher.find(text, done, trusted);
    if (match.id < 0) break;
    DUNLIN_RETURN_IF_ERROR(encode_between(done, match.consumed.begin));
    job.ids.push_back(match.id);
    done = match.consumed.end;
  }
  return encode_between(done, text.size());
}

Status Tokenizer::encode_piece(Job& job, std::string_view piece, bool at_start) const {
  if (model_ == TokenizerModel::kSentencePieceBpe) {
    encode_sentencepiece(job, piece, at_start);
    return Status::ok();
  }
  DUNLIN_RETURN_IF_ERROR(pretokenizer_.split(piece, job.pretokens));
  for (const std::string_view pretoken : job.pretokens) bpe_->encode(pretoken, job.scratch, job.ids);
  return Status::ok();
}

void Tokenizer::encode_sentencepiece(Job& job, std::string_view piece, bool at_start) const {
  const bool begins_with_space = piece.starts_with(' ') || piece.starts_with(kSentencePieceSpace);
  const bool wants_prefix =
      space_prefix_ == SpacePrefix::kAlways || (space_prefix_ == SpacePrefix::kFirst && at_start);
  const std::string escaped =
      escape_spaces(piece, wants_prefix && !(prefix_only_if_missing_ && begins_with_space));
  if (!split_words_) {
    bpe_->encode(escaped, job.scratch, job.ids);
    return;
  }
  for (size_t begin = 0; begin < escaped.size();) {
    const size_t end = std::min(escaped.find(kSentencePieceSpace, begin + 1), escaped.size());
    bpe_->encode(std::string_view(escaped).substr(begin, end - begin), job.scratch, job.ids);
    begin = end;
  }
}

std::string Tokenizer::decode(std::span<const int32_t> ids, bool print_control) const {
  Detokenizer detokenizer(*this, {.print_control = print_control});
  std::string out;
  for (const int32_t id : ids) detokenizer.push(id, out);
  detokenizer.flush(out);
  return out;
}

std::string_view Tokenizer::token_text(int32_t id) const {
  return vocabulary_.contains(id) ? vocabulary_.text(id) : std::string_view();
}

std::string_view Tokenizer::piece(int32_t id) const {
  return vocabulary_.contains(id) ? vocabulary_.piece(id) : std::string_view();
}

bool Tokenizer::is_control(int32_t id) const {
  if (!vocabulary_.contains(id)) return true;
  const TokenType type = vocabulary_.type(id);
  return type == TokenType::kControl || type == TokenType::kUnknown || type == TokenType::kUnused;
}

bool Tokenizer::is_added(int32_t id) const {
  return vocabulary_.contains(id) && is_added_[size_t(id)];
}

bool Tokenizer::is_end_of_generation(int32_t id) const {
  return std::binary_search(end_of_generation_.begin(), end_of_generation_.end(), id);
}

}  // namespace dunlin
