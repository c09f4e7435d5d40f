// How the tests of templates render: short forms of ChatTemplate and the test data.
#pragma once

#include <string>
#include <string_view>

#include "core/text/template/chat_template.h"

namespace dunlin::test {

// A file below tests/data/templates.
std::string read_template_data(std::string_view name);
// The same, as JSON.
jinja::Value read_template_json(std::string_view name);

jinja::Value json(std::string_view text);

// A template whose clock stands still: whatever the machine is doing, no time limit ends a render.
Result<ChatTemplate> parse_untimed(std::string_view source);

// Renders source without messages, over the variables of a JSON object, untimed.
Result<RenderedPrompt> render(std::string_view source, std::string_view variables = "{}");
Result<RenderedPrompt> render(const ChatTemplate& parsed, std::string_view variables = "{}");
// The text of it, or the error as "error: ...".
std::string text_of(std::string_view source, std::string_view variables = "{}");
std::string text_of(const Result<RenderedPrompt>& prompt);

// The prompt with message text in brackets: "<s>[Hi]</s>".
std::string marked(const Result<RenderedPrompt>& prompt);

}  // namespace dunlin::test
