// How a request's messages reach the template, and what ChatTemplate finds out about it.
#include <catch2/catch.hpp>
#include <thread>

#include "tests/unit/text/template/render.h"

namespace dunlin::test {
namespace {

using Catch::Matchers::Contains;
using jinja::Value;

Result<RenderedPrompt> chat(std::string_view source, std::string_view messages) {
  const auto parsed = parse_untimed(source);
  if (!parsed.is_ok()) return parsed.status();
  ChatInput input;
  input.messages = json(messages);
  return parsed->render(input);
}

constexpr std::string_view kDump = "{% for m in messages %}{{ m|tojson }};{% endfor %}";

}  // namespace

TEST_CASE("null content stays none only beside tool calls", "[template]") {
  CHECK(text_of(chat(kDump, R"([{"role": "user", "content": null}, {"role": "assistant"},
                               {"role": "assistant", "content": null, "tool_calls": [{"id": "a"}]},
                               {"role": "assistant", "content": null, "tool_calls": []},
                               {"role": "assistant", "content": "x", "tool_calls": null}])")) ==
        R"({"role": "user", "content": ""};{"role": "assistant", "content": ""};)"
        R"({"role": "assistant", "content": null, "tool_calls": [{"id": "a"}]};)"
        R"({"role": "assistant", "content": ""};{"role": "assistant", "content": "x"};)");
}

TEST_CASE("arguments of tool calls reach the template as it wants them", "[template]") {
  const std::string_view call =
      R"([{"role": "assistant", "content": null, "tool_calls":
           [{"function": {"name": "f", "arguments": "{\"a\":  1}"}}]}])";
  const std::string_view object_call =
      R"([{"role": "assistant", "content": null, "tool_calls":
           [{"function": {"name": "f", "arguments": {"a": 1}}}]}])";
  const std::string_view broken_call =
      R"([{"role": "assistant", "content": null, "tool_calls":
           [{"function": {"name": "f", "arguments": "{oops"}}]}])";
  const std::string_view wants_object =
      "{% for m in messages %}{% for c in m.tool_calls or [] %}{{ c.function.arguments|tojson }}{% endfor "
      "%}{% endfor %}";
  const std::string_view wants_text =
      "{% for m in messages %}{% for c in m.tool_calls or [] %}{{ '' + c.function.arguments }}{% endfor %}{% "
      "endfor %}";
  CHECK(text_of(chat(wants_object, call)) == R"({"a": 1})");
  CHECK(text_of(chat(wants_object, object_call)) == R"({"a": 1})");
  CHECK(text_of(chat(wants_object, broken_call)) == R"("{oops")");
  CHECK(text_of(chat(wants_text, call)) == R"({"a":  1})");
  CHECK(text_of(chat(wants_text, object_call)) == R"({"a": 1})");
  CHECK_FALSE(parse_untimed(wants_object)->traits().takes_text_arguments);
  CHECK(parse_untimed(wants_text)->traits().takes_text_arguments);
}

TEST_CASE("content parts reach the template as it wants them", "[template]") {
  const std::string_view parts =
      R"([{"role": "user", "content": [{"type": "text", "text": "a"}, {"type": "text", "text": "b"}]}])";
  const std::string_view text = R"([{"role": "user", "content": "a"}])";
  const std::string_view image =
      R"([{"role": "user", "content": [{"type": "image_url", "image_url": {"url": "x"}}]}])";
  const std::string_view text_only = "{{ messages[0].content }}";
  const std::string_view either =
      "{% if messages[0].content is string %}{{ messages[0].content }}{% else %}"
      "{% for p in messages[0].content %}<{{ p.text }}>{% endfor %}{% endif %}";
  const std::string_view parts_only = "{% for p in messages[0].content %}<{{ p.text }}>{% endfor %}";
  CHECK(text_of(chat(text_only, parts)) == "a\nb");
  CHECK(text_of(chat(either, parts)) == "<a><b>");
  CHECK(text_of(chat(either, text)) == "a");
  CHECK(text_of(chat(parts_only, parts)) == "<a><b>");
  CHECK(text_of(chat(parts_only, text)) == "<a>");
  CHECK_THAT(text_of(chat(text_only, image)), Contains("messages[0]") && Contains("content[0]"));
  CHECK(text_of(chat(either, image)) == "<>");
  CHECK_FALSE(parse_untimed(text_only)->traits().takes_content_parts);
  CHECK(parse_untimed(either)->traits().takes_content_parts);
  CHECK_FALSE(parse_untimed(either)->traits().needs_content_parts);
  CHECK(parse_untimed(parts_only)->traits().needs_content_parts);
}

