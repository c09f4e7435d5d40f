#include "core/text/hf_vocabulary.h"

#include <nlohmann/json.hpp>

#include "core/model/printable.h"

namespace dunlin {
namespace {

using Json = nlohmann::json;

constexpr size_t kMaxDepth = 64;
constexpr size_t kMaxOtherValues = 2'000'000;
constexpr size_t kMaxMerges = size_t(1) << 23;

// The events of nlohmann's SAX parser, which does not recurse. Each returns false to stop; status() says why.
class VocabularyReader final : public nlohmann::json_sax<Json> {
 public:
  explicit VocabularyReader(TokenizerSpec& spec) : spec_(spec) {}

  const Status& status() const { return status_; }
  const Json& rest() const { return rest_; }

  bool null() override { return add(nullptr); }
  bool boolean(bool value) override { return add(value); }
  bool number_float(double value, const std::string&) override { return add(value); }
  bool binary(Json::binary_t&) override { return fail("holds binary data"); }
  bool number_integer(int64_t value) override {
    return place() == Place::kVocab ? fail("gives a token the id ", value) : add(value);
  }
  bool number_unsigned(uint64_t value) override {
    return place() == Place::kVocab ? add_token(value) : add(value);
  }

  bool string(std::string& value) override {
    if (place() == Place::kMerges) return add_merge(value);
    if (place() == Place::kMergePair) return add_merge_part(value);
    return add(std::move(value));
  }

  bool start_object(size_t) override {
    if (is_model() && key_ == "vocab") return enter(Place::kVocab);
    return open(Json::object());
  }

  bool start_array(size_t) override {
    if (is_model() && key_ == "merges") return enter(Place::kMerges);
    if (place() == Place::kMerges) {
      merge_parts_ = 0;
      return enter(Place::kMergePair);
    }
    return open(Json::array());
  }

  bool key(std::string& value) override {
    key_ = std::move(value);
    if (place() != Place::kDocument) return true;
    const bool is_new = !levels_.back().value->contains(key_) && !(is_model() && has_streamed(key_));
    return is_new || fail("has the key ", printable(key_), " twice in one object");
  }

  bool end_object() override { return leave(); }
  bool end_array() override {
    if (place() == Place::kMergePair && merge_parts_ != 2) return fail_merge();
    return leave();
  }

  bool parse_error(size_t position, const std::string&, const nlohmann::detail::exception&) override {
    return fail("is not valid JSON at byte ", position);
  }

 private:
  enum class Place : uint8_t { kDocument, kVocab, kMerges, kMergePair };
  struct Level {
    Place place;
    Json* value;    // of kDocument
    bool is_model;  // the object at the key "model" of the root
  };

  template <typename... P>
  bool fail(const P&... what) {
    status_ = Status::corrupt(spec_.source, ": tokenizer.json ", what...);
    return false;
  }
  bool fail_merge() {
    return fail("model.merges: entry ", spec_.merges.size() - (merge_parts_ > 0 ? 1 : 0),
                " does not have two parts");
  }

  Place place() const { return levels_.empty() ? Place::kDocument : levels_.back().place; }
  bool is_model() const { return !levels_.empty() && levels_.back().is_model; }
  bool has_streamed(std::string_view key) const {
    return (key == "vocab" && has_vocab_) || (key == "merges" && has_merges_);
  }

  bool enter(Place place) {
    if (levels_.size() >= kMaxDepth) return fail("is more than ", kMaxDepth, " levels deep");
    has_vocab_ = has_vocab_ || place == Place::kVocab;
    has_merges_ = has_merges_ || place == Place::kMerges;
    levels_.push_back({place, nullptr, false});
    return true;
  }

  bool leave() {
    levels_.pop_back();
    return true;
  }

  bool open(Json container) {
    if (levels_.size() >= kMaxDepth) return fail("is more than ", kMaxDepth, " levels deep");
    const bool is_model = levels_.size() == 1 && key_ == "model" && container.is_object();
    Json* const placed = put(std::move(container));
    if (placed == nullptr) return false;
    levels_.push_back({Place::kDocument, placed, is_model});
    return true;
  }

  bool add(Json value) { return put(std::move(value)) != nullptr; }

  Json* put(Json value) {
    if (place() != Place::kDocument) {
      fail(place() == Place::kVocab ? "model.vocab has a value that is no token id"
                                    : "model.merges has an entry that is neither a text nor a pair of texts");
      return nullptr;
    }
    if (++n_values_ > kMaxOtherValues) {
      fail("has more than ", kMaxOtherValues, " values beside the vocabulary");
      return nullptr;
    }
    if (levels_.empty()) return &(rest_ = std::move(value));
    Json& parent = *levels_.back().value;
    if (parent.is_object()) return &(parent[key_] = std::move(value));
    parent.push_back(std::move(value));
    return &parent.back();
  }

  bool add_token(uint64_t id) {
    if (id >= kMaxTokenizerTokens)
      return fail("gives a token the id ", id, "; at most ", kMaxTokenizerTokens - 1, " expected");
    if (id >= spec_.tokens.size()) {
      spec_.tokens.resize(id + 1);
      spec_.types.resize(id + 1, TokenType::kUnused);
    }
    if (spec_.types[id] != TokenType::kUnused) {
      return fail("gives the id ", id, " to ", printable(spec_.tokens[id]), " and to ", printable(key_));
    }
    spec_.tokens[id] = std::move(key_);
    spec_.types[id] = TokenType::kNormal;
    return true;
  }

  bool add_merge(const std::string& merge) {
    const size_t cut = merge.find(' ', 1);
    merge_parts_ = 0;
    if (cut == merge.npos || cut + 1 == merge.size()) return fail_merge();
    if (spec_.merges.size() >= kMaxMerges) return fail("has more than ", kMaxMerges, " merges");
    spec_.merges.push_back({merge.substr(0, cut), merge.substr(cut + 1)});
    return true;
  }

  bool add_merge_part(std::string& part) {
    if (spec_.merges.size() >= kMaxMerges) return fail("has more than ", kMaxMerges, " merges");
    if (merge_parts_++ == 0) {
      spec_.merges.push_back({std::move(part), {}});
    } else {
      spec_.merges.back().right = std::move(part);
    }
    return merge_parts_ <= 2 || fail_merge();
  }

  TokenizerSpec& spec_;
  Status status_;
  Json rest_;
  std::vector<Level> levels_;
  std::string key_;
  size_t n_values_ = 0;
  size_t merge_parts_ = 0;
  bool has_vocab_ = false;
  bool has_merges_ = false;
};

}  // namespace

Status read_hf_vocabulary(std::string_view tokenizer_json, TokenizerSpec& spec, std::string& rest) {
  if (tokenizer_json.size() > kMaxTokenizerJsonBytes) {
    return Status::corrupt(spec.source, ": tokenizer.json is ", tokenizer_json.size(),
                           " bytes long; at most ", kMaxTokenizerJsonBytes, " expected");
  }
  VocabularyReader reader(spec);
  try {
    const bool is_done = Json::sax_parse(tokenizer_json, &reader);
    DUNLIN_RETURN_IF_ERROR(reader.status());
    if (!is_done) return Status::corrupt(spec.source, ": tokenizer.json is not valid JSON");
    rest = reader.rest().dump();
  } catch (const Json::exception&) {
    return Status::corrupt(spec.source, ": tokenizer.json cannot be read as JSON");
  }
  return Status::ok();
}

}  // namespace dunlin
