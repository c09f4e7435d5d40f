#include "json_text.h"

namespace dunlin::cli {

Json parse_json(const std::string& text) {
  return Json::parse(text);
}

std::string write_json(const Json& json, int indent) {
  return json.dump(indent, ' ', false, Json::error_handler_t::replace);
}

}  // namespace dunlin::cli
