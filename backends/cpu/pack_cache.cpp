#include "backends/cpu/pack_cache.h"

#include <filesystem>
#include <utility>

namespace dunlin::cpu {
namespace {

// A folder that cannot be made shows when the file is created in it.
void make_folder_of(const std::string& path) {
  const std::filesystem::path folder = std::filesystem::path(path).parent_path();
  std::error_code ignored;
  if (!folder.empty()) std::filesystem::create_directories(folder, ignored);
}

}  // namespace

PackCache::PackCache(const PackCacheOptions& options, WeightLayout layout, const Log& log)
    : scope_{layout_name(layout), kPackVersion, options.sources}, log_(log) {
  for (const std::string& path : {options.path, options.fallback})
    if (!path.empty()) paths_.push_back(str_cat(path, ".dunlin-", scope_.layout));
  for (const std::string& path : paths_) {
    auto file = PackCacheFile::open(path, scope_, options.use_mmap);
    if (file.is_ok()) {
      file_ = std::move(file).value();
      return;
    }
    const StatusCode code = file.status().code();
    if (code == StatusCode::kUnsupported)
      log_.info(file.message());
    else if (code != StatusCode::kNotFound)
      log_.warning(file.message());
  }
}

std::span<const uint8_t> PackCache::find(const PackKey& key, size_t n_bytes, ThreadTeam& team) {
  PackCacheFile::Entry* entry = file_ ? file_->find(key.name) : nullptr;
  if (entry == nullptr) return {};
  const bool is_same = entry->key == key && entry->bytes.size() == n_bytes;
  if (!is_same || !file_->is_intact(*entry, team)) {
    if (!std::exchange(has_noted_miss_, true))
      log_.warning(file_->path(), ": weight '", key.name, is_same ? "' is damaged" : "' is of another model",
                   "; packing what is not as it should be again");
    return {};
  }
  ++n_found_;
  return entry->bytes;
}

void PackCache::remember(PackedBytes weight) {
  weights_.push_back(std::move(weight));
}

void PackCache::save(ThreadTeam& team) {
  const std::vector<PackedBytes> weights = std::exchange(weights_, {});
  if (std::exchange(n_found_, 0) == weights.size()) {
    if (file_) log_.info("pack cache: ", file_->path());
    return;
  }
  std::string why;
  for (const std::string& path : paths_) {
    if (&path != &paths_.front()) make_folder_of(path);
    const Status status = write_pack_cache(path, scope_, weights, team);
    if (status.is_ok()) return log_.info("pack cache: wrote ", path);
    if (!why.empty()) why += "; ";
    why += status.message();
  }
  log_.warning("no pack cache was written: ", why);
}

}  // namespace dunlin::cpu
