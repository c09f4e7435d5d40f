#include "core/engine/kv_manager.h"

#include <utility>

namespace dunlin {

KvManager::KvManager(int32_t n_blocks, int32_t block_tokens, CopyBlock copy)
    : pool_(n_blocks), index_(pool_, block_tokens), block_tokens_(block_tokens), copy_(std::move(copy)) {}

int32_t KvManager::take_block() {
  const int32_t block = pool_.allocate();
  if (block >= 0 || !index_.evict_one()) return block;
  return pool_.allocate();
}

int32_t KvManager::reuse_prefix(std::span<const int32_t> tokens, std::vector<int32_t>& blocks) {
  blocks.resize(tokens.size() / size_t(block_tokens_));
  const PrefixMatch match = index_.find(tokens, blocks);
  blocks.resize(size_t(match.n_full_blocks));
  for (const int32_t block : blocks) pool_.add_owner(block);
  int32_t n_tokens = match.n_full_blocks * block_tokens_;
  if (match.partial_block < 0) return n_tokens;
  // Held while room is made, so that it is not what goes.
  pool_.add_owner(match.partial_block);
  const int32_t copy = take_block();
  if (copy >= 0) {
    copy_(match.partial_block, copy);
    blocks.push_back(copy);
    n_tokens += match.n_partial_tokens;
  }
  pool_.release(match.partial_block);
  return n_tokens;
}

bool KvManager::reserve(int32_t n_tokens, std::vector<int32_t>& blocks) {
  while (int64_t(blocks.size()) * block_tokens_ < n_tokens) {
    const int32_t block = take_block();
    if (block < 0) return false;
    blocks.push_back(block);
  }
  return true;
}

void KvManager::share(std::span<const int32_t> tokens, std::span<const int32_t> blocks) {
  const size_t n_full = tokens.size() / size_t(block_tokens_);
  index_.insert(tokens.first(n_full * size_t(block_tokens_)), blocks.first(n_full), true);
}

void KvManager::release(std::span<const int32_t> tokens, std::vector<int32_t>& blocks, bool remember) {
  const size_t n_used = (tokens.size() + size_t(block_tokens_) - 1) / size_t(block_tokens_);
  if (remember) index_.insert(tokens, std::span(blocks).first(n_used), false);
  for (const int32_t block : blocks) pool_.release(block);
  blocks.clear();
}

}  // namespace dunlin
