#include "core/text/detokenizer.h"

namespace dunlin {

Detokenizer::Detokenizer(const Tokenizer& tokenizer, DetokenizerOptions options)
    : tokenizer_(tokenizer),
      print_control_(options.print_control),
      drop_space_(tokenizer.space_prefix() != SpacePrefix::kNever),
      at_start_(true) {}

void Detokenizer::follow(std::span<const int32_t> ids) {
  for (const int32_t id : ids) step_over(id);
}

// What a token says about the space of the next.
void Detokenizer::step_over(int32_t id) {
  if (!tokenizer_.is_added(id) && !tokenizer_.is_control(id)) {
    drop_space_ = false;
    at_start_ = false;
    return;
  }
  at_start_ = at_start_ && tokenizer_.is_control(id);
  const SpacePrefix prefix = tokenizer_.space_prefix();
  drop_space_ = prefix == SpacePrefix::kAlways || (prefix == SpacePrefix::kFirst && at_start_);
}

void Detokenizer::push(int32_t id, std::string& out) {
  std::string_view piece = tokenizer_.piece(id);
  const bool is_text = !tokenizer_.is_added(id) && !tokenizer_.is_control(id);
  if (is_text && drop_space_ && piece.starts_with(' ')) piece.remove_prefix(1);
  step_over(id);
  if (print_control_ || !tokenizer_.is_control(id)) stream_.push(piece, out);
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
