#include "core/model/json_check.h"

#include <nlohmann/json.hpp>
#include <set>
#include <string>
#include <vector>

#include "core/model/printable.h"

namespace dunlin {
namespace {

// Counts depth and values and remembers the keys of the open objects. Returning false ends the parse.
class LimitChecker : public nlohmann::json_sax<nlohmann::json> {
 public:
  LimitChecker(std::string_view source, const JsonLimits& limits) : source_(source), limits_(limits) {}

  Status status() const { return status_; }

  bool null() override { return count(); }
  bool boolean(bool) override { return count(); }
  bool number_integer(number_integer_t) override { return count(); }
  bool number_unsigned(number_unsigned_t) override { return count(); }
  bool number_float(number_float_t, const string_t&) override { return count(); }
  bool string(string_t&) override { return count(); }
  bool binary(binary_t&) override { return count(); }
  bool start_object(size_t) override { return open(); }
  bool start_array(size_t) override { return open(); }
  bool end_object() override { return close(); }
  bool end_array() override { return close(); }
  bool key(string_t& name) override {
    if (open_keys_.back().insert(name).second) return true;
    return fail(Status::corrupt(source_, ": the key ", printable(name), " occurs twice in one object"));
  }
  // The exception's text quotes the last token as it is, whatever its length.
  bool parse_error(size_t position, const std::string&, const nlohmann::detail::exception&) override {
    return fail(Status::corrupt(source_, ": not valid JSON at byte ", position));
  }

 private:
  bool fail(Status status) {
    status_ = std::move(status);
    return false;
  }
  bool count() {
    if (++n_values_ <= limits_.max_values) return true;
    return fail(Status::corrupt(source_, ": more than ", limits_.max_values, " JSON values"));
  }
  bool open() {
    if (open_keys_.size() >= limits_.max_depth)
      return fail(Status::corrupt(source_, ": JSON nested deeper than ", limits_.max_depth));
    open_keys_.emplace_back();
    return count();
  }
  bool close() {
    open_keys_.pop_back();
    return true;
  }

  std::string_view source_;
  JsonLimits limits_;
  Status status_;
  uint64_t n_values_ = 0;
  std::vector<std::set<std::string>> open_keys_;
};

}  // namespace

Status check_json(std::string_view text, std::string_view source, const JsonLimits& limits) {
  if (text.size() > limits.max_bytes)
    return Status::corrupt(source, ": ", text.size(), " bytes of JSON; at most ", limits.max_bytes,
                           " are allowed");
  LimitChecker checker(source, limits);
  try {
    if (nlohmann::json::sax_parse(text, &checker)) return Status::ok();
  } catch (const std::exception& error) {
    return Status::corrupt(source, ": not valid JSON: ", printable(error.what()));
  }
  if (!checker.status().is_ok()) return checker.status();
  return Status::corrupt(source, ": not valid JSON");
}

}  // namespace dunlin
