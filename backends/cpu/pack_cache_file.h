// The file that holds a model's packed weights: what is in it, byte by byte, is in docs/pack-cache.md.
// Reading trusts nothing: sizes, places and checksums are verified before a byte of a weight is given out.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "core/base/status.h"
#include "core/device/device.h"
#include "platforms/file_map.h"
#include "platforms/thread_team.h"

namespace dunlin::cpu {

enum class PackForm : uint32_t {
  kPanels = 0,  // pack.h
  kRows = 1,    // as in the model file: tables
};

// What a packed weight was made from. Equal keys in caches of the same source files: equal bytes.
struct PackKey {
  std::string name;
  std::string type;  // "Q4_K"
  int64_t n = 0;     // rows
  int64_t k = 0;     // columns
  PackForm form = PackForm::kPanels;
  uint64_t row_order = 0;  // checksum of the order of rows; 0: as in the file
  uint64_t sample = 0;     // checksum of some of the source's bytes
  bool operator==(const PackKey&) const = default;
};

// A packed weight in memory.
struct PackedBytes {
  PackKey key;
  std::span<const uint8_t> bytes;
};

// What a cache was made for; a cache with another scope is of no use.
struct PackCacheScope {
  std::string layout;         // "p16": at most 16 characters
  uint32_t pack_version = 0;  // kPackVersion
  std::vector<SourceFile> sources;
};

// A mapped cache. Used by one thread; the entries' bytes by any, while the file lives.
class PackCacheFile {
 public:
  struct Entry {
    PackKey key;
    uint64_t offset = 0;
    uint64_t checksum = 0;
    std::span<const uint8_t> bytes;
    std::optional<bool> is_intact;  // empty: not verified yet
  };

  // Verifies header and table. kNotFound: no such file; kUnsupported: made for something else, or by another
  // version; kCorrupt: damaged.
  static Result<PackCacheFile> open(const std::string& path, const PackCacheScope& scope, bool use_mmap);

  // Null if the cache has no such weight. The entry's bytes are unverified: see is_intact.
  Entry* find(std::string_view name);
  // Whether the weight's bytes are those that were written. The team reads them, and those of the next
  // weights in the file, which will be asked for next.
  bool is_intact(Entry& entry, ThreadTeam& team);

  const std::string& path() const { return file_.path(); }

 private:
  FileMap file_;
  std::vector<Entry> entries_;                          // as in the file
  std::map<std::string, size_t, std::less<>> by_name_;  // into entries_
};

// Writes a cache that appears under its name complete or not at all. Two processes that write the same cache
// do not disturb each other: the last one's stays.
Status write_pack_cache(const std::string& path, const PackCacheScope& scope,
                        std::span<const PackedBytes> weights, ThreadTeam& team);

}  // namespace dunlin::cpu
