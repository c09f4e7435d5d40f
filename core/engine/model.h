// Model: an opened model file with its tokenizer and chat template. Immutable after load; share it between
// engines and threads.
#pragma once

#include <memory>
#include <optional>
#include <span>
#include <string>

#include "core/base/log.h"
#include "core/model/model_files.h"
#include "core/text/template/chat_template.h"
#include "core/text/tokenizer.h"

namespace dunlin {

// A conversation in the field's chat format, as JSON texts.
struct ChatTexts {
  std::string_view messages;   // an array of {"role", "content", ...}
  std::string_view tools;      // an array, or empty
  std::string_view variables;  // an object with further variables of the template, or empty
  bool add_generation_prompt = true;
};

class Model {
 public:
  static Result<std::shared_ptr<const Model>> open(const std::string& path, const ModelFileOptions& options,
                                                   const Log& log);
  // A GGUF file in memory, which must outlive the model; name is what errors call it.
  static Result<std::shared_ptr<const Model>> open_bytes(std::span<const uint8_t> bytes,
                                                         const std::string& name,
                                                         const ModelFileOptions& options, const Log& log);

  const ModelFiles& files() const { return files_; }
  const ModelConfig& config() const { return files_.config; }
  const Tokenizer& tokenizer() const { return *tokenizer_; }
  bool has_chat_template() const { return has_chat_template_; }

  // The prompt for a conversation. The text of a message can never become a control token. A template that
  // asks for the date gets the local time.
  Result<std::vector<int32_t>> apply_chat_template(const ChatTexts& chat) const;
  Result<RenderedPrompt> render_chat_template(const ChatTexts& chat) const;

 private:
  static Result<std::shared_ptr<const Model>> finish(ModelFiles files, const Log& log);

  ModelFiles files_;
  std::unique_ptr<const Tokenizer> tokenizer_;
  std::optional<ChatTemplate> chat_template_;
  Status chat_template_error_;  // why there is none, although the file has one
  bool has_chat_template_ = false;
};

}  // namespace dunlin
