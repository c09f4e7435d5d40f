#include "flag_names.h"

#include <cctype>
#include <string_view>

namespace dunlin::cli {
namespace {

struct FlagOfField {
  std::string_view field, flag;
};

constexpr FlagOfField kFlags[] = {
    {"n_gpu_layers", "-ngl"},
    {"require_gpu", "--require-gpu"},
    {"n_threads", "-t"},
    {"n_ctx", "-c"},
    {"n_batch", "--batch-size"},
    {"kv_type", "--kv-type"},
    {"top_k", "--top-k"},
    {"top_p", "--top-p"},
    {"min_p", "--min-p"},
    {"repeat_penalty", "--repeat-penalty"},
    {"repeat_last_n", "--repeat-last-n"},
};

bool is_name(char c) {
  return std::isalnum(static_cast<unsigned char>(c)) != 0 || c == '_';
}

}  // namespace

std::string with_flag_names(std::string message) {
  for (const auto& [field, flag] : kFlags) {
    for (size_t at = message.find(field); at != std::string::npos; at = message.find(field, at)) {
      const size_t end = at + field.size();
      const bool is_whole =
          (at == 0 || !is_name(message[at - 1])) && (end == message.size() || !is_name(message[end]));
      if (is_whole) message.replace(at, field.size(), flag);
      at += is_whole ? flag.size() : field.size();
    }
  }
  return message;
}

}  // namespace dunlin::cli
