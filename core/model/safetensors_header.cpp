#include "core/model/safetensors_header.h"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "core/model/printable.h"
#include "core/model/safetensors.h"

namespace dunlin {
namespace {

constexpr size_t kMaxDims = 8;  // more than any weight has; bounds the list
constexpr std::string_view kMetadataKey = "__metadata__";

// { name: { "dtype": string, "shape": [integers], "data_offsets": [begin, end] }, "__metadata__": { string:
// string } }
class HeaderReader : public nlohmann::json_sax<nlohmann::json> {
 public:
  explicit HeaderReader(std::string_view source) : source_(source) {}

  Status status() const { return status_; }
  std::vector<SafetensorsEntry> take() { return std::move(entries_); }

  bool null() override { return unexpected("null"); }
  bool boolean(bool) override { return unexpected("a boolean"); }
  bool number_integer(number_integer_t) override { return unexpected("a negative number"); }
  bool number_float(number_float_t, const string_t&) override { return unexpected("a fraction"); }
  bool binary(binary_t&) override { return unexpected("binary data"); }

  bool number_unsigned(number_unsigned_t value) override {
    if (place_ != Place::kList) return unexpected("a number");
    const size_t limit = field_ == Field::kShape ? kMaxDims : 2;
    if (list().size() == limit) return fail("a list of more than ", limit, " numbers");
    list().push_back(value);
    return true;
  }

  bool string(string_t& value) override {
    if (place_ == Place::kMetadata) return true;
    if (place_ != Place::kTensor || field_ != Field::kDtype) return unexpected("a string");
    entries_.back().dtype = value;
    return true;
  }

  bool start_object(size_t) override {
    switch (place_) {
      case Place::kOutside:
        place_ = Place::kRoot;
        return true;
      case Place::kRoot:
        return enter_value();
      default:
        return unexpected("an object");
    }
  }

  bool end_object() override {
    if (place_ == Place::kTensor && seen_ != kAllFields)
      return fail("dtype, shape or data_offsets is missing");
    if (place_ == Place::kTensor && entries_.back().offsets.size() != 2)
      return fail("data_offsets needs two numbers");
    place_ = place_ == Place::kRoot ? Place::kOutside : Place::kRoot;
    return true;
  }

  bool start_array(size_t) override {
    if (place_ != Place::kTensor || field_ == Field::kDtype) return unexpected("a list");
    place_ = Place::kList;
    return true;
  }

  bool end_array() override {
    place_ = Place::kTensor;
    return true;
  }

  bool key(string_t& name) override {
    if (place_ == Place::kTensor) return tensor_key(name);
    if (place_ == Place::kRoot) name_ = name;
    return true;
  }

  // The exception's text quotes the last token as it is, whatever its length.
  bool parse_error(size_t position, const std::string&, const nlohmann::detail::exception&) override {
    status_ = Status::corrupt(source_, ": the header is not valid JSON at byte ", position);
    return false;
  }

 private:
  enum class Place { kOutside, kRoot, kMetadata, kTensor, kList };
  enum class Field { kDtype, kShape, kOffsets };
  static constexpr unsigned kAllFields = 7;

  template <typename... P>
  bool fail(const P&... parts) {
    status_ = Status::corrupt(source_, ": header entry ", printable(name_), ": ", parts...);
    return false;
  }
  bool unexpected(std::string_view what) { return fail("holds ", what, " where none belongs"); }
  std::vector<uint64_t>& list() {
    return field_ == Field::kShape ? entries_.back().shape : entries_.back().offsets;
  }

  // The object behind a key of the root.
  bool enter_value() {
    if (name_ == kMetadataKey) {
      if (metadata_seen_) return fail("occurs twice");
      metadata_seen_ = true;
      place_ = Place::kMetadata;
      return true;
    }
    if (entries_.size() == kSafetensorsMaxTensors)
      return fail("more than ", kSafetensorsMaxTensors, " tensors");
    entries_.push_back({name_, {}, {}, {}});
    seen_ = 0;
    place_ = Place::kTensor;
    return true;
  }

  bool tensor_key(std::string_view name) {
    if (name == "dtype")
      field_ = Field::kDtype;
    else if (name == "shape")
      field_ = Field::kShape;
    else if (name == "data_offsets")
      field_ = Field::kOffsets;
    else
      return fail("unknown key ", printable(name));
    const unsigned bit = 1u << unsigned(field_);
    if (seen_ & bit) return fail("the key ", printable(name), " occurs twice");
    seen_ |= bit;
    return true;
  }

  std::string_view source_;
  Status status_;
  std::vector<SafetensorsEntry> entries_;
  std::string name_;
  Place place_ = Place::kOutside;
  Field field_ = Field::kDtype;
  unsigned seen_ = 0;
  bool metadata_seen_ = false;
};

Status check_unique(const std::vector<SafetensorsEntry>& entries, std::string_view source) {
  std::vector<std::string_view> names;
  names.reserve(entries.size());
  for (const SafetensorsEntry& entry : entries) names.push_back(entry.name);
  std::sort(names.begin(), names.end());
  const auto twin = std::adjacent_find(names.begin(), names.end());
  if (twin == names.end()) return Status::ok();
  return Status::corrupt(source, ": header entry ", printable(*twin), ": occurs twice");
}

}  // namespace

Result<std::vector<SafetensorsEntry>> read_safetensors_header(std::string_view json,
                                                              std::string_view source) {
  HeaderReader reader(source);
  try {
    if (!nlohmann::json::sax_parse(json, &reader)) {
      if (!reader.status().is_ok()) return reader.status();
      return Status::corrupt(source, ": the header is not valid JSON");
    }
  } catch (const std::exception& error) {
    return Status::corrupt(source, ": the header is not valid JSON: ", printable(error.what()));
  }
  std::vector<SafetensorsEntry> entries = reader.take();
  DUNLIN_RETURN_IF_ERROR(check_unique(entries, source));
  return entries;
}

}  // namespace dunlin
