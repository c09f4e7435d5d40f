// PackCache: keeps packed weights in a file, so that the next load of the same model files takes them from
// there, mapped and in place. Nothing that goes wrong with the file fails the load: a weight that is missing
// or damaged is packed, the log says why, and the file is written anew.
#pragma once

#include <optional>
#include <span>
#include <string>
#include <vector>

#include "backends/cpu/pack.h"
#include "backends/cpu/pack_cache_file.h"
#include "core/base/log.h"
#include "core/device/device.h"
#include "platforms/thread_team.h"

namespace dunlin::cpu {

// Used by one thread. What find() gives out lives as long as the cache.
class PackCache {
 public:
  // Opens the file of this layout, if there is one that was made for these sources.
  PackCache(const PackCacheOptions& options, WeightLayout layout, const Log& log);

  // The weight's bytes, verified; empty if it must be packed.
  std::span<const uint8_t> find(const PackKey& key, size_t n_bytes, ThreadTeam& team);
  // Every weight, found or packed, in the order of the load. weight.bytes must live until save().
  void remember(PackedBytes weight);
  // Writes all weights, unless every one was found, and forgets them.
  void save(ThreadTeam& team);

 private:
  std::vector<std::string> paths_;  // most wanted first
  PackCacheScope scope_;
  Log log_;
  std::optional<PackCacheFile> file_;
  std::vector<PackedBytes> weights_;
  size_t n_found_ = 0;
  bool has_noted_miss_ = false;  // one note is enough: weights are many
};

}  // namespace dunlin::cpu
