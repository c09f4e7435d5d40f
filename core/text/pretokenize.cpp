#include "core/text/pretokenize.h"

#include <algorithm>

#include "core/base/check.h"
#include "core/text/split_matchers.h"
#include "core/text/unicode.h"
#include "core/text/utf8.h"

namespace dunlin {
namespace {

// A range of code points.
struct Piece {
  uint32_t begin = 0;
  uint32_t end = 0;
};

struct DecodedText {
  std::string_view bytes;
  std::vector<char32_t> code_points;
  std::vector<uint8_t> classes;
  std::vector<uint32_t> offsets;  // in bytes, by code point, and the end

  explicit DecodedText(std::string_view text) : bytes(text) {
    code_points.reserve(text.size());
    classes.reserve(text.size());
    offsets.reserve(text.size() + 1);
    for (size_t at = 0; at < text.size();) {
      const Utf8Character character = decode_utf8(text.substr(at));
      code_points.push_back(character.code_point);
      classes.push_back(class_of(character.code_point));
      offsets.push_back(uint32_t(at));
      at += character.bytes;
    }
    offsets.push_back(uint32_t(text.size()));
  }

  std::string_view view(const Piece& piece) const {
    return bytes.substr(offsets[piece.begin], offsets[piece.end] - offsets[piece.begin]);
  }
  uint32_t index_of(size_t offset) const {
    return uint32_t(std::lower_bound(offsets.begin(), offsets.end(), uint32_t(offset)) - offsets.begin());
  }
};

// Collects the matches of one step and the text between, as the step wants them kept.
class PieceSink {
 public:
  PieceSink(SplitKeep keep, std::vector<Piece>& out) : keep_(keep), out_(out) {}
  void between(uint32_t begin, uint32_t end) {
    if (begin < end && keep_ != SplitKeep::kMatches) out_.push_back({begin, end});
  }
  void match(uint32_t begin, uint32_t end) {
    if (begin < end && keep_ != SplitKeep::kBetween) out_.push_back({begin, end});
  }

 private:
  SplitKeep keep_;
  std::vector<Piece>& out_;
};

void split_by_rule(SplitRule rule, const DecodedText& text, const Piece& piece, PieceSink& sink) {
  const CodePointSpan span{text.code_points.data() + piece.begin, text.classes.data() + piece.begin,
                           piece.end - piece.begin};
  uint32_t unmatched = piece.begin;
  uint32_t at = piece.begin;
  while (at < piece.end) {
    const uint32_t n = uint32_t(match_split_rule(rule, span, at - piece.begin));
    if (n == 0) {
      ++at;
      continue;
    }
    sink.between(unmatched, at);
    sink.match(at, at + n);
    unmatched = at = at + n;
  }
  sink.between(unmatched, piece.end);
}

Status split_by_regex(const RegexSplitter& regex, const DecodedText& text, const Piece& piece,
                      PieceSink& sink) {
  std::vector<RegexMatch> matches;
  DUNLIN_RETURN_IF_ERROR(regex.find_all(text.view(piece), matches));
  uint32_t unmatched = piece.begin;
  for (const RegexMatch& match : matches) {
    const uint32_t begin = text.index_of(text.offsets[piece.begin] + match.begin);
    const uint32_t end = text.index_of(text.offsets[piece.begin] + match.end);
    sink.between(unmatched, begin);
    sink.match(begin, end);
    unmatched = end;
  }
  sink.between(unmatched, piece.end);
  return Status::ok();
}

}  // namespace

Result<PreTokenizer> PreTokenizer::create(std::span<const SplitStep> steps, const std::string& source) {
  PreTokenizer pretokenizer;
  for (const SplitStep& step : steps) {
    Step& built = pretokenizer.steps_.emplace_back();
    built.rule = step.rule;
    built.keep = step.keep;
    if (step.rule == SplitRule::kRegex) {
      DUNLIN_ASSIGN_OR_RETURN(built.regex, RegexSplitter::compile(step.regex, source));
    }
  }
  return pretokenizer;
}

Status PreTokenizer::split(std::string_view text, std::vector<std::string_view>& out) const {
  DUNLIN_CHECK(text.size() < UINT32_MAX);
  out.clear();
  if (text.empty()) return Status::ok();
  const DecodedText decoded(text);
  std::vector<Piece> pieces = {{0, uint32_t(decoded.code_points.size())}};
  std::vector<Piece> cut;
  for (const Step& step : steps_) {
    cut.clear();
    PieceSink sink(step.keep, cut);
    for (const Piece& piece : pieces) {
      if (step.regex) {
        DUNLIN_RETURN_IF_ERROR(split_by_regex(*step.regex, decoded, piece, sink));
      } else {
        split_by_rule(step.rule, decoded, piece, sink);
      }
    }
    pieces.swap(cut);
  }
  out.reserve(pieces.size());
  for (const Piece& piece : pieces) out.push_back(decoded.view(piece));
  return Status::ok();
}

}  // namespace dunlin
