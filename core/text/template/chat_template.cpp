#include "core/text/template/chat_template.h"

#include "core/text/template/chat_messages.h"
#include "core/text/template/globals.h"
#include "core/text/template/heap.h"
#include "core/text/template/interpreter.h"
#include "core/text/template/json.h"
#include "core/text/template/parser.h"

namespace dunlin {
namespace {

using jinja::Globals;
using jinja::Heap;
using jinja::Limits;
using jinja::MarkedText;
using jinja::Origin;
using jinja::Template;
using jinja::Value;

constexpr std::string_view kChatMl =
    "{%- for message in messages %}"
    "{{- '<|im_start|>' + message.role + '\\n' + (message.content or '') + '<|im_end|>\\n' }}"
    "{%- endfor %}"
    "{%- if add_generation_prompt %}{{- '<|im_start|>assistant\\n' }}{%- endif %}";

// A list of the request, none if there is nothing in it.
Result<Value> import_list(Heap& heap, const Value& list, std::string_view name) {
  if (list.is_undefined() || list.is_none()) return Value::none();
  if (!list.is_list()) return Status::invalid("'", name, "' must be a list, not ", list.type_name());
  if (list.as_list()->items.empty()) return Value::none();
  return heap.import(list, Origin::kMessage);
}

Status add_extra(Heap& heap, const Value& extra, Globals& globals) {
  if (extra.is_undefined() || extra.is_none()) return Status::ok();
  if (!extra.is_dict()) return Status::invalid("the template's variables must be an object");
  for (const auto& [key, value] : extra.as_dict()->entries()) {
    if (!key.is_string()) return Status::invalid("the names of the template's variables must be strings");
    DUNLIN_ASSIGN_OR_RETURN(Value copy, heap.import(value, Origin::kMessage));
    globals.emplace_back(key.as_text().view(), std::move(copy));
  }
  return Status::ok();
}

Result<Globals> globals_of(Heap& heap, const ChatInput& input, const ChatTemplate::Traits& traits) {
  Globals globals;
  DUNLIN_RETURN_IF_ERROR(add_extra(heap, input.extra, globals));  // first: what follows wins
  DUNLIN_ASSIGN_OR_RETURN(Value messages, jinja::prepare_messages(heap, input.messages, traits));
  DUNLIN_ASSIGN_OR_RETURN(Value tools, import_list(heap, input.tools, "tools"));
  DUNLIN_ASSIGN_OR_RETURN(Value documents, import_list(heap, input.documents, "documents"));
  globals.emplace_back("messages", std::move(messages));
  globals.emplace_back("tools", std::move(tools));
  globals.emplace_back("documents", std::move(documents));
  globals.emplace_back("add_generation_prompt", Value::boolean(input.add_generation_prompt));
  globals.emplace_back("bos_token", Value::string(input.bos_token, Origin::kTemplate));
  globals.emplace_back("eos_token", Value::string(input.eos_token, Origin::kTemplate));
  globals.emplace_back("range", jinja::range_function());
  globals.emplace_back("dict", jinja::dict_function());
  globals.emplace_back("namespace", jinja::namespace_function());
  globals.emplace_back("raise_exception", jinja::raise_exception_function());
  if (input.local_time) {
    globals.emplace_back("strftime_now", jinja::strftime_now_function(*input.local_time));
  }
  return globals;
}

Result<MarkedText> run(const Template& parsed, const ChatInput& input, const ChatTemplate::Traits& traits,
                       const Limits& limits) {
  Heap heap(limits);
  DUNLIN_ASSIGN_OR_RETURN(const Globals globals, globals_of(heap, input, traits));
  return jinja::run_template(parsed, globals, heap);
}

// --- traits ---

// A word that no template prints of itself.
constexpr std::string_view kNeedle = "dunlin7needle";

// Whether the conversation renders and shows the needle as text, not inside a printed dict of a content part.
bool shows_needle(const Template& parsed, std::string_view messages, const ChatTemplate::Traits& traits,
                  const RenderClock& clock) {
  Limits limits;
  limits.clock = clock;
  limits.steps = 100'000;
  limits.time = std::chrono::milliseconds(50);
  auto conversation = jinja::parse_json(messages);
  DUNLIN_CHECK(conversation.is_ok());
  ChatInput input;
  input.messages = std::move(*conversation);
  input.add_generation_prompt = false;
  const auto text = run(parsed, input, traits, limits);
  if (!text.is_ok()) return false;
  const std::string_view view = text->view();
  const size_t at = view.find(kNeedle);
  if (at == std::string_view::npos) return false;
  const std::string_view before = view.substr(0, at);
  return !before.ends_with("'text': '") && !before.ends_with("\"text\": \"");
}

ChatTemplate::Traits find_traits(const Template& parsed, const RenderClock& clock) {
  const std::string text = str_cat(R"([{"role":"user","content":")", kNeedle, R"("}])");
  const std::string parts =
      str_cat(R"([{"role":"user","content":[{"type":"text","text":")", kNeedle, R"("}]}])");
  const auto call = [](std::string_view arguments) {
    return str_cat(R"([{"role":"user","content":"Hi"},{"role":"assistant","content":null,"tool_calls":[)",
                   R"({"id":"abcdef123","type":"function","function":{"name":"f","arguments":)", arguments,
                   "}}]}]");
  };
  ChatTemplate::Traits takes_parts;
  takes_parts.takes_content_parts = true;
  ChatTemplate::Traits takes_text_arguments;
  takes_text_arguments.takes_text_arguments = true;

  ChatTemplate::Traits traits;
  traits.takes_content_parts = shows_needle(parsed, parts, takes_parts, clock);
  traits.needs_content_parts = traits.takes_content_parts && !shows_needle(parsed, text, {}, clock);
  takes_text_arguments.needs_content_parts = traits.needs_content_parts;
  const std::string object_call = call(str_cat("{\"", kNeedle, "\":1}"));
  const std::string text_call = call(str_cat(R"("{\")", kNeedle, R"(\":1}")"));
  traits.takes_text_arguments = !shows_needle(parsed, object_call, traits, clock) &&
                                shows_needle(parsed, text_call, takes_text_arguments, clock);
  return traits;
}

RenderedPrompt prompt_of(MarkedText text) {
  RenderedPrompt prompt;
  size_t offset = 0;
  for (const MarkedText::Run& run : text.runs()) {
    prompt.segments.push_back({offset, run.end - offset, run.origin == Origin::kTemplate});
    offset = run.end;
  }
  prompt.text = text.take();
  return prompt;
}

}  // namespace

std::string_view default_chat_template() {
  return kChatMl;
}

Result<ChatTemplate> ChatTemplate::parse(std::string_view source, RenderClock clock) {
  DUNLIN_ASSIGN_OR_RETURN(auto parsed, jinja::parse_template(source));
  ChatTemplate chat_template(std::move(parsed), std::move(clock));
  chat_template.traits_ = find_traits(*chat_template.parsed_, chat_template.clock_);
  return chat_template;
}

Result<RenderedPrompt> ChatTemplate::render(const ChatInput& input) const {
  Limits limits;
  limits.clock = clock_;
  DUNLIN_ASSIGN_OR_RETURN(MarkedText text, run(*parsed_, input, traits_, limits));
  return prompt_of(std::move(text));
}

}  // namespace dunlin
