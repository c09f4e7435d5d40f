// JSON in and out of text, without exceptions of the JSON library leaking out of it.
#pragma once

#include <nlohmann/json.hpp>
#include <string>

namespace dunlin::cli {

using Json = nlohmann::ordered_json;

// Text that the library wrote: always valid.
Json parse_json(const std::string& text);
std::string write_json(const Json& json, int indent = 2);

}  // namespace dunlin::cli
