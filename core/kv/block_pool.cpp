#include "core/kv/block_pool.h"

#include "core/base/check.h"

namespace dunlin {

BlockPool::BlockPool(int32_t n_blocks) : owners_(size_t(n_blocks), 0) {
  free_.reserve(size_t(n_blocks));
  for (int32_t b = n_blocks - 1; b >= 0; --b) free_.push_back(b);  // low ids first
}

int32_t BlockPool::allocate() {
  if (free_.empty()) return -1;
  const int32_t block = free_.back();
  free_.pop_back();
  owners_[size_t(block)] = 1;
  return block;
}

void BlockPool::add_owner(int32_t block) {
  DUNLIN_CHECK(owners_[size_t(block)] > 0);
  ++owners_[size_t(block)];
}

void BlockPool::release(int32_t block) {
  DUNLIN_CHECK(owners_[size_t(block)] > 0);
  if (--owners_[size_t(block)] == 0) free_.push_back(block);
}

}  // namespace dunlin