TEST_CASE("malformed messages are refused by name", "[template]") {
  const auto refusal = [](std::string_view messages) {
    const auto prompt = chat("x", messages);
    CHECK(prompt.status().code() == StatusCode::kInvalidArgument);
    return text_of(prompt);
  };
  CHECK_THAT(refusal("{}"), Contains("'messages' must be a list"));
  CHECK_THAT(refusal("[1]"), Contains("messages[0]"));
  CHECK_THAT(refusal(R"([{"role": "user"}, {"content": "x"}])"), Contains("messages[1]: 'role'"));
  CHECK_THAT(refusal(R"([{"role": 5}])"), Contains("'role' must be a string"));
  CHECK_THAT(refusal(R"([{"role": "user", "content": 5}])"), Contains("'content'"));
  CHECK_THAT(refusal(R"([{"role": "user", "tool_calls": "x"}])"), Contains("'tool_calls'"));
  CHECK_THAT(refusal(R"([{"role": "user", "tool_calls": ["x"]}])"), Contains("'tool_calls'"));
  CHECK_THAT(refusal(R"([{"role": "user", "tool_calls": [{"function": 1}]}])"), Contains("'function'"));
}

TEST_CASE("request variables reach the template but never replace its functions", "[template]") {
  CHECK(text_of("{{ enable_thinking }} {{ deep.a[1] }}",
                R"({"enable_thinking": false, "deep": {"a": [1, 2]}})") == "False 2");
  CHECK(text_of("{{ messages|length }}{{ range(2)|list }}", R"({"messages": 5, "range": 1})") == "0[0, 1]");
  ChatInput input;
  input.messages = json("[]");
  input.extra = json("[]");
  CHECK_FALSE(parse_untimed("x")->render(input).is_ok());
  input.extra = Value();
  input.tools = json("{}");
  CHECK_FALSE(parse_untimed("x")->render(input).is_ok());
}

TEST_CASE("no tools are none, and so is an empty list of them", "[template]") {
  const auto parsed = parse_untimed("{{ tools is none }}{{ documents is none }}");
  ChatInput input;
  input.messages = json("[]");
  CHECK(text_of(parsed->render(input)) == "TrueTrue");
  input.tools = json("[]");
  input.documents = Value::none();
  CHECK(text_of(parsed->render(input)) == "TrueTrue");
  input.tools = json("[1]");
  CHECK(text_of(parsed->render(input)) == "FalseTrue");
}

TEST_CASE("strftime_now exists only with a clock", "[template]") {
  const auto parsed =
      parse_untimed("{{ strftime_now('%d %b %Y') if strftime_now is defined else 'no clock' }}");
  ChatInput input;
  input.messages = json("[]");
  CHECK(text_of(parsed->render(input)) == "no clock");
  std::tm time{};
  time.tm_year = 126;
  time.tm_mday = 9;
  input.local_time = time;
  CHECK(text_of(parsed->render(input)) == "09 Jan 2026");
  time.tm_mon = 12;
  input.local_time = time;
  CHECK_FALSE(parsed->render(input).is_ok());
}

TEST_CASE("a render leaves the request and the template as they were", "[template]") {
  const auto parsed = parse_untimed(
      "{% set _ = messages.append(1) %}{% set _ = messages[0].update(role='x') %}{{ messages[0].role }}{{ "
      "messages|length }}");
  REQUIRE(parsed.is_ok());
  ChatInput input;
  input.messages = json(R"([{"role": "user", "content": "x"}])");
  for (int i = 0; i < 2; ++i) CHECK(text_of(parsed->render(input)) == "x2");
}

TEST_CASE("one template renders from many threads", "[template]") {
  const auto parsed = parse_untimed(default_chat_template());
  REQUIRE(parsed.is_ok());
  ChatInput input;
  input.messages = json(R"([{"role": "user", "content": "Hi"}])");
  std::vector<std::string> texts(4);
  std::vector<std::thread> threads;
  for (std::string& text : texts) {
    threads.emplace_back([&] {
      for (int i = 0; i < 20; ++i) text = text_of(parsed->render(input));
    });
  }
  for (std::thread& thread : threads) thread.join();
  for (const std::string& text : texts) {
    CHECK(text == "<|im_start|>user\nHi<|im_end|>\n<|im_start|>assistant\n");
  }
}

}  // namespace dunlin::test
