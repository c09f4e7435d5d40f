#include "core/text/template/value.h"

#include <cmath>

#include "core/text/template/arguments.h"

namespace dunlin::jinja {
namespace {

// Below this many entries a scan is faster than the index.
constexpr size_t kScannedEntries = 8;

// One spelling for all keys that Python calls equal: 1, 1.0 and True are the same key.
std::string index_key_of(const Value& key) {
  switch (key.kind()) {
    case Kind::kString:
      return str_cat('s', key.as_text().view());
    case Kind::kBool:
    case Kind::kInt:
      return str_cat('n', key.as_int());
    case Kind::kFloat: {
      const double number = key.as_number();
      const bool is_integral = std::trunc(number) == number && std::fabs(number) < 0x1p63;
      return is_integral ? str_cat('n', int64_t(number)) : str_cat('f', number);
    }
    default:
      return "-";
  }
}

}  // namespace

Value Value::undefined(std::string why) {
  return Value(State(Undefined{std::make_shared<const std::string>(std::move(why))}));
}

Value Value::string(std::string text, Origin origin) {
  return string(MarkedText(std::move(text), origin));
}

Value Value::string(MarkedText text) {
  return Value(State(std::make_shared<const MarkedText>(std::move(text))));
}

std::string_view Value::why_undefined() const {
  const auto& why = std::get<Undefined>(state_).why;
  return why ? std::string_view(*why) : "the value is undefined";
}

std::string_view Value::type_name() const {
  switch (kind()) {
    case Kind::kUndefined:
      return "Undefined";
    case Kind::kNone:
      return "NoneType";
    case Kind::kBool:
      return "bool";
    case Kind::kInt:
      return "int";
    case Kind::kFloat:
      return "float";
    case Kind::kString:
      return "str";
    case Kind::kList:
      return as_list()->is_tuple ? "tuple" : "list";
    case Kind::kDict:
      return "dict";
    case Kind::kObject:
      return as_object()->type_name();
  }
  return "unknown";
}

bool Dict::is_valid_key(const Value& key) {
  return key.is_string() || key.is_number() || key.is_none();
}

std::optional<size_t> Dict::position(const std::string& index_key) const {
  if (entries_.size() > kScannedEntries) {
    const auto found = index_.find(index_key);
    return found == index_.end() ? std::nullopt : std::optional(found->second);
  }
  for (size_t i = 0; i < entries_.size(); ++i) {
    if (index_key_of(entries_[i].key) == index_key) return i;
  }
  return std::nullopt;
}

const Value* Dict::find(const Value& key) const {
  if (!is_valid_key(key)) return nullptr;
  const auto at = position(index_key_of(key));
  return at ? &entries_[*at].value : nullptr;
}

const Value* Dict::find(std::string_view key) const {
  if (entries_.size() <= kScannedEntries) {
    for (const Entry& entry : entries_) {
      if (entry.key.is_text(key)) return &entry.value;
    }
    return nullptr;
  }
  const auto at = position(str_cat('s', key));
  return at ? &entries_[*at].value : nullptr;
}

void Dict::set(Value key, Value value) {
  DUNLIN_CHECK(is_valid_key(key));
  const std::string index_key = index_key_of(key);
  if (const auto at = position(index_key)) {
    entries_[*at].value = std::move(value);
    return;
  }
  entries_.push_back({std::move(key), std::move(value)});
  if (entries_.size() == kScannedEntries + 1) {
    index_.clear();
    for (size_t i = 0; i < entries_.size(); ++i) index_.emplace(index_key_of(entries_[i].key), i);
  } else if (entries_.size() > kScannedEntries) {
    index_.emplace(index_key, entries_.size() - 1);
  }
}

void Dict::set(std::string_view key, Value value) {
  set(Value::string(std::string(key), Origin::kTemplate), std::move(value));
}

std::optional<Value> Dict::remove(const Value& key) {
  if (!is_valid_key(key)) return std::nullopt;
  const auto at = position(index_key_of(key));
  if (!at) return std::nullopt;
  Value removed = std::move(entries_[*at].value);
  entries_.erase(entries_.begin() + ptrdiff_t(*at));
  index_.clear();
  if (entries_.size() > kScannedEntries) {
    for (size_t i = 0; i < entries_.size(); ++i) index_.emplace(index_key_of(entries_[i].key), i);
  }
  return removed;
}

void Dict::clear() {
  entries_.clear();
  index_.clear();
}

Result<Value> Object::attribute(Heap&, std::string_view name) {
  return Value::undefined(str_cat("'", type_name(), " object' has no attribute '", name, "'"));
}

Result<Value> Object::call(Heap&, const Arguments&) {
  return Status::invalid("'", type_name(), "' object is not callable");
}

}  // namespace dunlin::jinja
