// ChatTemplate: turns a conversation into the prompt text that a model was trained on, by running the Jinja
// template that comes with the model. The result tells template text from message text, because special
// tokens count only where they lie wholly in template text.
//
//   auto parsed = ChatTemplate::parse(source);           // once per model
//   auto prompt = parsed->render({.messages = messages});  // once per request
#pragma once

#include <ctime>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/base/status.h"
#include "core/text/template/render_clock.h"
#include "core/text/template/value.h"

namespace dunlin {

// What one render is about. parse_json (json.h) makes the Values from a request's text.
struct ChatInput {
  // A list of dicts with role, content (a string, null, or a list of parts), and optionally name, tool_calls
  // and tool_call_id, as in the chat API of the field. tool_calls[].function.arguments may be JSON text or a
  // dict.
  jinja::Value messages;
  jinja::Value tools;      // a list, or undefined or none for no tools
  jinja::Value documents;  // a list, or undefined or none
  bool add_generation_prompt = true;
  std::string bos_token;
  std::string eos_token;
  jinja::Value extra;                 // a dict of further variables (enable_thinking ...), or undefined
  std::optional<std::tm> local_time;  // what strftime_now formats; without it templates see no strftime_now
};

struct RenderedPrompt {
  struct Segment {
    size_t offset;  // in bytes
    size_t length;
    bool is_template;  // false: text of a message, a tool or another request value
  };
  std::string text;
  std::vector<Segment> segments;  // cover text without gaps; neighbours differ in is_template
};

namespace jinja {
struct Template;
}

// The ChatML template, for models that come without one.
std::string_view default_chat_template();

// Immutable after parse: one ChatTemplate may render from many threads at once. Copies share the parsed
// template.
class ChatTemplate {
 public:
  // What the template takes, found by rendering a few small conversations at parse time.
  struct Traits {
    // Reads content as a list of parts; otherwise text parts are joined to lines of one string.
    bool takes_content_parts = false;
    // Reads content only so: a string is wrapped into one text part.
    bool needs_content_parts = false;
    // Wants the arguments of tool calls as JSON text, not as a dict.
    bool takes_text_arguments = false;
  };

  // Errors: kCorrupt with line:column for a malformed template, kUnsupported for a construct that is left out
  // on purpose (include, import, extends), kResourceExhausted above 1 MiB of source or 64 levels of nesting.
  // The clock measures the time that the probes for traits() and every render take.
  static Result<ChatTemplate> parse(std::string_view source, RenderClock clock = steady_render_clock);

  // Errors: kInvalidArgument with exactly its message for raise_exception in the template, and for messages
  // or types that the template cannot work with; kResourceExhausted when a render passes 1e6 steps, 4 MiB of
  // text, its nesting limit or 250 ms.
  Result<RenderedPrompt> render(const ChatInput& input) const;

  const Traits& traits() const { return traits_; }

 private:
  ChatTemplate(std::shared_ptr<const jinja::Template> parsed, RenderClock clock)
      : parsed_(std::move(parsed)), clock_(std::move(clock)) {}

  std::shared_ptr<const jinja::Template> parsed_;
  RenderClock clock_;
  Traits traits_;
};

}  // namespace dunlin
