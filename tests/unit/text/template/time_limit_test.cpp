// The time limit of a render, with a clock that goes on by a fixed time at every look.
#include <catch2/catch.hpp>

#include "core/text/template/chat_template.h"
#include "tests/unit/text/template/render.h"

namespace dunlin::test {
namespace {

using Catch::Matchers::Contains;
using std::chrono::milliseconds;
using std::chrono::nanoseconds;

struct Ticks {
  nanoseconds now{0};
  nanoseconds per_look{0};
  int n_looks = 0;
};

// The clock outlives the template that looks at it.
RenderClock clock_of(Ticks& ticks) {
  return [&ticks] {
    ++ticks.n_looks;
    return ticks.now += ticks.per_look;
  };
}

ChatTemplate parse_with(Ticks& ticks, std::string_view source) {
  auto parsed = ChatTemplate::parse(source, clock_of(ticks));
  INFO(parsed.status().message());
  REQUIRE(parsed.is_ok());
  return *parsed;
}

constexpr std::string_view kLongLoop = "{% for i in range(50000) %}{% endfor %}done";

}  // namespace

TEST_CASE("a render ends when its time is over, and says so", "[template]") {
  Ticks ticks;
  const ChatTemplate parsed = parse_with(ticks, kLongLoop);
  ticks = {.per_look = milliseconds(25)};
  const auto prompt = render(parsed);
  REQUIRE_FALSE(prompt.is_ok());
  CHECK(prompt.status().code() == StatusCode::kResourceExhausted);
  CHECK_THAT(prompt.status().message(), Contains("chat template:1:") && Contains("more than 250 ms"));
  // The first look sets the deadline, the tenth after it meets it.
  CHECK(ticks.n_looks == 11);
}

TEST_CASE("a render that ends in time is not disturbed, and every render has its own time", "[template]") {
  Ticks ticks;
  const ChatTemplate parsed = parse_with(ticks, kLongLoop);
  ticks.n_looks = 0;
  CHECK(text_of(render(parsed)) == "done");
  const int n_looks = ticks.n_looks;
  REQUIRE(n_looks > 20);
  ticks.per_look = nanoseconds(milliseconds(249)) / n_looks;
  for (int i = 0; i < 3; ++i) CHECK(text_of(render(parsed)) == "done");
  ticks.per_look = nanoseconds(milliseconds(252)) / (n_looks - 1);
  CHECK_THAT(text_of(render(parsed)), Contains("250 ms"));
}

// What does much work in one step looks at the clock while it works.
TEST_CASE("work inside one operation counts against the time", "[template]") {
  for (const std::string_view source :
       {"{% if range(90000)|sort %}{% endif %}", "{{ range(90000)|join(',') }}",
        "{{ range(90000)|list|tojson }}",
        "{% for i in range(30) %}{% if 'b' in 'aaaaaaaaaaaaaaaa' * 62500 %}{% endif %}{% endfor %}",
        "{% for i in range(30) %}{% set x = 'aaaaaaaaaaaaaaaa' * 62500 %}{% endfor %}",
        "{% set l = range(90000)|list %}{% for i in range(3) %}{% if l == l|list %}{% endif %}{% endfor "
        "%}"}) {
    INFO(source);
    Ticks ticks{.per_look = std::chrono::hours(1)};  // no time for the probes
    const ChatTemplate parsed = parse_with(ticks, source);
    ticks.per_look = nanoseconds(0);
    CHECK(render(parsed).is_ok());
    ticks.per_look = milliseconds(25);
    CHECK_THAT(text_of(render(parsed)), Contains("250 ms"));
  }
}

// The probes at parse time run without a template's consent: one that takes too long finds nothing.
TEST_CASE("probing a template is limited in time", "[template]") {
  const std::string source = std::string(kLongLoop.substr(0, kLongLoop.size() - 4)) +
                             "{% for m in messages %}{{ m.content[0].text }}{% endfor %}";
  Ticks ticks;
  CHECK(parse_with(ticks, source).traits().takes_content_parts);
  ticks = {.per_look = milliseconds(10)};
  CHECK_FALSE(parse_with(ticks, source).traits().takes_content_parts);
  CHECK(ticks.n_looks < 40);  // four probes of 50 ms at most
}

TEST_CASE("the clock that a template has of itself is steady", "[template]") {
  const nanoseconds first = steady_render_clock();
  CHECK(steady_render_clock() >= first);
  CHECK(text_of(render(*ChatTemplate::parse("{{ 1 + 1 }}"))) == "2");
}

}  // namespace dunlin::test
