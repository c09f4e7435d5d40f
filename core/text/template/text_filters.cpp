// Filters that make text. What is not a string is turned into one first.
#include "core/text/template/filters.h"
#include "core/text/template/format.h"
#include "core/text/template/heap.h"
#include "core/text/template/python_text.h"
#include "core/text/template/text_operations.h"
#include "core/text/template/unicode_text.h"

namespace dunlin::jinja {
namespace {

Result<Value> filter_string(Heap& heap, std::string_view name, const Value& input,
                            const Arguments& arguments) {
  DUNLIN_RETURN_IF_ERROR(expect_no_arguments(name, arguments));
  if (input.is_string()) return input;
  DUNLIN_ASSIGN_OR_RETURN(MarkedText text, text_of(heap, input));
  return heap.string(std::move(text));
}

Result<Value> filter_trim(Heap& heap, std::string_view name, const Value& input, const Arguments& arguments) {
  DUNLIN_ASSIGN_OR_RETURN(const auto bound, bind_arguments(name, arguments, {"chars"}));
  DUNLIN_ASSIGN_OR_RETURN(const MarkedText text, text_of(heap, input));
  return strip_value(heap, text, Side::kBoth, bound[0]);
}

template <LetterCase kCase>
Result<Value> filter_case(Heap& heap, std::string_view name, const Value& input, const Arguments& arguments) {
  DUNLIN_RETURN_IF_ERROR(expect_no_arguments(name, arguments));
  DUNLIN_ASSIGN_OR_RETURN(const MarkedText text, text_of(heap, input));
  return heap.string(change_case(text, kCase));
}

Result<Value> filter_replace(Heap& heap, std::string_view name, const Value& input,
                             const Arguments& arguments) {
  DUNLIN_ASSIGN_OR_RETURN(const auto bound, bind_arguments(name, arguments, {"old", "new", "count"}, 2));
  DUNLIN_ASSIGN_OR_RETURN(const MarkedText text, text_of(heap, input));
  DUNLIN_ASSIGN_OR_RETURN(const MarkedText old_text, text_of(heap, *bound[0]));
  DUNLIN_ASSIGN_OR_RETURN(const MarkedText new_text, text_of(heap, *bound[1]));
  int64_t limit = -1;
  if (bound[2] && !bound[2]->is_none()) {
    if (!bound[2]->is_int()) return Status::invalid("replace: count must be a whole number");
    limit = bound[2]->as_int();
  }
  return replace_text(heap, text, old_text, new_text, limit);
}

Result<MarkedText> indentation_of(const Value* width) {
  constexpr int64_t kMaxWidth = 1000;
  if (width && width->is_string()) return width->as_text();
  if (width && !width->is_int()) return Status::invalid("indent: width must be a whole number or a string");
  const int64_t n_spaces = width ? width->as_int() : 4;
  if (n_spaces > kMaxWidth) return Status::exhausted("indent: width is above ", kMaxWidth);
  return MarkedText(std::string(n_spaces > 0 ? size_t(n_spaces) : 0, ' '), Origin::kTemplate);
}

// Every line but the first starts with the indentation; blank lines only if asked.
Result<Value> filter_indent(Heap& heap, std::string_view name, const Value& input,
                            const Arguments& arguments) {
  DUNLIN_ASSIGN_OR_RETURN(const auto bound, bind_arguments(name, arguments, {"width", "first", "blank"}));
  const bool first = bound[1] && bound[1]->is_bool() && bound[1]->as_bool();
  const bool blank = bound[2] && bound[2]->is_bool() && bound[2]->as_bool();
  DUNLIN_ASSIGN_OR_RETURN(const MarkedText indentation, indentation_of(bound[0]));
  DUNLIN_ASSIGN_OR_RETURN(MarkedText text, text_of(heap, input));
  DUNLIN_RETURN_IF_ERROR(heap.reserve_text(2 * text.size()));
  text.append("\n", Origin::kTemplate);  // keeps a last empty line
  const std::vector<MarkedText> lines = split_lines(text);
  MarkedText out;
  for (size_t i = 0; i < lines.size(); ++i) {
    if (i > 0) out.append("\n", Origin::kTemplate);
    if (i == 0 ? first : blank || !lines[i].empty()) {
      DUNLIN_RETURN_IF_ERROR(heap.reserve_text(indentation.size()));
      out.append(indentation);
    }
    out.append(lines[i]);
    if (out.size() > heap.limits().output_bytes) {
      return Status::exhausted("an indented string is longer than ", heap.limits().output_bytes, " bytes");
    }
  }
  return heap.string(std::move(out));
}

Result<Value> filter_format(Heap& heap, std::string_view name, const Value& input,
                            const Arguments& arguments) {
  if (!arguments.named.empty()) return Status::unsupported("format: values by name are not supported");
  DUNLIN_ASSIGN_OR_RETURN(const MarkedText text, text_of(heap, input));
  DUNLIN_ASSIGN_OR_RETURN(const Value values, heap.tuple(arguments.positional));
  return format_percent(heap, text, values);
}

constexpr FilterRow kTextFilters[] = {
    {"capitalize", filter_case<LetterCase::kCapitalized>},
    {"format", filter_format},
    {"indent", filter_indent},
    {"lower", filter_case<LetterCase::kLower>},
    {"replace", filter_replace},
    {"safe", filter_string},
    {"string", filter_string},
    {"title", filter_case<LetterCase::kTitle>},
    {"trim", filter_trim},
    {"upper", filter_case<LetterCase::kUpper>},
};

}  // namespace

std::span<const FilterRow> text_filters() {
  return kTextFilters;
}

}  // namespace dunlin::jinja
