// Value: what a chat template computes with; the data model is Python's, reduced to what JSON and templates
// need. A Value is a cheap handle: strings are immutable, lists and dicts are shared by reference as in
// Python. Values may be read from many threads while nobody changes a container that they share.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "core/base/status.h"
#include "core/text/template/marked_text.h"

namespace dunlin::jinja {

class Dict;
class Heap;
class Object;
class Value;
struct Arguments;
struct List;

enum class Kind : uint8_t { kUndefined, kNone, kBool, kInt, kFloat, kString, kList, kDict, kObject };

class Value {
 public:
  Value() = default;  // undefined
  // Undefined with the sentence that an error about it shows, such as "'x' is undefined".
  static Value undefined(std::string why);
  static Value none() { return Value(State(None{})); }
  static Value boolean(bool value) { return Value(State(value)); }
  static Value integer(int64_t value) { return Value(State(value)); }
  static Value real(double value) { return Value(State(value)); }
  static Value string(std::string text, Origin origin);
  static Value string(MarkedText text);
  static Value list(std::shared_ptr<List> list) { return Value(State(std::move(list))); }
  static Value dict(std::shared_ptr<Dict> dict) { return Value(State(std::move(dict))); }
  static Value object(std::shared_ptr<Object> object) { return Value(State(std::move(object))); }

  Kind kind() const { return Kind(state_.index()); }
  bool is_undefined() const { return kind() == Kind::kUndefined; }
  bool is_none() const { return kind() == Kind::kNone; }
  bool is_bool() const { return kind() == Kind::kBool; }
  bool is_int() const { return kind() == Kind::kInt; }
  bool is_float() const { return kind() == Kind::kFloat; }
  bool is_number() const { return is_int() || is_float() || is_bool(); }  // True and False are 1 and 0
  bool is_string() const { return kind() == Kind::kString; }
  bool is_list() const { return kind() == Kind::kList; }
  bool is_dict() const { return kind() == Kind::kDict; }
  bool is_object() const { return kind() == Kind::kObject; }

  // Each asks for the kind of its name; anything else is a programming error.
  bool as_bool() const { return std::get<bool>(state_); }
  int64_t as_int() const { return is_bool() ? int64_t(as_bool()) : std::get<int64_t>(state_); }
  double as_number() const { return is_float() ? std::get<double>(state_) : double(as_int()); }
  const MarkedText& as_text() const { return *std::get<std::shared_ptr<const MarkedText>>(state_); }
  const std::shared_ptr<List>& as_list() const { return std::get<std::shared_ptr<List>>(state_); }
  const std::shared_ptr<Dict>& as_dict() const { return std::get<std::shared_ptr<Dict>>(state_); }
  const std::shared_ptr<Object>& as_object() const { return std::get<std::shared_ptr<Object>>(state_); }

  // True for a string with exactly this text, whatever its marks.
  bool is_text(std::string_view text) const { return is_string() && as_text().view() == text; }
  // Why an undefined value is undefined.
  std::string_view why_undefined() const;
  // The type's name in Python, for messages.
  std::string_view type_name() const;

 private:
  struct Undefined {
    std::shared_ptr<const std::string> why;
  };
  struct None {};
  // In the order of Kind.
  using State = std::variant<Undefined, None, bool, int64_t, double, std::shared_ptr<const MarkedText>,
                             std::shared_ptr<List>, std::shared_ptr<Dict>, std::shared_ptr<Object>>;
  explicit Value(State state) : state_(std::move(state)) {}

  State state_;
};

// A list or a tuple. Its origin says who wrote its brackets: a container of a message prints as message text.
struct List {
  std::vector<Value> items;
  bool is_tuple = false;
  Origin origin = Origin::kTemplate;
};

// A dict that keeps the order of insertion. Keys are strings, numbers, booleans or none, equal as in Python.
class Dict {
 public:
  struct Entry {
    Value key;
    Value value;
  };

  Origin origin = Origin::kTemplate;

  size_t size() const { return entries_.size(); }
  const std::vector<Entry>& entries() const { return entries_; }

  static bool is_valid_key(const Value& key);
  // Null if there is no such entry. The pointer is valid until the next change.
  const Value* find(const Value& key) const;
  const Value* find(std::string_view key) const;
  // A new key goes to the end, a known one keeps its place. The key must be valid.
  void set(Value key, Value value);
  void set(std::string_view key, Value value);  // the key is template text
  std::optional<Value> remove(const Value& key);
  void clear();

 private:
  std::optional<size_t> position(const std::string& index_key) const;

  std::vector<Entry> entries_;
  std::map<std::string, size_t> index_;  // ordered: no key can be chosen to collide
};

// Something with attributes of its own or that can be called: a namespace, the loop variable, a macro, a
// function, a bound method. Lives no longer than the render that made it.
class Object {
 public:
  virtual ~Object() = default;
  virtual std::string_view type_name() const = 0;
  virtual bool is_callable() const { return false; }
  // True where an error of call() already says where it happened or must be passed on as it is.
  virtual bool reports_own_errors() const { return false; }
  virtual Result<Value> attribute(Heap& heap, std::string_view name);  // undefined unless overridden
  virtual Result<Value> call(Heap& heap, const Arguments& arguments);
};

}  // namespace dunlin::jinja
