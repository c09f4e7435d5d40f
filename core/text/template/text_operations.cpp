#include "core/text/template/text_operations.h"

#include "core/base/checked_math.h"
#include "core/text/template/heap.h"
#include "core/text/template/python_text.h"

namespace dunlin::jinja {
namespace {

// The offsets where the replaced pieces begin; between all characters for an empty old text, as in Python.
std::vector<size_t> match_offsets(std::string_view text, std::string_view wanted, int64_t limit) {
  const size_t n_wanted = limit < 0 ? SIZE_MAX : size_t(limit);
  std::vector<size_t> matches;
  if (wanted.empty()) {
    for (size_t at = 0; matches.size() < n_wanted; at += code_point_at(text, at).length) {
      matches.push_back(at);
      if (at >= text.size()) break;
    }
    return matches;
  }
  for (size_t at = 0; matches.size() < n_wanted; at += wanted.size()) {
    at = find_text(text, wanted, at);
    if (at == std::string_view::npos) break;
    matches.push_back(at);
  }
  return matches;
}

}  // namespace

Result<Value> strip_value(Heap& heap, const MarkedText& text, Side side, const Value* characters) {
  if (!characters || characters->is_none()) return heap.string(strip(text, side));
  if (!characters->is_string()) {
    return Status::invalid("stripping needs a string of characters, not ", characters->type_name());
  }
  const std::string_view set = characters->as_text().view();
  DUNLIN_RETURN_IF_ERROR(heap.reserve_text(text.size() + set.size() * sizeof(std::string_view)));
  return heap.string(strip(text, side, set));
}

Result<Value> replace_text(Heap& heap, const MarkedText& text, const MarkedText& old_text,
                           const MarkedText& new_text, int64_t limit) {
  DUNLIN_RETURN_IF_ERROR(heap.reserve_text(text.size() + old_text.size()));
  const std::vector<size_t> matches = match_offsets(text.view(), old_text.view(), limit);
  DUNLIN_RETURN_IF_ERROR(heap.reserve_text(matches.size() * sizeof(size_t)));
  if (matches.empty()) return heap.string(text);
  const auto added = checked_mul(matches.size(), new_text.size());
  if (!added || *added > heap.limits().output_bytes) {
    return Status::exhausted("replacing ", matches.size(), " times makes a string of more than ",
                             heap.limits().output_bytes, " bytes");
  }
  DUNLIN_RETURN_IF_ERROR(heap.reserve_text(size_t(*added)));
  MarkedText out;
  size_t begin = 0;
  for (const size_t at : matches) {
    out.append(text, begin, at - begin);
    out.append(new_text);
    begin = at + old_text.size();
  }
  out.append(text, begin, text.size() - begin);
  return heap.string(std::move(out));
}

Result<Value> join_values(Heap& heap, const MarkedText& separator, const std::vector<Value>& items) {
  MarkedText out;
  for (size_t i = 0; i < items.size(); ++i) {
    DUNLIN_RETURN_IF_ERROR(heap.step());
    DUNLIN_ASSIGN_OR_RETURN(const MarkedText text, text_of(heap, items[i]));
    DUNLIN_RETURN_IF_ERROR(heap.reserve_text(text.size() + separator.size()));
    if (i > 0) out.append(separator);
    out.append(text);
    if (out.size() > heap.limits().output_bytes) {
      return Status::exhausted("a joined string is longer than ", heap.limits().output_bytes, " bytes");
    }
  }
  return heap.string(std::move(out));
}

Result<Value> list_of_texts(Heap& heap, const std::vector<MarkedText>& texts) {
  DUNLIN_RETURN_IF_ERROR(heap.reserve_elements(texts.size()));
  std::vector<Value> items;
  items.reserve(texts.size());
  for (const MarkedText& text : texts) {
    DUNLIN_ASSIGN_OR_RETURN(Value item, heap.string(text));
    items.push_back(std::move(item));
  }
  return heap.list(std::move(items));
}

}  // namespace dunlin::jinja
