// Which files hold the weights of a Hugging Face directory.
#include <algorithm>
#include <filesystem>
#include <map>
#include <nlohmann/json.hpp>
#include <utility>

#include "core/model/file_front.h"
#include "core/model/json_check.h"
#include "core/model/printable.h"
#include "core/model/safetensors.h"
#include "platforms/file_map.h"

namespace dunlin {
namespace {

constexpr const char* kSingleName = "model.safetensors";
constexpr const char* kIndexName = "model.safetensors.index.json";
constexpr JsonLimits kIndexLimits{uint64_t(16) << 20, 4, 200'000};
constexpr size_t kMaxShards = 4096;

using WeightMap = std::map<std::string, std::string>;  // tensor -> file

Result<SafetensorsPart> open_part(const std::string& path, InputFileOptions options) {
  DUNLIN_ASSIGN_OR_RETURN(InputFile opened, InputFile::open(path, options));
  auto input = std::make_unique<InputFile>(std::move(opened));
  const auto parse = [&](std::span<const uint8_t> front, uint64_t& needed_bytes) {
    return SafetensorsFile::parse_front(front, input->size(), path, needed_bytes);
  };
  DUNLIN_ASSIGN_OR_RETURN(auto front, parse_file_front<SafetensorsFile>(*input, parse));
  return SafetensorsPart{std::move(input), std::move(front.parsed)};
}

// The name must stay inside the directory.
bool is_plain_file_name(std::string_view name) {
  return !name.empty() && name != "." && name != ".." &&
         name.find_first_of(std::string_view("/\\:\0", 4)) == name.npos;
}

Result<WeightMap> read_index(const std::string& path) {
  DUNLIN_ASSIGN_OR_RETURN(FileMap map,
                          FileMap::open(path, {.use_mmap = false, .max_bytes = kIndexLimits.max_bytes}));
  const std::string_view text(reinterpret_cast<const char*>(map.bytes().data()), map.bytes().size());
  DUNLIN_RETURN_IF_ERROR(check_json(text, path, kIndexLimits));
  const nlohmann::json root = nlohmann::json::parse(text, nullptr, false);
  if (!root.is_object() || !root.contains("weight_map") || !root["weight_map"].is_object())
    return Status::corrupt(path, ": no object \"weight_map\"");
  WeightMap out;
  for (const auto& [tensor, file] : root["weight_map"].items()) {
    if (!file.is_string())
      return Status::corrupt(path, ": weight_map entry ", printable(tensor), " is no file name");
    const std::string& name = file.get_ref<const std::string&>();
    if (!is_plain_file_name(name))
      return Status::corrupt(path, ": weight_map entry ", printable(tensor), ": ", printable(name),
                             " is not a plain file name of the same directory");
    out.emplace(tensor, name);
  }
  if (out.empty()) return Status::corrupt(path, ": weight_map is empty");
  return out;
}

// Every tensor of the index lies in the shard that it names, and no shard has others.
Status check_index(const WeightMap& index, const std::vector<SafetensorsPart>& parts,
                   const std::vector<std::string>& names, const std::string& path) {
  size_t found = 0;
  for (size_t i = 0; i < parts.size(); ++i) {
    for (const SafetensorsTensor& tensor : parts[i].file.tensors()) {
      const auto entry = index.find(tensor.name);
      if (entry == index.end() || entry->second != names[i])
        return Status::corrupt(path, ": tensor ", printable(tensor.name), " lies in ", printable(names[i]),
                               ", but weight_map ",
                               entry == index.end() ? "does not list it" : "names another file");
      ++found;
    }
  }
  if (found == index.size()) return Status::ok();
  for (const auto& [tensor, file] : index) {
    const size_t i = size_t(std::find(names.begin(), names.end(), file) - names.begin());
    const auto tensors = parts[i].file.tensors();
    if (std::none_of(tensors.begin(), tensors.end(), [&](const auto& t) { return t.name == tensor; }))
      return Status::corrupt(path, ": weight_map lists tensor ", printable(tensor), ", which ",
                             printable(file), " does not have");
  }
  return Status::ok();
}

Result<std::vector<SafetensorsPart>> open_shards(const std::string& directory, const std::string& index_path,
                                                 InputFileOptions options) {
  DUNLIN_ASSIGN_OR_RETURN(const WeightMap index, read_index(index_path));
  std::vector<std::string> names;
  for (const auto& [tensor, file] : index) names.push_back(file);
  std::sort(names.begin(), names.end());
  names.erase(std::unique(names.begin(), names.end()), names.end());
  if (names.size() > kMaxShards)
    return Status::corrupt(index_path, ": ", names.size(), " files; at most ", kMaxShards, " are allowed");
  std::vector<SafetensorsPart> parts;
  for (const std::string& name : names) {
    auto part = open_part(str_cat(directory, "/", name), options);
    if (!part.is_ok()) return part.status().with_context(index_path);
    parts.push_back(std::move(*part));
  }
  DUNLIN_RETURN_IF_ERROR(check_index(index, parts, names, index_path));
  return parts;
}

}  // namespace

Result<std::vector<SafetensorsPart>> open_safetensors_directory(const std::string& directory,
                                                                InputFileOptions options) {
  std::error_code ignored;
  const std::string single = str_cat(directory, "/", kSingleName);
  if (std::filesystem::exists(single, ignored)) {
    DUNLIN_ASSIGN_OR_RETURN(SafetensorsPart part, open_part(single, options));
    std::vector<SafetensorsPart> parts;
    parts.push_back(std::move(part));
    return parts;
  }
  const std::string index = str_cat(directory, "/", kIndexName);
  if (std::filesystem::exists(index, ignored)) return open_shards(directory, index, options);
  return Status::not_found(directory, ": neither ", kSingleName, " nor ", kIndexName,
                           " is there; PyTorch files (.bin, .pt) are not read, convert them to SafeTensors");
}

}  // namespace dunlin
