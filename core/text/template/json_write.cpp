#include <algorithm>
#include <cmath>

#include "core/text/template/heap.h"
#include "core/text/template/json.h"
#include "core/text/template/python_text.h"
#include "core/text/template/unicode_text.h"

namespace dunlin::jinja {
namespace {

void append_unicode_escape(std::string& out, uint32_t unit) {
  constexpr char kHexDigits[] = "0123456789abcdef";
  out += "\\u";
  for (int shift = 12; shift >= 0; shift -= 4) out += kHexDigits[(unit >> shift) & 15];
}

// One character as JSON writes it inside quotes; empty if it stands for itself.
std::string escaped(int32_t c, bool ensure_ascii) {
  std::string out;
  switch (c) {
    case '"':
      return "\\\"";
    case '\\':
      return "\\\\";
    case '\n':
      return "\\n";
    case '\r':
      return "\\r";
    case '\t':
      return "\\t";
    case '\f':
      return "\\f";
    case '\b':
      return "\\b";
    default:
      break;
  }
  const bool plain = c >= 0x20 && (!ensure_ascii || c < 0x7F);
  if (c < 0 || plain) return out;
  if (c >= 0x10000) {
    append_unicode_escape(out, 0xD7C0u + (uint32_t(c) >> 10));
    append_unicode_escape(out, 0xDC00u + (uint32_t(c) & 0x3FF));
  } else {
    append_unicode_escape(out, uint32_t(c));
  }
  return out;
}

class JsonWriter {
 public:
  JsonWriter(Heap& heap, const JsonStyle& style) : heap_(heap), style_(style) {}

  // origin: of what is not a string's own text.
  Status write(const Value& value, Origin origin, size_t depth) {
    if (depth > size_t(kMaxDataDepth)) {
      return Status::exhausted("data nests deeper than ", kMaxDataDepth, " levels");
    }
    DUNLIN_RETURN_IF_ERROR(heap_.step());
    switch (value.kind()) {
      case Kind::kNone:
      case Kind::kBool:
      case Kind::kInt:
      case Kind::kFloat:
        return append(scalar_text(value), origin);
      case Kind::kString:
        return write_string(value.as_text(), origin);
      case Kind::kList:
        return write_list(*value.as_list(), depth);
      case Kind::kDict:
        return write_dict(*value.as_dict(), depth);
      case Kind::kUndefined:
        return Status::invalid("JSON cannot say undefined: ", value.why_undefined());
      case Kind::kObject:
        break;
    }
    return Status::invalid("JSON cannot say a ", value.type_name());
  }

  MarkedText take() { return std::move(out_); }

 private:
  static std::string scalar_text(const Value& value) {
    if (value.is_none()) return "null";
    if (value.is_bool()) return value.as_bool() ? "true" : "false";
    if (value.is_int()) return str_cat(value.as_int());
    const double number = value.as_number();
    if (std::isnan(number)) return "NaN";
    if (std::isinf(number)) return number < 0 ? "-Infinity" : "Infinity";
    return float_text(number);
  }

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
    DUNLIN_RETURN_IF_ERROR(append("\"", origin));
    for (size_t at = 0; at < view.size();) {
      const CodePoint c = code_point_at(view, at);
      const std::string escape = escaped(c.value, style_.ensure_ascii);
      const std::string_view written = escape.empty() ? view.substr(at, c.length) : std::string_view(escape);
      DUNLIN_RETURN_IF_ERROR(append(written, text.origin_at(at)));
      at += c.length;
    }
    return append("\"", origin);
  }

  Status new_line(size_t depth, Origin origin) {
    if (!style_.indent) return Status::ok();
    DUNLIN_RETURN_IF_ERROR(append("\n", origin));
    for (size_t i = 0; i < depth; ++i) DUNLIN_RETURN_IF_ERROR(append(*style_.indent, origin));
    return Status::ok();
  }

  Status write_list(const List& list, size_t depth) {
    if (list.items.empty()) return append("[]", list.origin);
    DUNLIN_RETURN_IF_ERROR(append("[", list.origin));
    bool first = true;
    for (const Value& item : list.items) {
      if (!first) DUNLIN_RETURN_IF_ERROR(append(style_.item_separator, list.origin));
      first = false;
      DUNLIN_RETURN_IF_ERROR(new_line(depth + 1, list.origin));
      DUNLIN_RETURN_IF_ERROR(write(item, list.origin, depth + 1));
    }
    DUNLIN_RETURN_IF_ERROR(new_line(depth, list.origin));
    return append("]", list.origin);
  }

  // The entries in the order to write; sorting needs all keys to be strings.
  Result<std::vector<const Dict::Entry*>> ordered(const Dict& dict) {
    std::vector<const Dict::Entry*> entries;
    entries.reserve(dict.size());
    for (const Dict::Entry& entry : dict.entries()) entries.push_back(&entry);
    if (!style_.sort_keys) return entries;
    for (const Dict::Entry* entry : entries) {
      if (!entry->key.is_string()) return Status::invalid("sort_keys needs strings as keys");
    }
    DUNLIN_RETURN_IF_ERROR(heap_.step(entries.size()));
    std::sort(entries.begin(), entries.end(), [](const Dict::Entry* a, const Dict::Entry* b) {
      return a->key.as_text().view() < b->key.as_text().view();
    });
    return entries;
  }

  Status write_key(const Value& key, Origin origin) {
    if (key.is_string()) return write_string(key.as_text(), origin);
    return append(str_cat('"', scalar_text(key), '"'), origin);
  }

  Status write_dict(const Dict& dict, size_t depth) {
    if (dict.size() == 0) return append("{}", dict.origin);
    DUNLIN_ASSIGN_OR_RETURN(const auto entries, ordered(dict));
    DUNLIN_RETURN_IF_ERROR(append("{", dict.origin));
    bool first = true;
    for (const Dict::Entry* entry : entries) {
      if (!first) DUNLIN_RETURN_IF_ERROR(append(style_.item_separator, dict.origin));
      first = false;
      DUNLIN_RETURN_IF_ERROR(new_line(depth + 1, dict.origin));
      DUNLIN_RETURN_IF_ERROR(write_key(entry->key, dict.origin));
      DUNLIN_RETURN_IF_ERROR(append(style_.key_separator, dict.origin));
      DUNLIN_RETURN_IF_ERROR(write(entry->value, dict.origin, depth + 1));
    }
    DUNLIN_RETURN_IF_ERROR(new_line(depth, dict.origin));
    return append("}", dict.origin);
  }

  Heap& heap_;
  const JsonStyle& style_;
  MarkedText out_;
};

}  // namespace

Result<MarkedText> write_json(Heap& heap, const Value& value, const JsonStyle& style) {
  JsonWriter writer(heap, style);
  DUNLIN_RETURN_IF_ERROR(writer.write(value, Origin::kTemplate, 0));
  return writer.take();
}

Result<std::string> to_json(const Value& value, const JsonStyle& style) {
  Limits limits;
  limits.output_bytes = limits.text_bytes = size_t(64) << 20;
  limits.time = std::chrono::seconds(10);
  Heap heap(limits);
  DUNLIN_ASSIGN_OR_RETURN(MarkedText text, write_json(heap, value, style));
  return text.take();
}

}  // namespace dunlin::jinja
