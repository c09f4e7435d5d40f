#include "core/text/template/chat_messages.h"

#include <algorithm>
#include <array>

#include "core/text/template/heap.h"
#include "core/text/template/json.h"

namespace dunlin::jinja {
namespace {

// Templates build special tokens from roles ('<|' + role + '|>'), so these count as template text. Any other
// role stays message text and can name no special token.
constexpr std::array<std::string_view, 7> kKnownRoles = {"system", "developer", "user",   "assistant",
                                                         "tool",   "function",  "ipython"};

Value message_text(std::string text) {
  return Value::string(std::move(text), Origin::kMessage);
}

bool is_absent(const Value* value) {
  return !value || value->is_none() || value->is_undefined();
}

class MessageWriter {
 public:
  MessageWriter(Heap& heap, const ChatTemplate::Traits& traits) : heap_(heap), traits_(traits) {}

  // The message is the heap's own copy.
  Status prepare(Dict& message) {
    DUNLIN_RETURN_IF_ERROR(prepare_role(message));
    DUNLIN_RETURN_IF_ERROR(prepare_tool_calls(message));
    return prepare_content(message);
  }

 private:
  Status prepare_role(Dict& message) {
    const Value* role = message.find("role");
    if (!role || !role->is_string()) return Status::invalid("'role' must be a string");
    const auto known = std::find(kKnownRoles.begin(), kKnownRoles.end(), role->as_text().view());
    if (known == kKnownRoles.end()) return Status::ok();
    return set(message, "role", Value::string(std::string(*known), Origin::kTemplate));
  }

  // --- content ---

  Status prepare_content(Dict& message) {
    const Value* given = message.find("content");
    const bool is_call = message.find("tool_calls") && message.find("role")->is_text("assistant");
    if (is_absent(given) && is_call) return set(message, "content", Value::none());
    const Value content = is_absent(given) ? message_text("") : *given;
    if (content.is_string()) {
      Result<Value> text = traits_.needs_content_parts ? wrapped(content) : content;
      if (!text.is_ok()) return text.status();
      return set(message, "content", std::move(*text));
    }
    if (!content.is_list()) {
      return Status::invalid("'content' must be a string, null or a list of parts, not ",
                             content.type_name());
    }
    if (traits_.takes_content_parts) return Status::ok();
    DUNLIN_ASSIGN_OR_RETURN(Value text, joined(*content.as_list()));
    return set(message, "content", std::move(text));
  }

  Result<Value> wrapped(const Value& text) {
    const auto part = heap_.new_dict(Origin::kMessage);
    DUNLIN_RETURN_IF_ERROR(set(*part, "type", message_text("text")));
    DUNLIN_RETURN_IF_ERROR(set(*part, "text", text));
    return heap_.list({Value::dict(part)}, Origin::kMessage);
  }

  // The text parts as lines of one string.
  Result<Value> joined(const List& parts) {
    MarkedText text;
    for (size_t i = 0; i < parts.items.size(); ++i) {
      const Value& part = parts.items[i];
      const Value* type = part.is_dict() ? part.as_dict()->find("type") : nullptr;
      const Value* body = part.is_dict() ? part.as_dict()->find("text") : nullptr;
      if (!type || !type->is_text("text") || !body || !body->is_string()) {
        return Status::invalid("content[", i, "] is no text part; the model's chat template takes text only");
      }
      DUNLIN_RETURN_IF_ERROR(heap_.reserve_text(body->as_text().size()));
      if (i > 0) text.append("\n", Origin::kMessage);
      text.append(body->as_text());
    }
    return heap_.string(std::move(text));
  }

  // --- tool calls ---

  Status prepare_tool_calls(Dict& message) {
    const Value* calls = message.find("tool_calls");
    if (!calls) return Status::ok();
    if (is_absent(calls) || (calls->is_list() && calls->as_list()->items.empty())) {
      message.remove(message_text("tool_calls"));
      return Status::ok();
    }
    if (!calls->is_list()) return Status::invalid("'tool_calls' must be a list, not ", calls->type_name());
    for (const Value& call : calls->as_list()->items) {
      if (!call.is_dict()) return Status::invalid("'tool_calls' must hold objects, not ", call.type_name());
      const Value* function = call.as_dict()->find("function");
      if (!function) continue;
      if (!function->is_dict()) return Status::invalid("a tool call's 'function' must be an object");
      DUNLIN_RETURN_IF_ERROR(prepare_arguments(*function->as_dict()));
    }
    return Status::ok();
  }

  // Text that is no JSON object stays as the model wrote it.
  Status prepare_arguments(Dict& function) {
    const Value* arguments = function.find("arguments");
    if (!arguments) return Status::ok();
    if (traits_.takes_text_arguments) {
      if (arguments->is_string()) return Status::ok();
      DUNLIN_ASSIGN_OR_RETURN(MarkedText text, write_json(heap_, *arguments));
      return set(function, "arguments", message_text(text.take()));
    }
    if (!arguments->is_string()) return Status::ok();
    JsonLimits limits;
    limits.text_bytes = heap_.limits().output_bytes;
    const auto parsed = parse_json(arguments->as_text().view(), Origin::kMessage, limits);
    if (!parsed.is_ok() || !parsed->is_dict()) return Status::ok();
    DUNLIN_ASSIGN_OR_RETURN(Value object, heap_.import(*parsed, Origin::kMessage));
    return set(function, "arguments", std::move(object));
  }

  Status set(Dict& dict, std::string_view key, Value value) {
    return heap_.set(dict, message_text(std::string(key)), std::move(value));
  }

  Heap& heap_;
  const ChatTemplate::Traits& traits_;
};

}  // namespace

Result<Value> prepare_messages(Heap& heap, const Value& messages, const ChatTemplate::Traits& traits) {
  if (!messages.is_list()) return Status::invalid("'messages' must be a list, not ", messages.type_name());
  DUNLIN_ASSIGN_OR_RETURN(const Value prepared, heap.import(messages, Origin::kMessage));
  MessageWriter writer(heap, traits);
  const auto& items = prepared.as_list()->items;
  for (size_t i = 0; i < items.size(); ++i) {
    const Status status = items[i].is_dict()
                              ? writer.prepare(*items[i].as_dict())
                              : Status::invalid("must be an object, not ", items[i].type_name());
    if (!status.is_ok()) return status.with_context(str_cat("messages[", i, "]"));
  }
  return prepared;
}

}  // namespace dunlin::jinja
