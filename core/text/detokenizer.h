// Detokenizer: the text of a stream of token ids, in pieces that are valid UTF-8 each. Up to 3 bytes of an
// unfinished character are kept until the next token; a byte that cannot become part of one comes out as
// U+FFFD.
//
// Under SentencePiece one leading space is dropped where the encoder would have put it: at the start of a
// text and after an added token. A stream that goes on from other tokens, as a completion from its prompt, is
// told so by follow(): decoding all of them at once gives the text of the first ones and then this stream's.
//
// Borrows the tokenizer, which must outlive it. One stream, one thread at a time.
#pragma once

#include <cstdint>
#include <span>
#include <string>

#include "core/text/tokenizer.h"
#include "core/text/utf8.h"

namespace dunlin {

struct DetokenizerOptions {
  bool print_control = false;  // control tokens come out as they are spelled
};

class Detokenizer {
 public:
  explicit Detokenizer(const Tokenizer& tokenizer, DetokenizerOptions options = {});

  // The tokens before the stream's first, once and before any push. Prints nothing of them.
  void follow(std::span<const int32_t> ids);

  // Appends what this token makes printable; an id that is no token prints nothing.
  void push(int32_t id, std::string& out);
  std::string push(int32_t id);

  // The end of the stream: what is unfinished now can never be finished.
  void flush(std::string& out);
  std::string flush();

 private:
  void step_over(int32_t id);

  const Tokenizer& tokenizer_;
  Utf8Stream stream_;
  bool print_control_;
  bool drop_space_;  // the next token loses one leading space
  bool at_start_;    // only control tokens so far
};

}  // namespace dunlin
