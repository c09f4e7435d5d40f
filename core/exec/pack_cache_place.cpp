#include "core/exec/pack_cache_place.h"

#include <cstdio>
#include <filesystem>

#include "core/base/checksum.h"

namespace dunlin {
namespace {

namespace fs = std::filesystem;

std::vector<const InputFile*> inputs_of(const ModelFiles& files) {
  std::vector<const InputFile*> inputs;
  for (const GgufPart& part : files.gguf_parts) inputs.push_back(part.input.get());
  for (const SafetensorsPart& part : files.safetensors_parts) inputs.push_back(part.input.get());
  return inputs;
}

std::string place_beside(const ModelFiles& files, const InputFile& first) {
  if (files.kind == ModelKind::kGguf) return first.path();
  return (fs::path(files.path) / "model").string();
}

std::string place_in(const std::string& folder, const std::string& beside) {
  std::error_code error;
  fs::path absolute = fs::weakly_canonical(beside, error);
  if (error) absolute = beside;
  const std::string text = absolute.string();
  char hash[20];
  std::snprintf(hash, sizeof hash, "-%016llx",
                static_cast<unsigned long long>(
                    checksum64({reinterpret_cast<const uint8_t*>(text.data()), text.size()})));
  return (fs::path(folder) / absolute.filename()).string() + hash;
}

}  // namespace

PackCacheOptions pack_cache_options(const ModelFiles& files, const std::string& folder, const Log& log) {
  PackCacheOptions options;
  const std::vector<const InputFile*> inputs = inputs_of(files);
  if (inputs.empty() || inputs.front() == nullptr) {
    log.info(files.path, ": is in memory, so there is no place for a pack cache");
    return options;
  }
  for (const InputFile* input : inputs) {
    options.sources.push_back({input->size(), input->modified_ns()});
    options.use_mmap = options.use_mmap && !input->is_preloaded();
  }
  options.path = place_beside(files, *inputs.front());
  if (!folder.empty()) options.fallback = place_in(folder, options.path);
  return options;
}

}  // namespace dunlin
