// Templates that attack: every limit ends them with a Status, in bounded work and memory.
#include <catch2/catch.hpp>
#include <chrono>

#include "core/text/template/heap.h"
#include "core/text/template/json.h"
#include "core/text/template/python_text.h"
#include "tests/unit/text/template/render.h"

namespace dunlin::test {
namespace {

using Catch::Matchers::Contains;
using jinja::Heap;
using jinja::Value;

std::string repeated(std::string_view text, size_t count) {
  std::string out;
  for (size_t i = 0; i < count; ++i) out += text;
  return out;
}

// The render must fail by a limit other than time, with the place where.
void check_exhausted(const std::string& source, std::string_view variables = "{}") {
  INFO(source.substr(0, 200));
  // While parsing, an hour goes by at every look: the probes would run the attack four times more.
  std::chrono::nanoseconds now(0), per_look = std::chrono::hours(1);
  const auto parsed = ChatTemplate::parse(source, [&] { return now += per_look; });
  REQUIRE(parsed.is_ok());
  per_look = std::chrono::nanoseconds(0);
  const auto prompt = render(*parsed, variables);
  REQUIRE_FALSE(prompt.is_ok());
  INFO(prompt.status().message());
  CHECK(prompt.status().code() == StatusCode::kResourceExhausted);
  CHECK_THAT(prompt.status().message(), Contains("chat template:"));
}

StatusCode parse_code(const std::string& source) {
  return parse_untimed(source).status().code();
}

}  // namespace

TEST_CASE("nesting of source is limited", "[template][hostile]") {
  constexpr size_t kDeep = 100'000;
  const auto wrapped = [](std::string_view open, std::string_view close) {
    return "{{ " + repeated(open, kDeep) + "1" + repeated(close, kDeep) + " }}";
  };
  for (const std::string& source :
       {wrapped("(", ")"), wrapped("[", "]"), wrapped("{1:", "}"), wrapped("-", ""), wrapped("not ", ""),
        wrapped("a[", "]"), wrapped("f(", ")"), wrapped("x|f(", ")"),
        "{{ " + repeated("1 if 1 else ", 10'000) + "1 }}", wrapped("x is t(", ")"),
        repeated("{% if 1 %}", kDeep), repeated("{% for x in y %}", kDeep), repeated("{% set x %}", kDeep),
        "{% for " + repeated("(", kDeep) + "x" + repeated(")", kDeep) + " in y %}"}) {
    INFO(source.substr(0, 40));
    CHECK(parse_code(source) == StatusCode::kResourceExhausted);
  }
  CHECK(text_of("{{ " + repeated("(", 50) + "1" + repeated(")", 50) + " }}") == "1");
}

TEST_CASE("long chains are no nesting", "[template][hostile]") {
  CHECK(text_of("{{ 0" + repeated(" + 1", 20'000) + " }}") == "20000");
  CHECK(text_of("{{ 1" + repeated(" and 1", 20'000) + " }}") == "1");
  CHECK(text_of("{{ 'a'" + repeated("|upper", 5'000) + " }}") == "A");
  CHECK(text_of("{% if 0 %}" + repeated("{% elif 0 %}", 20'000) + "{% else %}x{% endif %}") == "x");
}

TEST_CASE("source is limited", "[template][hostile]") {
  CHECK(parse_code(std::string(2 << 20, 'x')) == StatusCode::kResourceExhausted);
}

TEST_CASE("loops end", "[template][hostile]") {
  check_exhausted("{% for a in range(100000) %}{% for b in range(100000) %}{% endfor %}{% endfor %}");
  check_exhausted(
      "{% for a in range(1000) %}{% for b in range(1000) %}{% for c in range(1000) %}{% endfor %}{% endfor "
      "%}{% endfor %}");
  check_exhausted("{% set l = [1] %}{% for a in range(99999) %}{% set _ = l.extend(l) %}{% endfor %}");
  check_exhausted("{% set l = range(90000)|list %}{% for a in l %}{% if l|sort %}{% endif %}{% endfor %}");
}

TEST_CASE("macros do not recurse without end", "[template][hostile]") {
  check_exhausted("{% macro m() %}{{ m() }}{% endmacro %}{{ m() }}");
  check_exhausted("{% macro a() %}{{ b() }}{% endmacro %}{% macro b() %}{{ a() }}{% endmacro %}{{ a() }}");
  check_exhausted("{% macro m(n) %}{{ m(n) }}{{ m(n) }}{% endmacro %}{{ m(1) }}");
  // Two calls a level: 2^40 without a limit on steps.
  check_exhausted(
      "{% macro m(n) %}{% if n %}{{ m(n - 1) }}{{ m(n - 1) }}{% endif %}{% endmacro %}{{ m(40) }}");
  // As deep as a level can be, times as many levels as there may be.
  const std::string deep = repeated("(", 55) + "m()" + repeated(")", 55);
  check_exhausted("{% macro m() %}{{ " + deep + " }}{% endmacro %}{{ m() }}");
  const std::string mixed = repeated("[1 + -2 * ", 20) + "m()" + repeated("]", 20);
  check_exhausted("{% macro m() %}{{ " + mixed + " }}{% endmacro %}{{ m() }}");
  const std::string blocks = repeated("{% if 1 %}", 60) + "{{ m() }}" + repeated("{% endif %}", 60);
  check_exhausted("{% macro m() %}" + blocks + "{% endmacro %}{{ m() }}");
}

TEST_CASE("strings and lists are bounded before they are made", "[template][hostile]") {
  check_exhausted("{{ 'x' * 10**9 }}");
  check_exhausted("{{ 'x' * 9223372036854775807 }}");
  check_exhausted("{{ [1] * 10**9 }}");
  check_exhausted("{{ [1, 2, 3] * 9223372036854775807 }}");
  check_exhausted("{{ range(10**9) }}");
  check_exhausted("{{ range(-9223372036854775807, 9223372036854775807) }}");
  check_exhausted("{{ range(0, 9223372036854775807, 3) }}");
  check_exhausted("{{ ('x' * 4000000).replace('x', 'yyyyyyyy') }}");
  check_exhausted("{{ ('x' * 4000000)|replace('', 'yyyyyyyy') }}");
  check_exhausted("{{ range(90000)|join('x' * 1000) }}");
  check_exhausted("{{ ('\n' * 100000)|indent('x' * 100000, blank=true) }}");
  check_exhausted("{{ ('x' * 4000000)|list }}");
  check_exhausted("{{ ('x ' * 2000000).split() }}");
  check_exhausted("{{ '%1000000000s' % 'x' }}");
  check_exhausted("{{ '%.1000000000f' % 1.5 }}");
  check_exhausted("{{ ('%s' * 1000) % (('x' * 100000,) * 1000) }}");
  check_exhausted("{{ ('{0}' * 1000).format('x' * 100000) }}");
  check_exhausted("{{ 'x'|indent(10**12) }}");
  check_exhausted(
      "{% set ns = namespace(s='x') %}{% for i in range(64) %}{% set ns.s = ns.s + ns.s %}{% endfor %}");
  check_exhausted(
      "{% set ns = namespace(s='x') %}{% for i in range(64) %}{% set ns.s = ns.s ~ ns.s %}{% endfor %}");
  check_exhausted(
      "{% set ns = namespace(l=[1]) %}{% for i in range(64) %}{% set ns.l = ns.l + ns.l %}{% endfor %}");
  check_exhausted("{% set x = 'x' * 4000000 %}{% for i in range(1000) %}{{ x }}{% endfor %}");
  check_exhausted(
      "{% set l = [] %}{% for i in range(1000) %}{% set _ = l.append('xxxxxxxxxxxxxxxx' * 250000) %}{% "
      "endfor %}");
}

TEST_CASE("shared and cyclic data cannot be walked for ever", "[template][hostile]") {
  const std::string tree =
      "{% set ns = namespace(x=[1]) %}{% for i in range(60) %}{% set ns.x = [ns.x, ns.x] %}{% endfor %}";
  check_exhausted(tree + "{{ ns.x }}");
  check_exhausted(tree + "{{ ns.x|tojson }}");
  check_exhausted(tree + "{% set ns.y = ns.x %}{{ ns.x == ns.y }}");
  const std::string cycle = "{% set l = [1] %}{% set _ = l.append(l) %}";
  check_exhausted(cycle + "{{ l }}");
  check_exhausted(cycle + "{{ l|tojson }}");
  check_exhausted(cycle + "{% set m = [1] %}{% set _ = m.append(m) %}{{ l == m }}");
  CHECK(text_of(cycle + "{{ l|length }}") == "2");
  CHECK(text_of("{% set ns = namespace() %}{% set ns.self = ns %}{{ ns.self.self is defined }}") == "True");
  CHECK(text_of("{% for x in [1] %}{% macro m() %}{{ x }}{% endmacro %}{{ m() }}{% endfor %}") == "1");
  CHECK(text_of("{% set d = {} %}{% set _ = d.update(d=d) %}{% set _ = d.update(d) %}{{ d|length }}") == "1");
  CHECK(text_of("{% set ns = namespace() %}{% for x in [1] %}{% set ns.l = loop %}{% set ns.c = loop.cycle %}"
                "{% endfor %}{{ ns.l.length }}{{ ns.c(1, 2) }}{{ ns.l.previtem is defined }}") == "01False");
}

TEST_CASE("a chain of a hundred thousand lists is freed without recursion", "[template][hostile]") {
  CHECK(text_of("{% set ns = namespace(x=[]) %}{% for i in range(10000) %}{% set ns.x = [ns.x] %}{% endfor %}"
                "{% set ns.x = 0 %}done") == "done");
  CHECK(
      text_of(
          "{% set ns = namespace(x={}) %}{% for i in range(50000) %}{% set ns.x = {'a': ns.x} %}{% endfor %}"
          "{% set ns.x = 0 %}done") == "done");
}

TEST_CASE("searches stay linear", "[template][hostile]") {
  // Each would take minutes if matching went back at every mismatch.
  const std::string text = "{% set a = 'a' * 1000000 %}{% set b = 'a' * 500000 ~ 'b' %}";
  CHECK(text_of(text + "{{ b in a }}") == "False");
  CHECK(text_of(text + "{{ a.split(b)|length }}") == "1");
  CHECK(text_of(text + "{{ a.rsplit(b)|length }}") == "1");
  CHECK(text_of(text + "{{ a.find(b) }}{{ a.rfind(b) }}{{ a.count(b) }}") == "-1-10");
  CHECK(text_of(text + "{{ a.replace(b, 'x')|length }}") == "1000000");
  CHECK(text_of(text + "{{ a.strip(b)|length }}") == "0");
}

TEST_CASE("attribute tricks reach nothing", "[template][hostile]") {
  for (const std::string_view source :
       {"{{ ''.__class__ }}", "{{ [].__class__ }}", "{{ {}.__class__ }}", "{{ range.__globals__ }}",
        "{{ messages.__class__ }}", "{{ ''['__class__'] }}", "{{ (1).__class__ }}", "{{ none.__class__ }}",
        "{{ ''.format.__self__ }}", "{{ namespace().__init__ }}", "{{ self }}", "{{ config }}",
        "{{ request }}"}) {
    INFO(source);
    CHECK(text_of(source) == "");
  }
  CHECK_FALSE(render("{{ ''.__class__.__mro__ }}").is_ok());
  CHECK_FALSE(render("{{ '{0.__class__}'.format(1) }}").is_ok());
  CHECK_FALSE(render("{{ lipsum.__globals__['os'].popen('id').read() }}").is_ok());
  CHECK_FALSE(render("{{ cycler.__init__.__globals__.os }}").is_ok());
}

TEST_CASE("files and other templates are refused by name", "[template][hostile]") {
  for (const std::string_view tag : {"include 'x'", "import 'x' as y", "from 'x' import y", "extends 'x'",
                                     "block b", "call f()", "do f()"}) {
    const auto parsed = parse_untimed(str_cat("ab\n {% ", tag, " %}"));
    REQUIRE_FALSE(parsed.is_ok());
    CHECK(parsed.status().code() == StatusCode::kUnsupported);
    CHECK_THAT(parsed.status().message(),
               Contains("chat template:2:") && Contains(std::string(tag.substr(0, 2))));
  }
}

TEST_CASE("errors say where", "[template]") {
  CHECK_THAT(text_of("a\n{{ b + }}"), Contains("chat template:2:8: expected an expression"));
  CHECK_THAT(text_of("a\n  {{ x.y.z }}", R"({"x": {}})"), Contains("chat template:2:9"));
  CHECK_THAT(text_of("{{ 'a' + 1 }}"), Contains("chat template:1:8: '+' does not work on str and int"));
  CHECK_THAT(text_of("{% if true %}"), Contains("'{% endif %}'"));
  CHECK_THAT(text_of("{{ x|frobnicate }}"), Contains("no filter 'frobnicate'"));
  CHECK(render("{{ x|frobnicate }}").status().code() == StatusCode::kUnsupported);
  CHECK(render("{{ 9223372036854775807 + 1 }}").status().code() == StatusCode::kInvalidArgument);
  CHECK(render("{{ -9223372036854775807 - 2 }}").status().code() == StatusCode::kInvalidArgument);
  CHECK(render("{{ (-9223372036854775807 - 1) // -1 }}").status().code() == StatusCode::kInvalidArgument);
  CHECK(text_of("{{ (-9223372036854775807 - 1) % -1 }}") == "0");
  CHECK(render("{{ 2 ** 64 }}").status().code() == StatusCode::kInvalidArgument);
  CHECK(text_of("{{ raise_exception('just this') }}") == "error: just this");
}

TEST_CASE("bytes that are not UTF-8 pass through", "[template][hostile]") {
  const std::string bad = "\xff\xc3(\xe2\x82";
  CHECK(text_of("a" + bad + "b") == "a" + bad + "b");
  CHECK(text_of("{{ 'a" + bad + "b'|upper }}") == "A" + bad + "B");
  CHECK(text_of("{{ 'a" + bad + "b'[::-1]|length }}") == "7");
  CHECK(text_of("{{ 'a" + bad + "'|trim }}") == "a" + bad);
  CHECK(text_of("{{ '" + bad + "'|list|length }}") == "5");
  CHECK(render("{{ '" + bad + "'|tojson }}").is_ok());
  CHECK(render("{{ ['" + bad + "'] }}").is_ok());
}

// Every prefix of a real template, and every template with one byte changed, parses or fails with a place.
TEST_CASE("cut and changed templates fail cleanly", "[template][hostile]") {
  for (const std::string_view name : {"llama3.2.jinja", "hermes_tools.jinja", "mistral.jinja"}) {
    const std::string source = read_template_data(name);
    for (size_t end = 0; end < source.size(); end += 7) {
      const auto parsed = parse_untimed(source.substr(0, end));
      if (!parsed.is_ok()) CHECK_THAT(parsed.status().message(), Contains("chat template:"));
    }
    for (size_t i = 0; i < 200; ++i) {
      std::string changed = source;
      changed[(i * 7919) % changed.size()] = "{}%()[]'\"|.~-#\\\0\xff"[i % 17];
      const auto parsed = parse_untimed(changed);
      if (!parsed.is_ok()) CHECK_THAT(parsed.status().message(), Contains("chat template:"));
    }
  }
}

}  // namespace dunlin::test
