#include <nlohmann/json.hpp>

#include "core/text/template/json.h"

namespace dunlin::jinja {
namespace {

// Receives nlohmann's events, which come without recursion; false stops the parse, with status_ saying why.
class JsonReader : public nlohmann::json_sax<nlohmann::json> {
 public:
  JsonReader(Origin origin, const JsonLimits& limits) : origin_(origin), limits_(limits) {}

  bool null() override { return add(Value::none()); }
  bool boolean(bool value) override { return add(Value::boolean(value)); }
  bool number_integer(number_integer_t value) override { return add(Value::integer(value)); }
  bool number_unsigned(number_unsigned_t value) override {
    const bool fits = value <= uint64_t(INT64_MAX);
    return add(fits ? Value::integer(int64_t(value)) : Value::real(double(value)));
  }
  bool number_float(number_float_t value, const string_t&) override { return add(Value::real(value)); }
  bool string(string_t& value) override { return add(Value::string(std::move(value), origin_)); }
  bool binary(binary_t&) override { return false; }
  bool key(string_t& name) override {
    open_.back().key = Value::string(std::move(name), origin_);
    return true;
  }
  bool start_object(std::size_t) override {
    auto dict = std::make_shared<Dict>();
    dict->origin = origin_;
    return open(Value::dict(std::move(dict)));
  }
  bool start_array(std::size_t) override {
    auto list = std::make_shared<List>();
    list->origin = origin_;
    return open(Value::list(std::move(list)));
  }
  bool end_object() override { return close(); }
  bool end_array() override { return close(); }
  bool parse_error(std::size_t position, const std::string&, const nlohmann::json::exception&) override {
    status_ = Status::corrupt("JSON: malformed near byte ", position);
    return false;
  }

  Status status() const { return status_; }
  Value take() { return std::move(root_); }

 private:
  struct Open {
    Value container;
    Value key;
  };

  bool add(Value value) {
    if (++n_values_ > limits_.values) {
      status_ = Status::exhausted("JSON: more than ", limits_.values, " values");
      return false;
    }
    if (open_.empty()) {
      root_ = std::move(value);
    } else if (open_.back().container.is_list()) {
      open_.back().container.as_list()->items.push_back(std::move(value));
    } else {
      open_.back().container.as_dict()->set(std::move(open_.back().key), std::move(value));
    }
    return true;
  }

  bool open(Value container) {
    if (open_.size() >= limits_.depth) {
      status_ = Status::exhausted("JSON: nested deeper than ", limits_.depth, " levels");
      return false;
    }
    Value handle = container;
    if (!add(std::move(container))) return false;
    open_.push_back({std::move(handle), Value()});
    return true;
  }

  bool close() {
    open_.pop_back();
    return true;
  }

  const Origin origin_;
  const JsonLimits limits_;
  size_t n_values_ = 0;
  std::vector<Open> open_;
  Value root_;
  Status status_;
};

}  // namespace

Result<Value> parse_json(std::string_view text, Origin origin, const JsonLimits& limits) {
  if (text.size() > limits.text_bytes) {
    return Status::exhausted("JSON: ", text.size(), " bytes, at most ", limits.text_bytes, " are read");
  }
  JsonReader reader(origin, limits);
  try {
    if (nlohmann::json::sax_parse(text.begin(), text.end(), &reader)) return reader.take();
  } catch (const std::exception& e) {
    return Status::corrupt("JSON: ", e.what());
  }
  if (!reader.status().is_ok()) return reader.status();
  return Status::corrupt("JSON: malformed");
}

}  // namespace dunlin::jinja
