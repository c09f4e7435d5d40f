#include "tests/unit/text/template/render.h"

#include <catch2/catch.hpp>
#include <fstream>
#include <sstream>

#include "core/text/template/json.h"

namespace dunlin::test {

std::string read_template_data(std::string_view name) {
  std::ifstream file("tests/data/templates/" + std::string(name), std::ios::binary);
  INFO("tests/data/templates/" << name);
  REQUIRE(file.good());
  std::ostringstream text;
  text << file.rdbuf();
  return text.str();
}

jinja::Value json(std::string_view text) {
  auto value = jinja::parse_json(text);
  INFO(text << ": " << value.status().message());
  REQUIRE(value.is_ok());
  return *value;
}

jinja::Value read_template_json(std::string_view name) {
  return json(read_template_data(name));
}

Result<ChatTemplate> parse_untimed(std::string_view source) {
  return ChatTemplate::parse(source, [] { return std::chrono::nanoseconds(0); });
}

Result<RenderedPrompt> render(std::string_view source, std::string_view variables) {
  const auto parsed = parse_untimed(source);
  if (!parsed.is_ok()) return parsed.status();
  return render(*parsed, variables);
}

Result<RenderedPrompt> render(const ChatTemplate& parsed, std::string_view variables) {
  ChatInput input;
  input.messages = json("[]");
  input.extra = json(variables);
  return parsed.render(input);
}

std::string text_of(const Result<RenderedPrompt>& prompt) {
  return prompt.is_ok() ? prompt->text : "error: " + prompt.status().message();
}

std::string text_of(std::string_view source, std::string_view variables) {
  return text_of(render(source, variables));
}

std::string marked(const Result<RenderedPrompt>& prompt) {
  if (!prompt.is_ok()) return text_of(prompt);
  std::string out;
  for (const auto& segment : prompt->segments) {
    const std::string text = prompt->text.substr(segment.offset, segment.length);
    out += segment.is_template ? text : "[" + text + "]";
  }
  return out;
}

}  // namespace dunlin::test
