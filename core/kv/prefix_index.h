// PrefixIndex: remembers which KV block holds which tokens after which prefix, so that a request which begins
// like an earlier one computes only the rest. A tree of blocks: a node is a block, its edge label the tokens
// in it, its parent the block before. Full blocks can have children; a partly filled one is a leaf, whose
// tokens a later request may share up to any point by copying the block.
//
// The index owns one reference to each of its blocks in the pool; blocks that nobody else owns can be
// evicted, least recently used leaves first. Not thread-safe: the engine's thread owns it. Nothing allocates
// after construction.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "core/kv/block_pool.h"

namespace dunlin {

struct PrefixMatch {
  int32_t n_full_blocks = 0;   // written to the caller's span
  int32_t partial_block = -1;  // a block whose first n_partial_tokens continue the match, or -1
  int32_t n_partial_tokens = 0;
};

class PrefixIndex {
 public:
  PrefixIndex(BlockPool& pool, int32_t block_tokens);

  // The longest known prefix of tokens. Full blocks go to blocks (its size bounds them); no ownership is
  // given.
  PrefixMatch find(std::span<const int32_t> tokens, std::span<int32_t> blocks);

  // Remembers that blocks hold the keys and values of tokens; blocks.size() = ceil(tokens / block_tokens).
  // Where the index knows such a block already, it keeps its own. The caller's ownership stays the caller's.
  // A caller that goes on using the blocks says so: then nothing is added below a block that is not its own,
  // since it could not be evicted while the caller holds the one below.
  void insert(std::span<const int32_t> tokens, std::span<const int32_t> blocks, bool stay_in_use);

  // Gives up the least recently used leaf that nobody else owns; false if there is none.
  bool evict_one();
  // Blocks that repeated evict_one() would free.
  int32_t n_evictable() const;

 private:
  static constexpr int32_t kRoot = -1;
  static constexpr int32_t kNone = -1;

  std::span<const int32_t> tokens_of(int32_t block) const {
    return {tokens_.data() + size_t(block) * size_t(block_tokens_), size_t(n_tokens_[size_t(block)])};
  }
  int32_t& first_child(int32_t node) { return first_child_[size_t(node + 1)]; }
  int32_t find_child(int32_t node, std::span<const int32_t> tokens);
  void add(int32_t parent, int32_t block, std::span<const int32_t> tokens);
  void remove_leaf(int32_t block);
  void touch(int32_t block) { last_used_[size_t(block)] = ++clock_; }

  BlockPool& pool_;
  int32_t block_tokens_;
  uint64_t clock_ = 0;
  // By block; a block is in the index if n_tokens_ > 0.
  std::vector<int32_t> tokens_, n_tokens_, parent_, next_sibling_;
  std::vector<uint64_t> last_used_;
  std::vector<int32_t> first_child_;  // by node + 1: the root is node -1
};

}  // namespace dunlin
