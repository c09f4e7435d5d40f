// What Jinja itself made of the same sources: tests/data/templates, written by make_expected.py.
#include <catch2/catch.hpp>

#include "core/text/template/json.h"
#include "tests/unit/text/template/render.h"

namespace dunlin::test {
namespace {

using jinja::Value;

const Value& member(const Value& object, std::string_view name) {
  const Value* found = object.as_dict()->find(name);
  REQUIRE(found);
  return *found;
}

Value member_or_undefined(const Value& object, std::string_view name) {
  const Value* found = object.as_dict()->find(name);
  return found ? *found : Value();
}

std::string text_member(const Value& object, std::string_view name) {
  return std::string(member(object, name).as_text().view());
}

// 2024-07-06 15:04:09, a Saturday: the script's clock.
std::tm test_time() {
  std::tm time{};
  time.tm_year = 124;
  time.tm_mon = 6;
  time.tm_mday = 6;
  time.tm_hour = 15;
  time.tm_min = 4;
  time.tm_sec = 9;
  time.tm_wday = 6;
  time.tm_yday = 187;
  return time;
}

// outcome: {"text": ...}, {"raised": message} or {"error": its type in Python}.
void check_outcome(const Result<RenderedPrompt>& prompt, const Value& outcome) {
  if (outcome.as_dict()->find("text")) {
    CHECK(text_of(prompt) == text_member(outcome, "text"));
  } else if (outcome.as_dict()->find("raised")) {
    REQUIRE_FALSE(prompt.is_ok());
    CHECK(prompt.status().code() == StatusCode::kInvalidArgument);
    CHECK(prompt.status().message() == text_member(outcome, "raised"));
  } else {
    INFO("Python: " << text_member(outcome, "error") << "; here: " << text_of(prompt));
    CHECK_FALSE(prompt.is_ok());
    if (!prompt.is_ok()) {
      CHECK_THAT(prompt.status().message(), Catch::Matchers::StartsWith("chat template:"));
    }
  }
}

Result<RenderedPrompt> render_source(std::string_view source, const Value& variables) {
  const auto parsed = parse_untimed(source);
  if (!parsed.is_ok()) return parsed.status();
  ChatInput input;
  input.messages = json("[]");
  input.extra = variables;
  input.local_time = test_time();
  return parsed->render(input);
}

void check_sources(std::string_view sources_file, std::string_view expected_file, size_t n_expected) {
  const Value sources = read_template_json(sources_file);
  const Value expected = read_template_json(expected_file);
  REQUIRE(expected.as_list()->items.size() >= n_expected);
  for (const Value& outcome : expected.as_list()->items) {
    const std::string source = text_member(outcome, "source");
    INFO(source);
    check_outcome(render_source(source, member(sources, "variables")), outcome);
  }
}

}  // namespace

TEST_CASE("expressions mean what they mean in Jinja", "[template]") {
  check_sources("expressions.json", "expected_expressions.json", 500);
}

TEST_CASE("statements and whitespace mean what they mean in Jinja", "[template]") {
  check_sources("layout.json", "expected_layout.json", 140);
}

TEST_CASE("chat templates render conversations as Jinja does", "[template]") {
  const Value conversations = read_template_json("conversations.json");
  const Value expected = read_template_json("expected_chats.json");
  REQUIRE(expected.as_dict()->size() == 10);
  for (const auto& [file, outcomes] : expected.as_dict()->entries()) {
    const std::string name(file.as_text().view());
    INFO(name);
    const auto parsed = parse_untimed(read_template_data(name));
    REQUIRE(parsed.status().message() == "");
    for (const auto& [conversation_name, outcome] : outcomes.as_dict()->entries()) {
      INFO(conversation_name.as_text().view());
      const Value& conversation = member(conversations, conversation_name.as_text().view());
      ChatInput input;
      input.messages = member(conversation, "messages");
      input.tools = member_or_undefined(conversation, "tools");
      input.extra = member_or_undefined(conversation, "extra");
      const Value add_prompt = member_or_undefined(conversation, "add_generation_prompt");
      input.add_generation_prompt = add_prompt.is_undefined() || add_prompt.as_bool();
      input.bos_token = "<s>";
      input.eos_token = "</s>";
      input.local_time = test_time();
      check_outcome(parsed->render(input), outcome);
    }
  }
}

}  // namespace dunlin::test
