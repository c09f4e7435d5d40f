// KvManager: gives sequences their KV blocks, reuses what earlier sequences left, and makes room. Not
// thread-safe: the engine's thread owns it. Nothing allocates after construction, except inside the vectors
// that callers own.
#pragma once

#include <functional>
#include <span>
#include <vector>

#include "core/kv/block_pool.h"
#include "core/kv/prefix_index.h"

namespace dunlin {

class KvManager {
 public:
  using CopyBlock = std::function<void(int32_t from, int32_t to)>;

  KvManager(int32_t n_blocks, int32_t block_tokens, CopyBlock copy);

  // Takes the longest known prefix of tokens into blocks (empty before) and returns how many tokens it
  // covers.
  int32_t reuse_prefix(std::span<const int32_t> tokens, std::vector<int32_t>& blocks);
  // Adds blocks until n_tokens have a place; false if there is no memory left.
  bool reserve(int32_t n_tokens, std::vector<int32_t>& blocks);
  // Lets others reuse what these blocks hold while the sequence goes on; whole blocks only.
  void share(std::span<const int32_t> tokens, std::span<const int32_t> blocks);
  // The sequence's end: remembers the blocks of tokens, if asked, and gives all up.
  void release(std::span<const int32_t> tokens, std::vector<int32_t>& blocks, bool remember);

  // Blocks that a sequence could get now.
  int32_t n_available_blocks() const { return pool_.n_free() + index_.n_evictable(); }

 private:
  int32_t take_block();

  BlockPool pool_;
  PrefixIndex index_;
  int32_t block_tokens_;
  CopyBlock copy_;
};

}  // namespace dunlin
