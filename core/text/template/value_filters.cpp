// Filters on single values: numbers, defaults, JSON.
#include <charconv>
#include <cmath>

#include "core/text/template/access.h"
#include "core/text/template/filters.h"
#include "core/text/template/heap.h"
#include "core/text/template/json.h"
#include "core/text/template/operators.h"
#include "core/text/template/python_text.h"
#include "core/text/template/unicode_text.h"

namespace dunlin::jinja {
namespace {

bool flag(const Value* value, bool missing) {
  return value ? is_true(*value) : missing;
}

Result<Value> filter_default(Heap& heap, std::string_view name, const Value& input,
                             const Arguments& arguments) {
  DUNLIN_ASSIGN_OR_RETURN(const auto bound, bind_arguments(name, arguments, {"default_value", "boolean"}));
  const bool replaces = input.is_undefined() || (flag(bound[1], false) && !is_true(input));
  if (!replaces) return input;
  return bound[0] ? *bound[0] : heap.string(MarkedText());
}

// --- numbers ---

// The text without surrounding space, underscores and plus sign, which from_chars does not take.
std::string number_text(const MarkedText& text) {
  std::string out;
  const MarkedText stripped = strip(text, Side::kBoth);
  for (const char c : stripped.view()) {
    if (c != '_') out += c;
  }
  if (out.size() > 1 && out[0] == '+' && out[1] != '-') out.erase(0, 1);
  return out;
}

std::optional<double> parse_float(const std::string& text) {
  double value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return value;
}

std::optional<int64_t> whole_part(double value) {
  if (!(std::fabs(value) < 0x1p63)) return std::nullopt;
  return int64_t(value);
}

std::optional<int64_t> parse_integer(std::string text, int base) {
  const size_t sign = !text.empty() && text[0] == '-' ? 1 : 0;
  const char letter = base == 16 ? 'x' : base == 8 ? 'o' : base == 2 ? 'b' : '\0';
  if (letter && text.size() > sign + 1 && text[sign] == '0' && (text[sign + 1] | 0x20) == letter) {
    text.erase(sign, 2);
  }
  int64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value, base);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return value;
}

Result<Value> filter_int(Heap& heap, std::string_view name, const Value& input, const Arguments& arguments) {
  DUNLIN_ASSIGN_OR_RETURN(const auto bound, bind_arguments(name, arguments, {"default", "base"}));
  if (input.is_undefined()) return Status::invalid(input.why_undefined());
  std::optional<int64_t> number;
  if (input.is_float()) {
    number = whole_part(input.as_number());
  } else if (input.is_number()) {
    number = input.as_int();
  } else if (input.is_string()) {
    const int64_t base = bound[1] && bound[1]->is_int() ? bound[1]->as_int() : 10;
    if (base < 2 || base > 36) return Status::invalid("int: the base must be 2 to 36");
    DUNLIN_RETURN_IF_ERROR(heap.reserve_text(input.as_text().size()));
    const std::string text = number_text(input.as_text());
    number = parse_integer(text, int(base));
    if (!number) {
      if (const auto value = parse_float(text)) number = whole_part(*value);
    }
  }
  if (number) return Value::integer(*number);
  return bound[0] ? *bound[0] : Value::integer(0);
}

Result<Value> filter_float(Heap& heap, std::string_view name, const Value& input,
                           const Arguments& arguments) {
  DUNLIN_ASSIGN_OR_RETURN(const auto bound, bind_arguments(name, arguments, {"default"}));
  if (input.is_undefined()) return Status::invalid(input.why_undefined());
  if (input.is_number()) return Value::real(input.as_number());
  if (input.is_string()) {
    DUNLIN_RETURN_IF_ERROR(heap.reserve_text(input.as_text().size()));
    if (const auto value = parse_float(number_text(input.as_text()))) return Value::real(*value);
  }
  return bound[0] ? *bound[0] : Value::real(0);
}

Result<Value> filter_abs(Heap&, std::string_view name, const Value& input, const Arguments& arguments) {
  DUNLIN_RETURN_IF_ERROR(expect_no_arguments(name, arguments));
  if (!input.is_number()) return Status::invalid("abs: a ", input.type_name(), " is no number");
  if (input.is_float()) return Value::real(std::fabs(input.as_number()));
  if (input.as_int() < 0) return apply_unary(UnaryOp::kMinus, input);
  return Value::integer(input.as_int());
}

// --- JSON ---

Result<std::optional<std::string>> indent_of(const Value* indent) {
  constexpr int64_t kMaxIndent = 64;
  if (!indent || indent->is_none()) return std::optional<std::string>();
  if (indent->is_string() && indent->as_text().size() <= size_t(kMaxIndent)) {
    return std::optional(std::string(indent->as_text().view()));
  }
  if (!indent->is_number() || indent->is_float() || indent->as_int() > kMaxIndent) {
    return Status::invalid("tojson: indent must be a whole number up to ", kMaxIndent, " or a short string");
  }
  return std::optional(std::string(size_t(std::max<int64_t>(indent->as_int(), 0)), ' '));
}

Status read_separators(const Value* separators, JsonStyle& style) {
  if (style.indent) style.item_separator = ",";
  if (!separators || separators->is_none()) return Status::ok();
  const bool is_pair = separators->is_list() && separators->as_list()->items.size() == 2 &&
                       separators->as_list()->items[0].is_string() &&
                       separators->as_list()->items[1].is_string();
  if (!is_pair) return Status::invalid("tojson: separators must be two strings");
  style.item_separator = separators->as_list()->items[0].as_text().view();
  style.key_separator = separators->as_list()->items[1].as_text().view();
  return Status::ok();
}

Result<Value> filter_tojson(Heap& heap, std::string_view name, const Value& input,
                            const Arguments& arguments) {
  DUNLIN_ASSIGN_OR_RETURN(
      const auto bound,
      bind_arguments(name, arguments, {"ensure_ascii", "indent", "separators", "sort_keys"}));
  JsonStyle style;
  style.ensure_ascii = flag(bound[0], false);
  style.sort_keys = flag(bound[3], false);
  DUNLIN_ASSIGN_OR_RETURN(style.indent, indent_of(bound[1]));
  DUNLIN_RETURN_IF_ERROR(read_separators(bound[2], style));
  DUNLIN_ASSIGN_OR_RETURN(MarkedText text, write_json(heap, input, style));
  return heap.string(std::move(text));
}

// One byte from a message makes all of the result message text: JSON's escapes move bytes about.
Result<Value> filter_from_json(Heap& heap, std::string_view name, const Value& input,
                               const Arguments& arguments) {
  DUNLIN_RETURN_IF_ERROR(expect_no_arguments(name, arguments));
  if (!input.is_string()) return Status::invalid("from_json: needs a string, not ", input.type_name());
  const MarkedText& text = input.as_text();
  const Origin origin = text.has_message_text() ? Origin::kMessage : Origin::kTemplate;
  DUNLIN_RETURN_IF_ERROR(heap.reserve_text(text.size()));
  JsonLimits limits;
  limits.text_bytes = heap.limits().output_bytes;
  limits.depth = size_t(kMaxDataDepth);
  DUNLIN_ASSIGN_OR_RETURN(const Value parsed, parse_json(text.view(), origin, limits));
  return heap.import(parsed, origin);
}

Result<Value> filter_length(Heap& heap, std::string_view name, const Value& input,
                            const Arguments& arguments) {
  DUNLIN_RETURN_IF_ERROR(expect_no_arguments(name, arguments));
  DUNLIN_ASSIGN_OR_RETURN(const int64_t length, length_of(heap, input));
  return Value::integer(length);
}

constexpr FilterRow kValueFilters[] = {
    {"abs", filter_abs},
    {"count", filter_length},
    {"d", filter_default},
    {"default", filter_default},
    {"float", filter_float},
    {"from_json", filter_from_json},
    {"fromjson", filter_from_json},
    {"int", filter_int},
    {"length", filter_length},
    {"tojson", filter_tojson},
};

}  // namespace

std::span<const FilterRow> value_filters() {
  return kValueFilters;
}

}  // namespace dunlin::jinja
