// The JSON that the C API gives out has the keys that dunlin.h names, no more and no fewer.
#include <catch2/catch.hpp>
#include <fstream>
#include <iterator>
#include <map>
#include <nlohmann/json.hpp>
#include <set>
#include <string>

#include "dunlin/dunlin.hpp"

namespace {

using Json = nlohmann::json;

constexpr const char* kModel = "tests/data/models/fairy-4m-q4_k_m.gguf";

// An object as a comment describes it: {a, b (what it is), c {d, e}, f [{g}], h {...}}.
struct Keys {
  bool are_told = true;  // not: {...}
  std::map<std::string, Keys> of;
  bool is_leaf() const { return are_told && of.empty(); }
};

class CommentParser {
 public:
  explicit CommentParser(std::string text) : text_(std::move(text)) { at_ = text_.find('{'); }

  Keys parse() {
    expect('{');
    Keys keys;
    if (text_.compare(at_, 3, "...") == 0) {
      keys.are_told = false;
      at_ += 3;
    } else {
      do parse_item(keys);
      while (take(','));
    }
    expect('}');
    return keys;
  }

 private:
  void parse_item(Keys& keys) {
    skip_blanks();
    std::string name;
    while (std::isalnum(static_cast<unsigned char>(text_[at_])) != 0 || text_[at_] == '_')
      name += text_[at_++];
    REQUIRE_FALSE(name.empty());
    Keys& of_item = keys.of[name];
    skip_blanks();
    if (text_[at_] == '(') at_ = text_.find(')', at_) + 1;
    const bool is_list = take('[');
    skip_blanks();
    if (text_[at_] == '{') of_item = parse();
    if (is_list) expect(']');
  }
  void skip_blanks() {
    while (text_[at_] == ' ' || text_[at_] == '\n' || text_[at_] == '*') ++at_;
  }
  bool take(char c) {
    skip_blanks();
    if (text_[at_] != c) return false;
    ++at_;
    return true;
  }
  void expect(char c) {
    INFO("in the comment at: " << text_.substr(std::min(at_, text_.size()), 60));
    REQUIRE(take(c));
  }

  std::string text_;
  size_t at_ = 0;
};

// The comment before a function's declaration.
std::string comment_of(const std::string& function) {
  std::ifstream in("core/include/dunlin/dunlin.h");
  const std::string header{std::istreambuf_iterator<char>(in), std::istreambuf_iterator<char>()};
  const size_t declared = header.find(" " + function + "(");
  REQUIRE(declared != std::string::npos);
  const size_t begin = header.rfind("/*", declared);
  return header.substr(begin, header.find("*/", begin) - begin);
}

void check_keys(const Json& json, const Keys& documented, const std::string& where) {
  if (json.is_array()) {
    REQUIRE_FALSE(json.empty());
    return check_keys(json.front(), documented, where + "[]");
  }
  INFO(where);
  REQUIRE(json.is_object() == !documented.is_leaf());
  if (!json.is_object() || !documented.are_told) return;
  std::set<std::string> told, given;
  for (const auto& [name, keys] : documented.of) told.insert(name);
  for (const auto& [name, value] : json.items()) given.insert(name);
  CHECK(told == given);
  for (const auto& [name, keys] : documented.of)
    if (json.contains(name) && !keys.is_leaf()) check_keys(json[name], keys, where + "." + name);
}

void check_documented(const std::string& function, const std::string& text) {
  check_keys(Json::parse(text), CommentParser(comment_of(function)).parse(), function);
}

}  // namespace

TEST_CASE("the JSON that is given out has the keys that the header names") {
  check_documented("dunlin_devices_json", dunlin::devices_json());
  const dunlin::Model model(kModel);
  check_documented("dunlin_model_describe_json", model.describe_json());
  check_documented("dunlin_verify_json", model.verify_json("cpu", model.tokenize("Once upon a time")));
  dunlin_engine_options options = dunlin::engine_options();
  options.n_ctx = 64;
  dunlin::Engine engine(model, options);
  check_documented("dunlin_engine_describe_json", engine.describe_json());
  dunlin_profile_options profile = dunlin::profile_options();
  profile.n_repeats = 1;
  check_documented("dunlin_engine_profile_json", engine.profile_json(profile));
}
