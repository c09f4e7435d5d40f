#include "core/text/template/heap.h"
#include "core/text/template/operators.h"
#include "core/text/template/unicode_text.h"

namespace dunlin::jinja {
namespace {

Status undefined_error(const Value& value) {
  return Status::invalid(value.why_undefined());
}

Status types_error(std::string_view op, const Value& left, const Value& right) {
  return Status::invalid("'", op, "' does not work on ", left.type_name(), " and ", right.type_name());
}

Status too_deep() {
  return Status::exhausted("data nests deeper than ", kMaxDataDepth, " levels");
}

Result<bool> equals_at(Heap& heap, const Value& a, const Value& b, int depth);

Result<bool> lists_equal(Heap& heap, const List& a, const List& b, int depth) {
  if (a.is_tuple != b.is_tuple || a.items.size() != b.items.size()) return false;
  for (size_t i = 0; i < a.items.size(); ++i) {
    DUNLIN_ASSIGN_OR_RETURN(const bool same, equals_at(heap, a.items[i], b.items[i], depth + 1));
    if (!same) return false;
  }
  return true;
}

Result<bool> dicts_equal(Heap& heap, const Dict& a, const Dict& b, int depth) {
  if (a.size() != b.size()) return false;
  for (const Dict::Entry& entry : a.entries()) {
    const Value* other = b.find(entry.key);
    if (!other) return false;
    DUNLIN_ASSIGN_OR_RETURN(const bool same, equals_at(heap, entry.value, *other, depth + 1));
    if (!same) return false;
  }
  return true;
}

Result<bool> equals_at(Heap& heap, const Value& a, const Value& b, int depth) {
  if (depth > kMaxDataDepth) return too_deep();
  DUNLIN_RETURN_IF_ERROR(heap.step());
  if (a.is_number() && b.is_number()) {
    if (a.is_float() || b.is_float()) return a.as_number() == b.as_number();
    return a.as_int() == b.as_int();
  }
  if (a.kind() != b.kind()) return false;
  switch (a.kind()) {
    case Kind::kString:
      DUNLIN_RETURN_IF_ERROR(heap.reserve_text(a.as_text().size()));
      return a.as_text().view() == b.as_text().view();
    case Kind::kList:
      return lists_equal(heap, *a.as_list(), *b.as_list(), depth);
    case Kind::kDict:
      return dicts_equal(heap, *a.as_dict(), *b.as_dict(), depth);
    case Kind::kObject:
      return a.as_object() == b.as_object();
    default:
      return true;
  }
}

Result<bool> less_at(Heap& heap, const Value& a, const Value& b, int depth) {
  if (depth > kMaxDataDepth) return too_deep();
  DUNLIN_RETURN_IF_ERROR(heap.step());
  if (a.is_undefined()) return undefined_error(a);
  if (b.is_undefined()) return undefined_error(b);
  if (a.is_number() && b.is_number()) {
    if (a.is_float() || b.is_float()) return a.as_number() < b.as_number();
    return a.as_int() < b.as_int();
  }
  if (a.is_string() && b.is_string()) {
    DUNLIN_RETURN_IF_ERROR(heap.reserve_text(a.as_text().size()));
    return a.as_text().view() < b.as_text().view();
  }
  if (!a.is_list() || !b.is_list() || a.as_list()->is_tuple != b.as_list()->is_tuple) {
    return types_error("<", a, b);
  }
  const auto& left = a.as_list()->items;
  const auto& right = b.as_list()->items;
  for (size_t i = 0; i < left.size() && i < right.size(); ++i) {
    DUNLIN_ASSIGN_OR_RETURN(const bool same, equals_at(heap, left[i], right[i], depth + 1));
    if (!same) return less_at(heap, left[i], right[i], depth + 1);
  }
  return left.size() < right.size();
}

}  // namespace

Result<bool> equals(Heap& heap, const Value& left, const Value& right) {
  return equals_at(heap, left, right, 0);
}

Result<bool> is_less(Heap& heap, const Value& left, const Value& right) {
  return less_at(heap, left, right, 0);
}

Result<bool> contains(Heap& heap, const Value& container, const Value& item) {
  switch (container.kind()) {
    case Kind::kUndefined:
      return false;  // undefined iterates as empty
    case Kind::kString: {
      if (item.is_undefined()) return undefined_error(item);
      if (!item.is_string()) return types_error("in", item, container);
      DUNLIN_RETURN_IF_ERROR(heap.reserve_text(container.as_text().size() + item.as_text().size()));
      return find_text(container.as_text().view(), item.as_text().view()) != std::string_view::npos;
    }
    case Kind::kList: {
      for (const Value& member : container.as_list()->items) {
        DUNLIN_ASSIGN_OR_RETURN(const bool same, equals(heap, member, item));
        if (same) return true;
      }
      return false;
    }
    case Kind::kDict:
      if (item.is_string()) DUNLIN_RETURN_IF_ERROR(heap.reserve_text(item.as_text().size()));
      return container.as_dict()->find(item) != nullptr;
    default:
      return types_error("in", item, container);
  }
}

Result<bool> apply_comparison(Heap& heap, CompareOp op, const Value& left, const Value& right) {
  bool negated = false;
  Result<bool> result = false;
  switch (op) {
    case CompareOp::kNotEqual:
      negated = true;
      [[fallthrough]];
    case CompareOp::kEqual:
      result = equals(heap, left, right);
      break;
    case CompareOp::kNotIn:
      negated = true;
      [[fallthrough]];
    case CompareOp::kIn:
      result = contains(heap, right, left);
      break;
    case CompareOp::kLess:
      result = is_less(heap, left, right);
      break;
    case CompareOp::kGreater:
      result = is_less(heap, right, left);
      break;
    case CompareOp::kLessEqual:
    case CompareOp::kGreaterEqual: {
      // Not the negation of the reverse: that would be true for NaN.
      result = op == CompareOp::kLessEqual ? is_less(heap, left, right) : is_less(heap, right, left);
      if (result.is_ok() && !*result) result = equals(heap, left, right);
      break;
    }
  }
  if (result.is_ok() && negated) return !*result;
  return result;
}

}  // namespace dunlin::jinja
