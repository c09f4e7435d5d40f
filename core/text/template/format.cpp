#include "core/text/template/format.h"

#include <algorithm>
#include <charconv>
#include <cmath>

#include "core/text/template/heap.h"
#include "core/text/template/python_text.h"
#include "core/text/template/unicode_text.h"

namespace dunlin::jinja {
namespace {

constexpr int kMaxWidth = 1000;
constexpr int kMaxPrecision = 60;

bool is_digit(char c) {
  return c >= '0' && c <= '9';
}

// The parts of %-0+8.3f.
struct Directive {
  bool left = false;
  bool zero = false;
  bool plus = false;
  int width = 0;
  int precision = -1;
  char conversion = '\0';
};

class PercentFormatter {
 public:
  PercentFormatter(Heap& heap, const MarkedText& format, const Value& values) : heap_(heap), format_(format) {
    const bool is_tuple = values.is_list() && values.as_list()->is_tuple;
    if (is_tuple) {
      values_ = values.as_list()->items;
    } else {
      values_.push_back(values);
    }
    all_must_be_used_ = is_tuple || !values.is_dict();
  }

  Result<Value> run() {
    const std::string_view view = format_.view();
    DUNLIN_RETURN_IF_ERROR(heap_.reserve_text(view.size()));
    while (at_ < view.size()) {
      const size_t percent = std::min(view.find('%', at_), view.size());
      out_.append(format_, at_, percent - at_);
      at_ = percent;
      if (at_ < view.size()) DUNLIN_RETURN_IF_ERROR(directive());
    }
    if (next_ < values_.size() && all_must_be_used_) {
      return Status::invalid("not all values are used by the format");
    }
    return heap_.string(std::move(out_));
  }

 private:
  char peek() const { return at_ < format_.size() ? format_.view()[at_] : '\0'; }

  Result<int> number(int limit) {
    int value = 0;
    for (; is_digit(peek()); ++at_) {
      value = value * 10 + (peek() - '0');
      if (value > limit) return Status::exhausted("a width or precision in a format is above ", limit);
    }
    return value;
  }

  Status directive() {
    const size_t begin = at_++;
    Directive spec;
    for (;; ++at_) {
      if (peek() == '-')
        spec.left = true;
      else if (peek() == '0')
        spec.zero = true;
      else if (peek() == '+')
        spec.plus = true;
      else
        break;
    }
    DUNLIN_ASSIGN_OR_RETURN(spec.width, number(kMaxWidth));
    if (peek() == '.') {
      ++at_;
      DUNLIN_ASSIGN_OR_RETURN(spec.precision, number(kMaxWidth));
    }
    spec.conversion = peek();
    ++at_;
    if (spec.conversion == '%') {
      out_.append("%", format_.origin_at(begin));
      return Status::ok();
    }
    if (next_ >= values_.size()) return Status::invalid("not enough values for the format");
    DUNLIN_ASSIGN_OR_RETURN(const MarkedText text, converted(spec, values_[next_++]));
    append_padded(spec, text, format_.origin_at(begin));
    DUNLIN_RETURN_IF_ERROR(heap_.reserve_text(text.size()));
    if (out_.size() <= heap_.limits().output_bytes) return Status::ok();
    return Status::exhausted("a formatted string is longer than ", heap_.limits().output_bytes, " bytes");
  }

  Result<MarkedText> converted(const Directive& spec, const Value& value) {
    switch (spec.conversion) {
      case 's':
      case 'r': {
        DUNLIN_ASSIGN_OR_RETURN(MarkedText text,
                                spec.conversion == 's' ? text_of(heap_, value) : repr_of(heap_, value));
        if (spec.precision < 0) return text;
        const auto offsets = character_offsets(text.view());
        return text.slice(0, offsets[std::min(size_t(spec.precision), offsets.size() - 1)]);
      }
      case 'd':
      case 'i':
        return integer_text(spec, value);
      case 'f':
        return fixed_text(spec, value);
      default:
        return Status::unsupported("format: the conversion '%", spec.conversion, "' is not supported");
    }
  }

  static Result<MarkedText> integer_text(const Directive& spec, const Value& value) {
    if (!value.is_number()) return Status::invalid("format: %d needs a number, not ", value.type_name());
    if (value.is_float() && !(std::fabs(value.as_number()) < 0x1p63)) {
      return Status::invalid("format: a number is out of range");
    }
    const int64_t number = value.is_float() ? int64_t(value.as_number()) : value.as_int();
    const std::string digits = str_cat(number);
    return MarkedText(spec.plus && number >= 0 ? "+" + digits : digits, Origin::kTemplate);
  }

