#include "core/text/template/python_text.h"

#include <charconv>
#include <cmath>

#include "core/text/template/heap.h"
#include "core/text/template/unicode_text.h"

namespace dunlin::jinja {
namespace {

constexpr char kHexDigits[] = "0123456789abcdef";

std::string hex(uint32_t value, int n_digits) {
  std::string out;
  for (int shift = (n_digits - 1) * 4; shift >= 0; shift -= 4) out += kHexDigits[(value >> shift) & 15];
  return out;
}

// One character as it stands in a repr; empty if it stands for itself.
std::string escaped(int32_t c, unsigned char byte, char quote) {
  if (c < 0) return "\\x" + hex(byte, 2);
  if (c == '\\' || c == quote) return {'\\', char(c)};
  if (c == '\n') return "\\n";
  if (c == '\r') return "\\r";
  if (c == '\t') return "\\t";
  if (is_printable(c)) return {};
  if (c < 0x100) return "\\x" + hex(uint32_t(c), 2);
  if (c < 0x10000) return "\\u" + hex(uint32_t(c), 4);
  return "\\U" + hex(uint32_t(c), 8);
}

class ReprWriter {
 public:
  explicit ReprWriter(Heap& heap) : heap_(heap) {}

  // origin: of what is not a string's own text.
  Status write(const Value& value, Origin origin, int depth) {
    if (depth > kMaxDataDepth) return Status::exhausted("data nests deeper than ", kMaxDataDepth, " levels");
    DUNLIN_RETURN_IF_ERROR(heap_.step());
    switch (value.kind()) {
      case Kind::kUndefined:
        return append("Undefined", origin);
      case Kind::kNone:
        return append("None", origin);
      case Kind::kBool:
        return append(value.as_bool() ? "True" : "False", origin);
      case Kind::kInt:
        return append(str_cat(value.as_int()), origin);
      case Kind::kFloat:
        return append(float_text(value.as_number()), origin);
      case Kind::kString:
        return write_string(value.as_text(), origin);
      case Kind::kList:
        return write_list(*value.as_list(), depth);
      case Kind::kDict:
        return write_dict(*value.as_dict(), depth);
      case Kind::kObject:
        return append(str_cat('<', value.type_name(), '>'), origin);
    }
    return Status::ok();
  }

  MarkedText take() { return std::move(out_); }

 private:
  Status append(std::string_view text, Origin origin) {
    if (text.size() > heap_.limits().output_bytes - out_.size()) {
      return Status::exhausted("the template prints more than ", heap_.limits().output_bytes, " bytes");
    }
    out_.append(text, origin);
    return Status::ok();
  }

  Status write_string(const MarkedText& text, Origin origin) {
    const std::string_view view = text.view();
    DUNLIN_RETURN_IF_ERROR(heap_.reserve_text(view.size()));
    const bool has_single = view.find('\'') != std::string_view::npos;
    const bool has_double = view.find('"') != std::string_view::npos;
    const char quote = has_single && !has_double ? '"' : '\'';
    DUNLIN_RETURN_IF_ERROR(append({&quote, 1}, origin));
    for (size_t at = 0; at < view.size();) {
      const CodePoint c = code_point_at(view, at);
      const std::string escape = escaped(c.value, static_cast<unsigned char>(view[at]), quote);
      const std::string_view written = escape.empty() ? view.substr(at, c.length) : std::string_view(escape);
      DUNLIN_RETURN_IF_ERROR(append(written, text.origin_at(at)));
      at += c.length;
    }
    return append({&quote, 1}, origin);
  }

  Status write_list(const List& list, int depth) {
    DUNLIN_RETURN_IF_ERROR(append(list.is_tuple ? "(" : "[", list.origin));
    for (size_t i = 0; i < list.items.size(); ++i) {
      if (i > 0) DUNLIN_RETURN_IF_ERROR(append(", ", list.origin));
      DUNLIN_RETURN_IF_ERROR(write(list.items[i], list.origin, depth + 1));
    }
    if (list.is_tuple) return append(list.items.size() == 1 ? ",)" : ")", list.origin);
    return append("]", list.origin);
  }

  Status write_dict(const Dict& dict, int depth) {
    DUNLIN_RETURN_IF_ERROR(append("{", dict.origin));
    bool first = true;
    for (const Dict::Entry& entry : dict.entries()) {
      if (!first) DUNLIN_RETURN_IF_ERROR(append(", ", dict.origin));
      first = false;
      DUNLIN_RETURN_IF_ERROR(write(entry.key, dict.origin, depth + 1));
      DUNLIN_RETURN_IF_ERROR(append(": ", dict.origin));
      DUNLIN_RETURN_IF_ERROR(write(entry.value, dict.origin, depth + 1));
    }
    return append("}", dict.origin);
  }

  Heap& heap_;
  MarkedText out_;
};

}  // namespace

std::string float_text(double value) {
  if (std::isnan(value)) return "nan";
  if (std::isinf(value)) return value < 0 ? "-inf" : "inf";
  char buffer[64];
  const auto scientific = std::to_chars(buffer, buffer + sizeof buffer, value, std::chars_format::scientific);
  std::string text(buffer, scientific.ptr);
  const int exponent = std::atoi(text.c_str() + text.find('e') + 1);
  if (exponent < -4 || exponent >= 16) return text;  // Python writes such an exponent with two digits, too
  const auto fixed = std::to_chars(buffer, buffer + sizeof buffer, value, std::chars_format::fixed);
  text.assign(buffer, fixed.ptr);
  return text.find('.') == std::string::npos ? text + ".0" : text;
}

Result<MarkedText> repr_of(Heap& heap, const Value& value) {
  ReprWriter writer(heap);
  DUNLIN_RETURN_IF_ERROR(writer.write(value, Origin::kTemplate, 0));
  return writer.take();
}

Result<MarkedText> text_of(Heap& heap, const Value& value) {
  if (value.is_string()) return value.as_text();
  if (value.is_undefined()) return MarkedText();
  return repr_of(heap, value);
}

}  // namespace dunlin::jinja
