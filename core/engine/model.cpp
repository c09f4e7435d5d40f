#include "core/engine/model.h"

#include "core/text/template/json.h"
#include "core/text/tokenizer_gguf.h"
#include "core/text/tokenizer_json.h"
#include "platforms/local_time.h"

namespace dunlin {
namespace {

Result<TokenizerSpec> read_tokenizer(const ModelFiles& files, const Log& log) {
  if (files.gguf() != nullptr) return read_gguf_tokenizer(*files.gguf(), log);
  const HuggingFaceTexts& t = files.texts;
  return read_hf_tokenizer({t.tokenizer_json, t.tokenizer_config_json, t.generation_config_json,
                            t.chat_template_jinja, files.path});
}

const std::string* find_template(const TokenizerSpec& spec, std::string_view name) {
  for (const ChatTemplateText& t : spec.chat_templates)
    if (t.name == name) return &t.text;
  return nullptr;
}

Result<jinja::Value> parse_part(std::string_view json, const char* name) {
  auto value = jinja::parse_json(json);
  if (!value.is_ok()) return value.status().with_context(name);
  return value;
}

}  // namespace

Result<std::shared_ptr<const Model>> Model::open(const std::string& path, const ModelFileOptions& options,
                                                 const Log& log) {
  DUNLIN_ASSIGN_OR_RETURN(ModelFiles files, open_model_files(path, log, options));
  return finish(std::move(files), log);
}

Result<std::shared_ptr<const Model>> Model::open_bytes(std::span<const uint8_t> bytes,
                                                       const std::string& name,
                                                       const ModelFileOptions& options, const Log& log) {
  DUNLIN_ASSIGN_OR_RETURN(ModelFiles files, open_model_bytes(bytes, name, log, options));
  return finish(std::move(files), log);
}

Result<std::shared_ptr<const Model>> Model::finish(ModelFiles files, const Log& log) {
  const auto model = std::make_shared<Model>();
  DUNLIN_ASSIGN_OR_RETURN(TokenizerSpec spec, read_tokenizer(files, log));
  if (int64_t(spec.tokens.size()) > files.config.n_vocab)
    return Status::corrupt(files.path, ": the tokenizer has ", spec.tokens.size(),
                           " tokens, but the embedding only ", files.config.n_vocab,
                           " rows; tokenizer and weights are not of the same model");
  const std::string* source = find_template(spec, "default");
  model->has_chat_template_ = source != nullptr;
  if (source == nullptr) log.debug(files.path, ": no chat template; chats use ChatML");
  Result<ChatTemplate> parsed = ChatTemplate::parse(source == nullptr ? default_chat_template() : *source);
  // A template that cannot be read takes away chat, not the model.
  if (parsed.is_ok())
    model->chat_template_ = std::move(parsed).value();
  else
    model->chat_template_error_ = parsed.status().with_context(str_cat(files.path, ": chat template"));
  DUNLIN_ASSIGN_OR_RETURN(model->tokenizer_, Tokenizer::create(std::move(spec)));
  model->files_ = std::move(files);
  return std::shared_ptr<const Model>(model);
}

Result<RenderedPrompt> Model::render_chat_template(const ChatTexts& chat) const {
  if (!chat_template_) return chat_template_error_;
  ChatInput input;
  DUNLIN_ASSIGN_OR_RETURN(input.messages, parse_part(chat.messages, "messages"));
  if (!chat.tools.empty()) {
    DUNLIN_ASSIGN_OR_RETURN(input.tools, parse_part(chat.tools, "tools"));
  }
  if (!chat.variables.empty()) {
    DUNLIN_ASSIGN_OR_RETURN(input.extra, parse_part(chat.variables, "template variables"));
  }
  input.add_generation_prompt = chat.add_generation_prompt;
  input.bos_token = tokenizer_->token_text(tokenizer_->bos());
  input.eos_token = tokenizer_->token_text(tokenizer_->eos());
  input.local_time = local_time();
  return chat_template_->render(input);
}

Result<std::vector<int32_t>> Model::apply_chat_template(const ChatTexts& chat) const {
  DUNLIN_ASSIGN_OR_RETURN(const RenderedPrompt prompt, render_chat_template(chat));
  std::vector<TextSegment> marked;
  for (const auto& s : prompt.segments)
    marked.push_back({std::string_view(prompt.text).substr(s.offset, s.length), s.is_template});
  return tokenizer_->encode_marked(marked);
}

}  // namespace dunlin