  static Result<MarkedText> fixed_text(const Directive& spec, const Value& value) {
    if (!value.is_number()) return Status::invalid("format: %f needs a number, not ", value.type_name());
    if (spec.precision > kMaxPrecision) {
      return Status::exhausted("format: more than ", kMaxPrecision, " decimals");
    }
    char buffer[512];  // 309 digits, the sign, the dot and the decimals
    const double number = value.as_number();
    const int precision = spec.precision < 0 ? 6 : spec.precision;
    const auto result =
        std::to_chars(buffer, buffer + sizeof buffer, number, std::chars_format::fixed, precision);
    std::string text(buffer, result.ptr);
    if (spec.plus && !std::signbit(number)) text.insert(0, "+");
    return MarkedText(std::move(text), Origin::kTemplate);
  }

  void append_padded(const Directive& spec, const MarkedText& text, Origin origin) {
    const size_t length = count_code_points(text.view());
    const size_t padding = size_t(spec.width) > length ? size_t(spec.width) - length : 0;
    const bool zeros = spec.zero && !spec.left && spec.conversion != 's' && spec.conversion != 'r';
    const bool has_sign = zeros && !text.empty() && (text.view()[0] == '-' || text.view()[0] == '+');
    const size_t sign_size = has_sign ? 1 : 0;
    if (!spec.left) {
      out_.append(text, 0, sign_size);
      out_.append(std::string(padding, zeros ? '0' : ' '), origin);
      out_.append(text, sign_size, text.size() - sign_size);
    } else {
      out_.append(text);
      out_.append(std::string(padding, ' '), origin);
    }
  }

  Heap& heap_;
  const MarkedText& format_;
  std::vector<Value> values_;
  bool all_must_be_used_ = true;
  size_t at_ = 0;
  size_t next_ = 0;
  MarkedText out_;
};

// The value that the field name between braces asks for.
Result<Value> field_value(std::string_view name, const Arguments& arguments, size_t& next) {
  if (name.find_first_of(":!.[") != std::string_view::npos) {
    return Status::unsupported("format: only {}, {0} and {name} are supported, not {", name.substr(0, 40),
                               "}");
  }
  size_t index = 0;
  if (name.empty()) {
    index = next++;
  } else if (is_digit(name[0])) {
    const auto [end, error] = std::from_chars(name.data(), name.data() + name.size(), index);
    if (error != std::errc() || end != name.data() + name.size()) {
      return Status::invalid("format: '", name.substr(0, 40), "' is no index");
    }
  } else {
    for (const auto& [key, value] : arguments.named) {
      if (key == name) return value;
    }
    return Status::invalid("format: no argument is named '", name.substr(0, 40), "'");
  }
  if (index >= arguments.positional.size()) return Status::invalid("format: not enough arguments");
  return arguments.positional[index];
}

}  // namespace

Result<Value> format_percent(Heap& heap, const MarkedText& format, const Value& values) {
  return PercentFormatter(heap, format, values).run();
}

Result<Value> format_braces(Heap& heap, const MarkedText& format, const Arguments& arguments) {
  const std::string_view view = format.view();
  DUNLIN_RETURN_IF_ERROR(heap.reserve_text(view.size()));
  MarkedText out;
  size_t next = 0;
  for (size_t at = 0; at < view.size();) {
    const size_t brace = std::min(view.find_first_of("{}", at), view.size());
    out.append(format, at, brace - at);
    at = brace;
    if (at == view.size()) break;
    if (at + 1 < view.size() && view[at + 1] == view[at]) {
      out.append(format, at, 1);
      at += 2;
      continue;
    }
    const size_t end = view[at] == '{' ? view.find('}', at) : std::string_view::npos;
    if (end == std::string_view::npos) return Status::invalid("format: a brace stands alone");
    DUNLIN_ASSIGN_OR_RETURN(const Value value,
                            field_value(view.substr(at + 1, end - at - 1), arguments, next));
    DUNLIN_ASSIGN_OR_RETURN(const MarkedText text, text_of(heap, value));
    DUNLIN_RETURN_IF_ERROR(heap.reserve_text(text.size()));
    out.append(text);
    if (out.size() > heap.limits().output_bytes) {
      return Status::exhausted("a formatted string is longer than ", heap.limits().output_bytes, " bytes");
    }
    at = end + 1;
  }
  return heap.string(std::move(out));
}

}  // namespace dunlin::jinja
