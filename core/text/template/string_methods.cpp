#include <algorithm>

#include "core/text/template/access.h"
#include "core/text/template/format.h"
#include "core/text/template/heap.h"
#include "core/text/template/method_tables.h"
#include "core/text/template/text_operations.h"
#include "core/text/template/unicode_text.h"

namespace dunlin::jinja {
namespace {

constexpr size_t kNoMatch = std::string_view::npos;

Result<const MarkedText*> text_argument(std::string_view name, const Value* argument) {
  if (!argument->is_string()) return Status::invalid(name, "() needs a string, not ", argument->type_name());
  return &argument->as_text();
}

// Text arguments and the text itself are read once each; that is what a method is charged for.
Status charge(Heap& heap, const Value& self, const Value* argument = nullptr) {
  DUNLIN_RETURN_IF_ERROR(heap.reserve_text(self.as_text().size()));
  if (!argument || !argument->is_string()) return Status::ok();
  return heap.reserve_text(argument->as_text().size());
}

// --- strip ---

template <Side kSide>
Result<Value> string_strip(Heap& heap, std::string_view name, const Value& self, const Arguments& arguments) {
  DUNLIN_ASSIGN_OR_RETURN(const auto bound, bind_arguments(name, arguments, {"chars"}));
  return strip_value(heap, self.as_text(), kSide, bound[0]);
}

template <bool kPrefix>
Result<Value> string_remove(Heap& heap, std::string_view name, const Value& self,
                            const Arguments& arguments) {
  DUNLIN_ASSIGN_OR_RETURN(const auto bound, bind_arguments(name, arguments, {"affix"}, 1));
  DUNLIN_ASSIGN_OR_RETURN(const MarkedText* affix, text_argument(name, bound[0]));
  const MarkedText& text = self.as_text();
  const std::string_view view = text.view();
  const size_t rest = view.size() - std::min(affix->size(), view.size());
  if (kPrefix && view.starts_with(affix->view())) return heap.string(text.slice(affix->size(), rest));
  if (!kPrefix && view.ends_with(affix->view())) return heap.string(text.slice(0, rest));
  return self;
}

// --- split ---

Result<int64_t> split_limit(std::string_view name, const Value* limit) {
  if (!limit) return int64_t(-1);
  if (!limit->is_int()) return Status::invalid(name, "() needs a whole number as its limit");
  return limit->as_int();
}

template <bool kFromRight>
Result<Value> string_split(Heap& heap, std::string_view name, const Value& self, const Arguments& arguments) {
  DUNLIN_ASSIGN_OR_RETURN(const auto bound, bind_arguments(name, arguments, {"sep", "maxsplit"}));
  DUNLIN_ASSIGN_OR_RETURN(const int64_t limit, split_limit(name, bound[1]));
  DUNLIN_RETURN_IF_ERROR(charge(heap, self, bound[0]));
  if (!bound[0] || bound[0]->is_none()) {
    return list_of_texts(heap, split_whitespace(self.as_text(), limit, kFromRight));
  }
  DUNLIN_ASSIGN_OR_RETURN(const MarkedText* separator, text_argument(name, bound[0]));
  if (separator->empty()) return Status::invalid(name, "() needs a separator that is not empty");
  return list_of_texts(heap, split(self.as_text(), separator->view(), limit, kFromRight));
}

Result<Value> string_splitlines(Heap& heap, std::string_view name, const Value& self,
                                const Arguments& arguments) {
  DUNLIN_RETURN_IF_ERROR(expect_no_arguments(name, arguments));
  DUNLIN_RETURN_IF_ERROR(charge(heap, self));
  return list_of_texts(heap, split_lines(self.as_text()));
}

// The part before the separator, the separator, the part after it.
template <bool kFromRight>
Result<Value> string_partition(Heap& heap, std::string_view name, const Value& self,
                               const Arguments& arguments) {
  DUNLIN_ASSIGN_OR_RETURN(const auto bound, bind_arguments(name, arguments, {"sep"}, 1));
  DUNLIN_ASSIGN_OR_RETURN(const MarkedText* separator, text_argument(name, bound[0]));
  if (separator->empty()) return Status::invalid(name, "() needs a separator that is not empty");
  DUNLIN_RETURN_IF_ERROR(charge(heap, self, bound[0]));
  std::vector<MarkedText> parts = split(self.as_text(), separator->view(), 1, kFromRight);
  if (parts.size() == 2) {
    const size_t at = parts[0].size();
    parts.insert(parts.begin() + 1, self.as_text().slice(at, separator->size()));
  } else {
    parts.insert(kFromRight ? parts.begin() : parts.end(), 2, MarkedText());
  }
  DUNLIN_ASSIGN_OR_RETURN(Value list, list_of_texts(heap, parts));
  list.as_list()->is_tuple = true;
  return list;
}

// --- search ---

template <bool kAtStart>
Result<Value> string_has_affix(Heap& heap, std::string_view name, const Value& self,
                               const Arguments& arguments) {
  DUNLIN_ASSIGN_OR_RETURN(const auto bound, bind_arguments(name, arguments, {"affix"}, 1));
  std::vector<Value> choices{*bound[0]};
  if (bound[0]->is_list() && bound[0]->as_list()->is_tuple) choices = bound[0]->as_list()->items;
  const std::string_view view = self.as_text().view();
  DUNLIN_RETURN_IF_ERROR(heap.step(choices.size()));
  for (const Value& choice : choices) {
    DUNLIN_ASSIGN_OR_RETURN(const MarkedText* affix, text_argument(name, &choice));
    DUNLIN_RETURN_IF_ERROR(heap.reserve_text(affix->size()));
    if (kAtStart ? view.starts_with(affix->view()) : view.ends_with(affix->view()))
      return Value::boolean(true);
  }
  return Value::boolean(false);
}

template <bool kFromRight, bool kMustExist>
Result<Value> string_find(Heap& heap, std::string_view name, const Value& self, const Arguments& arguments) {
  DUNLIN_ASSIGN_OR_RETURN(const auto bound, bind_arguments(name, arguments, {"sub"}, 1));
  DUNLIN_ASSIGN_OR_RETURN(const MarkedText* wanted, text_argument(name, bound[0]));
  DUNLIN_RETURN_IF_ERROR(charge(heap, self, bound[0]));
  const std::string_view view = self.as_text().view();
  size_t at = find_text(view, wanted->view());
  if (kFromRight && at != kNoMatch) {
    at = wanted->empty() ? view.size() : split(self.as_text(), wanted->view(), 1, true)[0].size();
  }
  if (at != kNoMatch) return Value::integer(int64_t(count_code_points(view.substr(0, at))));
  if (kMustExist) return Status::invalid(name, "(): the text is not in the string");
  return Value::integer(-1);
}

Result<Value> string_count(Heap& heap, std::string_view name, const Value& self, const Arguments& arguments) {
  DUNLIN_ASSIGN_OR_RETURN(const auto bound, bind_arguments(name, arguments, {"sub"}, 1));
  DUNLIN_ASSIGN_OR_RETURN(const MarkedText* wanted, text_argument(name, bound[0]));
  DUNLIN_RETURN_IF_ERROR(charge(heap, self, bound[0]));
  const std::string_view view = self.as_text().view();
  if (wanted->empty()) return Value::integer(int64_t(count_code_points(view)) + 1);
  return Value::integer(int64_t(split(self.as_text(), wanted->view(), -1, false).size()) - 1);
}

// --- making strings ---

template <LetterCase kCase>
Result<Value> string_case(Heap& heap, std::string_view name, const Value& self, const Arguments& arguments) {
  DUNLIN_RETURN_IF_ERROR(expect_no_arguments(name, arguments));
  DUNLIN_RETURN_IF_ERROR(charge(heap, self));
  return heap.string(change_case(self.as_text(), kCase));
}

Result<Value> string_replace(Heap& heap, std::string_view name, const Value& self,
                             const Arguments& arguments) {
  DUNLIN_ASSIGN_OR_RETURN(const auto bound, bind_arguments(name, arguments, {"old", "new", "count"}, 2));
  DUNLIN_ASSIGN_OR_RETURN(const MarkedText* old_text, text_argument(name, bound[0]));
  DUNLIN_ASSIGN_OR_RETURN(const MarkedText* new_text, text_argument(name, bound[1]));
  DUNLIN_ASSIGN_OR_RETURN(const int64_t limit, split_limit(name, bound[2]));
  return replace_text(heap, self.as_text(), *old_text, *new_text, limit);
}

Result<Value> string_join(Heap& heap, std::string_view name, const Value& self, const Arguments& arguments) {
  DUNLIN_ASSIGN_OR_RETURN(const auto bound, bind_arguments(name, arguments, {"items"}, 1));
  DUNLIN_ASSIGN_OR_RETURN(const std::vector<Value> items, items_of(heap, *bound[0]));
  for (const Value& item : items) {
    if (!item.is_string()) return Status::invalid("join() needs strings, not ", item.type_name());
  }
  return join_values(heap, self.as_text(), items);
}

Result<Value> string_format(Heap& heap, std::string_view name, const Value& self,
                            const Arguments& arguments) {
  return format_braces(heap, self.as_text(), arguments);
}

// --- classes of characters ---

template <bool (*kHolds)(std::string_view)>
Result<Value> string_is(Heap& heap, std::string_view name, const Value& self, const Arguments& arguments) {
  DUNLIN_RETURN_IF_ERROR(expect_no_arguments(name, arguments));
  DUNLIN_RETURN_IF_ERROR(charge(heap, self));
  return Value::boolean(kHolds(self.as_text().view()));
}

bool is_upper(std::string_view text) {
  return is_all(text, LetterCase::kUpper);
}
bool is_lower(std::string_view text) {
  return is_all(text, LetterCase::kLower);
}
bool is_digits(std::string_view text) {
  return consists_of(text, CharacterClass::kDigit);
}
bool is_letters(std::string_view text) {
  return consists_of(text, CharacterClass::kLetter);
}
bool is_alphanumeric(std::string_view text) {
  return consists_of(text, CharacterClass::kAlphanumeric);
}
bool is_blank(std::string_view text) {
  return consists_of(text, CharacterClass::kSpace);
}

constexpr MethodRow kStringMethods[] = {
    {"capitalize", string_case<LetterCase::kCapitalized>},
    {"count", string_count},
    {"endswith", string_has_affix<false>},
    {"find", string_find<false, false>},
    {"format", string_format},
    {"index", string_find<false, true>},
    {"isalnum", string_is<is_alphanumeric>},
    {"isalpha", string_is<is_letters>},
    {"isdigit", string_is<is_digits>},
    {"islower", string_is<is_lower>},
    {"isspace", string_is<is_blank>},
    {"isupper", string_is<is_upper>},
    {"join", string_join},
    {"lower", string_case<LetterCase::kLower>},
    {"lstrip", string_strip<Side::kLeft>},
    {"partition", string_partition<false>},
    {"removeprefix", string_remove<true>},
    {"removesuffix", string_remove<false>},
    {"replace", string_replace},
    {"rfind", string_find<true, false>},
    {"rpartition", string_partition<true>},
    {"rsplit", string_split<true>},
    {"rstrip", string_strip<Side::kRight>},
    {"split", string_split<false>},
    {"splitlines", string_splitlines},
    {"startswith", string_has_affix<true>},
    {"strip", string_strip<Side::kBoth>},
    {"title", string_case<LetterCase::kTitle>},
    {"upper", string_case<LetterCase::kUpper>},
};

}  // namespace

std::span<const MethodRow> string_methods() {
  return kStringMethods;
}

}  // namespace dunlin::jinja
