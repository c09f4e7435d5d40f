// BlockPool: which KV blocks are in use and by how many owners. Ids only; the bytes are the device's. Not
// thread-safe: the engine's thread owns it. Nothing allocates after construction.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

namespace dunlin {

class BlockPool {
 public:
  explicit BlockPool(int32_t n_blocks);

  int32_t n_blocks() const { return int32_t(owners_.size()); }
  int32_t n_free() const { return int32_t(free_.size()); }
  // A block with one owner, or -1 if none is free.
  int32_t allocate();
  void add_owner(int32_t block);
  // Gives up one ownership; the last one frees the block.
  void release(int32_t block);
  int32_t n_owners(int32_t block) const { return owners_[size_t(block)]; }

 private:
  std::vector<int32_t> owners_;
  std::vector<int32_t> free_;
};

}  // namespace dunlin
