#include "core/text/added_tokens.h"

#include <algorithm>

#include "core/model/printable.h"
#include "core/text/unicode.h"
#include "core/text/utf8.h"

namespace dunlin {
namespace {

bool is_continuation(char byte) {
  return (uint8_t(byte) & 0xC0) == 0x80;
}

// The begin of the character that ends before `at` (at > 0, valid UTF-8).
size_t previous_character(std::string_view text, size_t at) {
  do --at;
  while (at > 0 && is_continuation(text[at]));
  return at;
}

size_t skip_spaces(std::string_view text, size_t at) {
  while (at < text.size()) {
    const Utf8Character character = decode_utf8(text.substr(at));
    if (!is_white_space(character.code_point)) break;
    at += character.bytes;
  }
  return at;
}

size_t skip_spaces_back(std::string_view text, size_t at, size_t limit) {
  while (at > limit) {
    const size_t begin = previous_character(text, at);
    if (!is_white_space(decode_utf8(text.substr(begin)).code_point)) break;
    at = begin;
  }
  return at;
}

bool is_word_character(char32_t c) {
  return c == '_' || (class_of(c) & (kClassLetter | kClassNumber)) != 0;
}

bool stands_alone(std::string_view text, size_t begin, size_t end) {
  if (begin > 0) {
    const size_t before = previous_character(text, begin);
    if (is_word_character(decode_utf8(text.substr(before)).code_point)) return false;
  }
  return end == text.size() || !is_word_character(decode_utf8(text.substr(end)).code_point);
}

}  // namespace

Result<AddedTokenMatcher> AddedTokenMatcher::build(std::span<const AddedToken> tokens,
                                                   const Vocabulary& vocabulary, const std::string& source) {
  AddedTokenMatcher matcher;
  matcher.node_of_first_.assign(256, -1);
  for (const AddedToken& added : tokens) {
    const std::string_view spelling = vocabulary.text(added.id);
    if (spelling.empty()) continue;
    if (spelling.size() > kMaxAddedTokenBytes) {
      return Status::unsupported(source, ": the added token ", added.id, " ", printable(spelling), " is ",
                                 spelling.size(), " bytes long; at most ", kMaxAddedTokenBytes,
                                 " are supported");
    }
    if (!is_valid_utf8(spelling)) {
      return Status::corrupt(source, ": the added token ", added.id, " ", printable(spelling),
                             " is not valid UTF-8; no text could hold it");
    }
    matcher.insert(spelling, int32_t(matcher.tokens_.size()));
    matcher.tokens_.push_back({added, vocabulary.type(added.id) == TokenType::kControl});
  }
  return matcher;
}

void AddedTokenMatcher::insert(std::string_view spelling, int32_t token) {
  int32_t node = node_of_first_[uint8_t(spelling[0])];
  if (node < 0) {
    node = node_of_first_[uint8_t(spelling[0])] = int32_t(nodes_.size());
    nodes_.push_back({uint8_t(spelling[0])});
  }
  for (const char c : spelling.substr(1)) {
    int32_t next = child(node, uint8_t(c));
    if (next < 0) {
      next = int32_t(nodes_.size());
      nodes_.push_back({uint8_t(c), -1, -1, nodes_[size_t(node)].first_child});
      nodes_[size_t(node)].first_child = next;
    }
    node = next;
  }
  nodes_[size_t(node)].token = token;
}

int32_t AddedTokenMatcher::child(int32_t node, uint8_t byte) const {
  int32_t at = nodes_[size_t(node)].first_child;
  while (at >= 0 && nodes_[size_t(at)].byte != byte) at = nodes_[size_t(at)].next_sibling;
  return at;
}

AddedTokenMatch AddedTokenMatcher::find(std::string_view text, size_t from,
                                        std::span<const TextRange> trusted) const {
  if (empty()) return {};
  const auto ends_before = [from](const TextRange& range) { return range.end <= from; };
  size_t range = size_t(std::partition_point(trusted.begin(), trusted.end(), ends_before) - trusted.begin());
  for (size_t at = from; at < text.size(); ++at) {
    if (node_of_first_[uint8_t(text[at])] < 0) continue;
    while (range < trusted.size() && trusted[range].end <= at) ++range;
    const bool is_trusted = range < trusted.size() && trusted[range].begin <= at;
    AddedTokenMatch match = match_at(text, at, is_trusted ? trusted[range].end : at);
    if (match.id < 0) continue;
    const AddedToken& added = tokens_[size_t(match.id)].added;
    match.id = added.id;
    if (added.lstrip) match.consumed.begin = skip_spaces_back(text, match.consumed.begin, from);
    if (added.rstrip) match.consumed.end = skip_spaces(text, match.consumed.end);
    return match;
  }
  return {};
}

// The longest token that begins at `at`; its id is the index in tokens_.
AddedTokenMatch AddedTokenMatcher::match_at(std::string_view text, size_t at, size_t trusted_end) const {
  AddedTokenMatch best;
  size_t end = at + 1;
  for (int32_t node = node_of_first_[uint8_t(text[at])]; node >= 0; ++end) {
    const int32_t token = nodes_[size_t(node)].token;
    if (token >= 0) {
      const Token& candidate = tokens_[size_t(token)];
      const bool is_allowed = (!candidate.is_control || end <= trusted_end) &&
                              (!candidate.added.single_word || stands_alone(text, at, end));
      if (is_allowed) best = {token, {at, end}};
    }
    node = end < text.size() ? child(node, uint8_t(text[end])) : -1;
  }
  return best;
}

}  // namespace dunlin
