#include "core/kv/prefix_index.h"

#include <algorithm>

#include "core/base/check.h"

namespace dunlin {
namespace {

int32_t common_prefix(std::span<const int32_t> a, std::span<const int32_t> b) {
  const size_t n = std::min(a.size(), b.size());
  return int32_t(std::mismatch(a.begin(), a.begin() + ptrdiff_t(n), b.begin()).first - a.begin());
}

}  // namespace

PrefixIndex::PrefixIndex(BlockPool& pool, int32_t block_tokens)
    : pool_(pool),
      block_tokens_(block_tokens),
      tokens_(size_t(pool.n_blocks()) * size_t(block_tokens)),
      n_tokens_(size_t(pool.n_blocks()), 0),
      parent_(size_t(pool.n_blocks()), kNone),
      next_sibling_(size_t(pool.n_blocks()), kNone),
      last_used_(size_t(pool.n_blocks()), 0),
      first_child_(size_t(pool.n_blocks()) + 1, kNone) {}

int32_t PrefixIndex::find_child(int32_t node, std::span<const int32_t> tokens) {
  for (int32_t child = first_child(node); child != kNone; child = next_sibling_[size_t(child)])
    if (std::ranges::equal(tokens_of(child), tokens)) return child;
  return kNone;
}

PrefixMatch PrefixIndex::find(std::span<const int32_t> tokens, std::span<int32_t> blocks) {
  PrefixMatch match;
  int32_t node = kRoot;
  size_t at = 0;
  const auto step = size_t(block_tokens_);
  while (tokens.size() - at >= step && size_t(match.n_full_blocks) < blocks.size()) {
    const int32_t child = find_child(node, tokens.subspan(at, step));
    if (child == kNone) break;
    touch(child);
    blocks[size_t(match.n_full_blocks++)] = child;
    node = child;
    at += step;
  }
  for (int32_t child = first_child(node); child != kNone; child = next_sibling_[size_t(child)]) {
    const int32_t shared = common_prefix(tokens_of(child), tokens.subspan(at));
    if (shared <= match.n_partial_tokens) continue;
    match.partial_block = child;
    match.n_partial_tokens = shared;
  }
  if (match.partial_block >= 0) touch(match.partial_block);
  return match;
}

void PrefixIndex::add(int32_t parent, int32_t block, std::span<const int32_t> tokens) {
  DUNLIN_CHECK(n_tokens_[size_t(block)] == 0);
  pool_.add_owner(block);
  std::ranges::copy(tokens, tokens_.begin() + ptrdiff_t(block) * block_tokens_);
  n_tokens_[size_t(block)] = int32_t(tokens.size());
  parent_[size_t(block)] = parent;
  next_sibling_[size_t(block)] = first_child(parent);
  first_child(parent) = block;
  first_child(block) = kNone;
  touch(block);
}

void PrefixIndex::insert(std::span<const int32_t> tokens, std::span<const int32_t> blocks, bool stay_in_use) {
  DUNLIN_CHECK(blocks.size() == (tokens.size() + size_t(block_tokens_) - 1) / size_t(block_tokens_));
  int32_t node = kRoot;
  for (size_t i = 0; i < blocks.size(); ++i) {
    const size_t begin = i * size_t(block_tokens_);
    const auto label = tokens.subspan(begin, std::min(size_t(block_tokens_), tokens.size() - begin));
    const int32_t known = find_child(node, label);
    if (known != kNone) {
      if (stay_in_use && known != blocks[i]) return;
      touch(known);
      node = known;
      continue;
    }
    if (n_tokens_[size_t(blocks[i])] > 0) return;  // the index holds this block under another prefix
    add(node, blocks[i], label);
    node = blocks[i];
  }
}

void PrefixIndex::remove_leaf(int32_t block) {
  int32_t* link = &first_child(parent_[size_t(block)]);
  while (*link != block) link = &next_sibling_[size_t(*link)];
  *link = next_sibling_[size_t(block)];
  n_tokens_[size_t(block)] = 0;
  pool_.release(block);
}

bool PrefixIndex::evict_one() {
  int32_t oldest = kNone;
  for (int32_t b = 0; b < pool_.n_blocks(); ++b) {
    if (n_tokens_[size_t(b)] == 0 || first_child(b) != kNone || pool_.n_owners(b) != 1) continue;
    if (oldest == kNone || last_used_[size_t(b)] < last_used_[size_t(oldest)]) oldest = b;
  }
  if (oldest == kNone) return false;
  remove_leaf(oldest);
  return true;
}

int32_t PrefixIndex::n_evictable() const {
  // A block can go once all its descendants can: count nodes that no foreign owner's block hangs below.
  std::vector<bool> pinned(n_tokens_.size(), false);
  for (size_t b = 0; b < n_tokens_.size(); ++b) {
    if (n_tokens_[b] == 0 || pool_.n_owners(int32_t(b)) == 1) continue;
    for (int32_t node = int32_t(b); node != kRoot && !pinned[size_t(node)]; node = parent_[size_t(node)])
      pinned[size_t(node)] = true;
  }
  int32_t count = 0;
  for (size_t b = 0; b < n_tokens_.size(); ++b) count += n_tokens_[b] > 0 && !pinned[b];
  return count;
}

}  // namespace dunlin
