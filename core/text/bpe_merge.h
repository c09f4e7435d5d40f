// merge_symbols: the loop that all BPE models share.
#pragma once

#include <algorithm>
#include <optional>

#include "core/text/bpe.h"

namespace dunlin {

struct BpeMerge {
  uint32_t rank = 0;
  int32_t id = -1;
};

// Sets prev and next of symbols that lie in text order.
inline void link_symbols(std::vector<BpeSymbol>& symbols) {
  for (size_t i = 0; i < symbols.size(); ++i) {
    symbols[i].prev = int32_t(i) - 1;
    symbols[i].next = i + 1 < symbols.size() ? int32_t(i) + 1 : -1;
  }
}

// Merges the linked symbols of scratch until no pair can be merged. find_merge(left symbol, right symbol)
// returns std::optional<BpeMerge>. A candidate whose symbols have changed is skipped when its turn comes:
// symbols only grow, so that an equal sum of lengths means that both are unchanged.
template <typename FindMerge>
void merge_symbols(BpeScratch& scratch, const FindMerge& find_merge) {
  std::vector<BpeSymbol>& symbols = scratch.symbols;
  std::vector<BpeCandidate>& heap = scratch.heap;
  const auto comes_later = [](const BpeCandidate& a, const BpeCandidate& b) {
    return a.rank != b.rank ? a.rank > b.rank : a.left > b.left;
  };
  const auto consider = [&](int32_t left, int32_t right) {
    if (left < 0 || right < 0) return false;
    const BpeSymbol& l = symbols[size_t(left)];
    const BpeSymbol& r = symbols[size_t(right)];
    const std::optional<BpeMerge> merge = find_merge(l, r);
    if (merge) heap.push_back({merge->rank, left, l.bytes + r.bytes, merge->id});
    return merge.has_value();
  };

  heap.clear();
  for (size_t i = 0; i + 1 < symbols.size(); ++i) consider(int32_t(i), int32_t(i) + 1);
  std::make_heap(heap.begin(), heap.end(), comes_later);
  while (!heap.empty()) {
    std::pop_heap(heap.begin(), heap.end(), comes_later);
    const BpeCandidate best = heap.back();
    heap.pop_back();
    BpeSymbol& left = symbols[size_t(best.left)];
    if (left.bytes == 0 || left.next < 0) continue;
    BpeSymbol& right = symbols[size_t(left.next)];
    if (left.bytes + right.bytes != best.bytes) continue;
    left.bytes = best.bytes;
    left.id = best.id;
    left.next = right.next;
    right.bytes = 0;
    if (left.next >= 0) symbols[size_t(left.next)].prev = best.left;
    if (consider(left.prev, best.left)) std::push_heap(heap.begin(), heap.end(), comes_later);
    if (consider(best.left, left.next)) std::push_heap(heap.begin(), heap.end(), comes_later);
  }
}

}  // namespace dunlin
