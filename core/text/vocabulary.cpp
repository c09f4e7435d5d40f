#include "core/text/vocabulary.h"

#include <bit>
#include <functional>
#include <optional>

#include "core/model/printable.h"
#include "core/text/byte_alphabet.h"

namespace dunlin {
namespace {

constexpr size_t kByteTokens = 256;
constexpr uint64_t kMaxTotalBytes = uint64_t(1) << 30;  // of all spellings, so that 32-bit offsets do

// A half-full table needs a few dozen steps at worst; more means spellings made to collide.
constexpr size_t kMaxProbes = 4096;

std::optional<uint8_t> parse_byte_token(std::string_view text) {
  const auto digit = [](char c) -> int {
    if (c >= '0' && c <= '9') return c - '0';
    if (c >= 'A' && c <= 'F') return c - 'A' + 10;
    return -1;
  };
  if (text.size() != 6 || !text.starts_with("<0x") || text[5] != '>') return std::nullopt;
  const int high = digit(text[3]);
  const int low = digit(text[4]);
  if (high < 0 || low < 0) return std::nullopt;
  return uint8_t(high * 16 + low);
}

void append_with_spaces(std::string_view text, std::string& out) {
  for (size_t at = 0; at < text.size();) {
    if (text.substr(at).starts_with(kSentencePieceSpace)) {
      out += ' ';
      at += kSentencePieceSpace.size();
    } else {
      out += text[at++];
    }
  }
}

Status check_lengths(const TokenizerSpec& spec) {
  const size_t n = spec.tokens.size();
  if (n == 0 || n > kMaxTokenizerTokens) {
    return Status::corrupt(spec.source, ": the tokenizer has ", n, " tokens; 1 to ", kMaxTokenizerTokens,
                           " expected");
  }
  if (spec.types.size() != n) {
    return Status::corrupt(spec.source, ": the tokenizer has ", n, " tokens, but ", spec.types.size(),
                           " token types; as many expected");
  }
  if (!spec.scores.empty() && spec.scores.size() != n) {
    return Status::corrupt(spec.source, ": the tokenizer has ", n, " tokens, but ", spec.scores.size(),
                           " scores; as many expected");
  }
  uint64_t total = 0;
  for (size_t id = 0; id < n; ++id) {
    const size_t bytes = spec.tokens[id].size();
    if (bytes > kMaxTokenBytes) {
      return Status::corrupt(spec.source, ": token ", id, " is ", bytes, " bytes long; at most ",
                             kMaxTokenBytes, " expected");
    }
    total += bytes;
    const int type = int(spec.types[id]);
    if (type < int(TokenType::kNormal) || type > int(TokenType::kByte)) {
      return Status::corrupt(spec.source, ": token ", id, " has the type ", type, "; 1 to 6 expected");
    }
  }
  if (total > kMaxTotalBytes) {
    return Status::corrupt(spec.source, ": the tokens are ", total, " bytes together; at most ",
                           kMaxTotalBytes, " expected");
  }
  return Status::ok();
}

uint32_t hash_of(std::string_view text) {
  return uint32_t(std::hash<std::string_view>{}(text));
}

}  // namespace

Result<Vocabulary> Vocabulary::build(const TokenizerSpec& spec) {
  DUNLIN_RETURN_IF_ERROR(check_lengths(spec));
  Vocabulary vocabulary;
  const size_t n = spec.tokens.size();
  vocabulary.types_ = spec.types;
  vocabulary.text_ends_.reserve(n);
  vocabulary.piece_ends_.reserve(n);
  vocabulary.slots_.resize(std::bit_ceil(2 * n));
  for (const std::string& token : spec.tokens) {
    vocabulary.texts_ += token;
    vocabulary.text_ends_.push_back(uint32_t(vocabulary.texts_.size()));
    vocabulary.longest_token_bytes_ = std::max(vocabulary.longest_token_bytes_, token.size());
  }
  for (int32_t id = 0; size_t(id) < n; ++id) {
    // Ids that a file leaves out have no spelling, and any number of them may have none.
    const bool is_hole = vocabulary.type(id) == TokenType::kUnused && vocabulary.text(id).empty();
    if (!is_hole) DUNLIN_RETURN_IF_ERROR(vocabulary.insert(id, spec.source));
  }
  DUNLIN_RETURN_IF_ERROR(vocabulary.check_byte_tokens(spec.source));
  for (int32_t id = 0; size_t(id) < n; ++id) vocabulary.append_piece(id, spec.model);
  return vocabulary;
}

Status Vocabulary::insert(int32_t id, const std::string& source) {
  const std::string_view spelling = text(id);
  const uint32_t hash = hash_of(spelling);
  const size_t mask = slots_.size() - 1;
  size_t at = hash & mask;
  for (size_t probes = 0; slots_[at].id >= 0; at = (at + 1) & mask) {
    if (slots_[at].hash == hash && text(slots_[at].id) == spelling) {
      return Status::corrupt(source, ": tokens ", slots_[at].id, " and ", id, " are both spelled ",
                             printable(spelling), "; the vocabulary is damaged");
    }
    if (++probes > kMaxProbes) {
      return Status::corrupt(source, ": the spellings of the tokens collide, as if made to stall the loader");
    }
  }
  slots_[at] = {hash, id};
  return Status::ok();
}

Status Vocabulary::check_byte_tokens(const std::string& source) {
  size_t count = 0;
  for (int32_t id = 0; size_t(id) < size(); ++id) {
    if (type(id) != TokenType::kByte) continue;
    const auto byte = parse_byte_token(text(id));
    if (!byte) {
      return Status::corrupt(source, ": token ", id, " is a byte token, but spelled ", printable(text(id)),
                             "; <0x00> to <0xFF> expected");
    }
    if (byte_tokens_.empty()) byte_tokens_.assign(kByteTokens, -1);
    byte_tokens_[*byte] = id;
    ++count;
  }
  if (count != 0 && count != kByteTokens) {
    return Status::corrupt(source, ": the vocabulary has ", count, " byte tokens; 256 or none expected");
  }
  return Status::ok();
}

void Vocabulary::append_piece(int32_t id, TokenizerModel model) {
  const std::string_view spelling = text(id);
  if (type(id) == TokenType::kByte) {
    pieces_ += char(*parse_byte_token(spelling));
  } else if (model == TokenizerModel::kSentencePieceBpe) {
    append_with_spaces(spelling, pieces_);
  } else if (type(id) != TokenType::kNormal || !append_spelled_bytes(spelling, pieces_)) {
    pieces_ += spelling;  // added tokens are spelled in plain text
  }
  piece_ends_.push_back(uint32_t(pieces_.size()));
}

int32_t Vocabulary::find(std::string_view spelling) const {
  if (slots_.empty()) return -1;
  const uint32_t hash = hash_of(spelling);
  const size_t mask = slots_.size() - 1;
  for (size_t at = hash & mask; slots_[at].id >= 0; at = (at + 1) & mask) {
    if (slots_[at].hash == hash && text(slots_[at].id) == spelling) return slots_[at].id;
  }
  return -1;
}

int32_t Vocabulary::find_plain(std::string_view spelling) const {
  const int32_t id = find(spelling);
  return id >= 0 && is_plain(id) ? id : -1;
}

}  // namespace dunlin
