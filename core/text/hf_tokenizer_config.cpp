#include "core/text/hf_tokenizer_config.h"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "core/model/json_check.h"
#include "core/model/printable.h"

namespace dunlin {
namespace {

using Json = nlohmann::json;

Result<Json> parse_object(std::string_view text, const std::string& source) {
  DUNLIN_RETURN_IF_ERROR(check_json(text, source));
  Json json = Json::parse(text, nullptr, /*allow_exceptions=*/false);
  if (!json.is_object()) return Status::corrupt(source, " does not hold a JSON object");
  return json;
}

// A missing key and null are the same.
const Json* find(const Json& object, const char* key) {
  const auto at = object.find(key);
  return at == object.end() || at->is_null() ? nullptr : &*at;
}

// A special token is a text or an object that has it as content.
Status read_token(const Json& config, const char* key, const std::string& source, const TokenizerSpec& spec,
                  int32_t& id) {
  const Json* token = find(config, key);
  if (token != nullptr && token->is_object()) token = find(*token, "content");
  if (token == nullptr) return Status::ok();
  if (!token->is_string()) return Status::corrupt(source, ": ", key, " is neither a text nor an object");
  const std::string& text = token->get_ref<const std::string&>();
  const auto at = std::find(spec.tokens.begin(), spec.tokens.end(), text);
  if (at == spec.tokens.end()) {
    return Status::corrupt(source, ": ", key, " is ", printable(text), ", which is not in the vocabulary");
  }
  id = int32_t(at - spec.tokens.begin());
  return Status::ok();
}

Status read_bool(const Json& config, const char* key, const std::string& source, bool& out) {
  const Json* value = find(config, key);
  if (value == nullptr) return Status::ok();
  if (!value->is_boolean()) return Status::corrupt(source, ": ", key, " is neither true nor false");
  out = value->get<bool>();
  return Status::ok();
}

Status read_chat_templates(const Json& config, const std::string& source, TokenizerSpec& spec) {
  const Json* templates = find(config, "chat_template");
  if (templates == nullptr) return Status::ok();
  if (templates->is_string()) {
    spec.chat_templates.push_back({"default", templates->get<std::string>()});
    return Status::ok();
  }
  if (!templates->is_array()) return Status::corrupt(source, ": chat_template is neither a text nor a list");
  for (const Json& entry : *templates) {
    const bool is_named = entry.is_object() && entry.contains("name") && entry["name"].is_string() &&
                          entry.contains("template") && entry["template"].is_string();
    if (!is_named) {
      return Status::corrupt(source, ": an entry of chat_template does not have a name and a template");
    }
    spec.chat_templates.push_back({entry["name"].get<std::string>(), entry["template"].get<std::string>()});
  }
  return Status::ok();
}

Status add_end_id(const Json& value, const std::string& source, TokenizerSpec& spec) {
  if (!value.is_number_unsigned() || value.get<uint64_t>() >= spec.tokens.size()) {
    return Status::corrupt(source, ": eos_token_id holds something that is no id of the ", spec.tokens.size(),
                           " tokens");
  }
  spec.end_of_generation.push_back(int32_t(value.get<uint64_t>()));
  return Status::ok();
}

}  // namespace

Status apply_hf_tokenizer_config(std::string_view text, TokenizerSpec& spec) {
  const std::string source = str_cat(spec.source, ": tokenizer_config.json");
  DUNLIN_ASSIGN_OR_RETURN(const Json config, parse_object(text, source));
  DUNLIN_RETURN_IF_ERROR(read_token(config, "bos_token", source, spec, spec.special.bos));
  DUNLIN_RETURN_IF_ERROR(read_token(config, "eos_token", source, spec, spec.special.eos));
  DUNLIN_RETURN_IF_ERROR(read_token(config, "pad_token", source, spec, spec.special.padding));
  DUNLIN_RETURN_IF_ERROR(read_bool(config, "add_bos_token", source, spec.add_bos));
  DUNLIN_RETURN_IF_ERROR(read_bool(config, "add_eos_token", source, spec.add_eos));
  return read_chat_templates(config, source, spec);
}

Status apply_hf_generation_config(std::string_view text, TokenizerSpec& spec) {
  const std::string source = str_cat(spec.source, ": generation_config.json");
  DUNLIN_ASSIGN_OR_RETURN(const Json config, parse_object(text, source));
  const Json* ids = find(config, "eos_token_id");
  if (ids == nullptr) return Status::ok();
  if (ids->is_array()) {
    for (const Json& id : *ids) DUNLIN_RETURN_IF_ERROR(add_end_id(id, source, spec));
  } else {
    DUNLIN_RETURN_IF_ERROR(add_end_id(*ids, source, spec));
  }
  if (spec.special.eos < 0 && !spec.end_of_generation.empty())
    spec.special.eos = spec.end_of_generation.front();
  return Status::ok();
}

}  // namespace dunlin
