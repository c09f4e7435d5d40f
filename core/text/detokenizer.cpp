#include "core/text/detokenizer.h"

namespace dunlin {

Detokenizer::Detokenizer(const Tokenizer& tokenizer, DetokenizerOptions options)
    : tokenizer_(tokenizer),
      print_control_(options.print_control),
      drop_space_(options.at_text_start && tokenizer.space_prefix() != SpacePrefix::kNever),
      at_start_(options.at_text_start) {}

void Detokenizer::push(int32_t id, std::string& out) {
  std::string_view piece = tokenizer_.piece(id);
  if (tokenizer_.is_added(id) || tokenizer_.is_control(id)) {
    at_start_ = at_start_ && tokenizer_.is_control(id);
    const SpacePrefix prefix = tokenizer_.space_prefix();
    drop_space_ = prefix == SpacePrefix::kAlways || (prefix == SpacePrefix::kFirst && at_start_);
    if (tokenizer_.is_control(id) && !print_control_) return;
  } else {
    if (drop_space_ && piece.starts_with(' ')) piece.remove_prefix(1);
    drop_space_ = false;
    at_start_ = false;
  }
  stream_.push(piece, out);
}

std::string Detokenizer::push(int32_t id) {
  std::string out;
  push(id, out);
  return out;
}

void Detokenizer::flush(std::string& out) {
  stream_.flush(out);
}

std::string Detokenizer::flush() {
  std::string out;
  flush(out);
  return out;
}

}  // namespace dunlin
