#include "tools/synth/tokenizer.h"

#include <string>
#include <vector>

#include "core/text/byte_alphabet.h"

namespace dunlin {
namespace {

constexpr const char* kControlTokens[] = {"<|endoftext|>", "<|im_start|>", "<|im_end|>"};
constexpr const char* kChatMl =
    "{% for message in messages %}{{'<|im_start|>' + message['role'] + '\\n' + message['content'] + "
    "'<|im_end|>' + "
    "'\\n'}}{% endfor %}{% if add_generation_prompt %}{{ '<|im_start|>assistant\\n' }}{% endif %}";
constexpr int32_t kNormal = 1;  // values of tokenizer.ggml.token_type
constexpr int32_t kControl = 3;

struct Words {
  std::vector<std::string> tokens, merges;
};

// Bytes first, then words by length until there are n tokens.
Words make_words(size_t n) {
  Words words;
  for (int byte = 0; byte < 256; ++byte) {
    const char raw = char(byte);
    append_spelling({&raw, 1}, words.tokens.emplace_back());
  }
  std::vector<std::string> shorter;
  for (char c = 'a'; c <= 'z'; ++c) shorter.emplace_back(1, c);
  while (words.tokens.size() < n) {
    std::vector<std::string> longer;
    for (const std::string& prefix : shorter) {
      for (char c = 'a'; c <= 'z' && words.tokens.size() < n; ++c) {
        longer.push_back(prefix + c);
        words.tokens.push_back(longer.back());
        words.merges.push_back(prefix + ' ' + c);
      }
    }
    shorter = std::move(longer);
  }
  return words;
}

}  // namespace

void set_synthetic_tokenizer(GgufWriter& writer, const ModelShape& shape) {
  const auto n_vocab = size_t(shape.n_vocab);
  const size_t n_words = n_vocab - std::size(kControlTokens);
  Words words = make_words(n_words);
  std::vector<int32_t> types(n_words, kNormal);
  for (const char* token : kControlTokens) {
    words.tokens.emplace_back(token);
    types.push_back(kControl);
  }
  const bool is_qwen = std::string_view(shape.architecture) == "qwen2";
  writer.set_string("tokenizer.ggml.model", "gpt2");
  writer.set_string("tokenizer.ggml.pre", is_qwen ? "qwen2" : "llama-bpe");
  writer.set_string_array("tokenizer.ggml.tokens",
                          std::vector<std::string_view>(words.tokens.begin(), words.tokens.end()));
  writer.set_i32_array("tokenizer.ggml.token_type", types);
  writer.set_string_array("tokenizer.ggml.merges",
                          std::vector<std::string_view>(words.merges.begin(), words.merges.end()));
  writer.set_u32("tokenizer.ggml.bos_token_id", uint32_t(n_words));
  writer.set_u32("tokenizer.ggml.eos_token_id", uint32_t(n_words + 2));
  writer.set_bool("tokenizer.ggml.add_bos_token", false);
  writer.set_string("tokenizer.chat_template", kChatMl);
}

}  // namespace dunlin
