#include "core/text/regex_splitter.h"

#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>

#include "core/model/printable.h"
#include "core/text/utf8.h"

namespace dunlin {
namespace {

constexpr size_t kMaxRegexBytes = 8 * 1024;
constexpr uint32_t kMaxNesting = 64;
// Per match; published expressions need a few dozen steps.
constexpr uint32_t kMaxMatchSteps = 10'000'000;
constexpr uint32_t kMaxDepth = 100'000;
constexpr uint32_t kMaxHeapKib = 64 * 1024;
// PCRE2 does not count how far a repetition runs, so that a failing x+ at each place of a text of n x's is
// free, and takes n^2 time. A callout between any two items of the expression adds these moves up, over all
// of a text.
constexpr uint64_t kMovesPerByte = 128;
constexpr uint64_t kMovesOfAnyText = 1'000'000;

struct MoveBudget {
  uint64_t left = 0;
  uint64_t position = 0;
};

int count_moves(pcre2_callout_block* block, void* user_data) {
  MoveBudget& budget = *static_cast<MoveBudget*>(user_data);
  const uint64_t now = block->current_position;
  const uint64_t moved = 1 + (now > budget.position ? now - budget.position : budget.position - now);
  if (moved > budget.left) return PCRE2_ERROR_MATCHLIMIT;
  budget.left -= moved;
  budget.position = now;
  return 0;
}

struct CodeDeleter {
  void operator()(pcre2_code* code) const { pcre2_code_free(code); }
};
struct CompileContextDeleter {
  void operator()(pcre2_compile_context* context) const { pcre2_compile_context_free(context); }
};
struct MatchContextDeleter {
  void operator()(pcre2_match_context* context) const { pcre2_match_context_free(context); }
};
struct MatchDataDeleter {
  void operator()(pcre2_match_data* data) const { pcre2_match_data_free(data); }
};

std::string error_text(int code) {
  PCRE2_UCHAR buffer[256] = {};
  pcre2_get_error_message(code, buffer, sizeof buffer);
  return reinterpret_cast<const char*>(buffer);
}

class Pcre2Splitter final : public RegexSplitter {
 public:
  Pcre2Splitter(std::unique_ptr<pcre2_code, CodeDeleter> code,
                std::unique_ptr<pcre2_match_context, MatchContextDeleter> context, std::string name)
      : code_(std::move(code)), context_(std::move(context)), name_(std::move(name)) {}

  Status find_all(std::string_view text, std::vector<RegexMatch>& out) const override {
    out.clear();
    const std::unique_ptr<pcre2_match_data, MatchDataDeleter> data(
        pcre2_match_data_create_from_pattern(code_.get(), nullptr));
    const std::unique_ptr<pcre2_match_context, MatchContextDeleter> context(
        pcre2_match_context_copy(context_.get()));
    if (!data || !context) return Status::exhausted(name_, ": no memory to match it");
    MoveBudget budget{kMovesOfAnyText + kMovesPerByte * text.size()};
    pcre2_set_callout(context.get(), &count_moves, &budget);
    for (size_t at = 0; at < text.size();) {
      const int rc = pcre2_match(code_.get(), reinterpret_cast<PCRE2_SPTR>(text.data()), text.size(), at,
                                 PCRE2_NO_UTF_CHECK, data.get(), context.get());
      if (rc == PCRE2_ERROR_NOMATCH) break;
      if (rc < 0) {
        return Status::invalid(name_, ": the text cannot be split: ", error_text(rc),
                               "; send a shorter or simpler text");
      }
      const PCRE2_SIZE* const range = pcre2_get_ovector_pointer(data.get());
      // \K and look-behind can put the begin anywhere.
      if (range[0] < at || range[1] < range[0] || range[1] > text.size()) {
        return Status::unsupported(name_, ": its matches overlap");
      }
      if (range[1] > range[0]) {
        out.push_back({range[0], range[1]});
        at = range[1];
      } else if (range[0] < text.size()) {
        at = range[0] + decode_utf8(text.substr(range[0])).bytes;
      } else {
        break;
      }
    }
    return Status::ok();
  }

 private:
  std::unique_ptr<pcre2_code, CodeDeleter> code_;
  std::unique_ptr<pcre2_match_context, MatchContextDeleter> context_;
  std::string name_;
};

}  // namespace

Result<std::shared_ptr<const RegexSplitter>> RegexSplitter::compile(std::string_view regex,
                                                                    const std::string& source) {
  const std::string name = str_cat(source, ": the pre-tokenizer's expression ", printable(regex));
  if (regex.size() > kMaxRegexBytes) {
    return Status::unsupported(name, " is ", regex.size(), " bytes long; at most ", kMaxRegexBytes,
                               " are supported");
  }
  // Oniguruma reads these as operators on character classes, PCRE2 as plain characters.
  if (regex.find("&&") != regex.npos || regex.find("[[") != regex.npos) {
    return Status::unsupported(name, " uses operators on character classes, which are not supported");
  }
  const std::unique_ptr<pcre2_compile_context, CompileContextDeleter> compile_context(
      pcre2_compile_context_create(nullptr));
  std::unique_ptr<pcre2_match_context, MatchContextDeleter> match_context(
      pcre2_match_context_create(nullptr));
  if (!compile_context || !match_context) return Status::exhausted(name, ": no memory to compile it");
  pcre2_set_parens_nest_limit(compile_context.get(), kMaxNesting);
  pcre2_set_match_limit(match_context.get(), kMaxMatchSteps);
  pcre2_set_depth_limit(match_context.get(), kMaxDepth);
  pcre2_set_heap_limit(match_context.get(), kMaxHeapKib);

  int error = 0;
  PCRE2_SIZE offset = 0;
  std::unique_ptr<pcre2_code, CodeDeleter> code(
      pcre2_compile(reinterpret_cast<PCRE2_SPTR>(regex.data()), regex.size(),
                    PCRE2_UTF | PCRE2_UCP | PCRE2_NEVER_BACKSLASH_C | PCRE2_AUTO_CALLOUT, &error, &offset,
                    compile_context.get()));
  if (!code) {
    return Status::unsupported(name, " does not compile: ", error_text(error), " at offset ", offset);
  }
  return std::shared_ptr<const RegexSplitter>(
      std::make_shared<Pcre2Splitter>(std::move(code), std::move(match_context), name));
}

}  // namespace dunlin
