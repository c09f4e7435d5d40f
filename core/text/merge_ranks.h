// MergeRanks: the merge list of a BPE model as a table (left id, right id) -> place in the list and id of the
// result.
//
// Immutable after build(); any number of threads may read it.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "core/base/status.h"
#include "core/text/bpe_merge.h"
#include "core/text/vocabulary.h"

namespace dunlin {

class MergeRanks {
 public:
  MergeRanks() = default;

  // Refuses merges whose parts or result are not in the vocabulary.
  static Result<MergeRanks> build(const TokenizerSpec& spec, const Vocabulary& vocabulary);

  std::optional<BpeMerge> find(int32_t left, int32_t right) const {
    if (left < 0 || right < 0 || slots_.empty()) return std::nullopt;
    const uint64_t key = key_of(left, right);
    for (size_t at = hash_of(key) & mask_; slots_[at].merge.id >= 0; at = (at + 1) & mask_) {
      if (slots_[at].key == key) return slots_[at].merge;
    }
    return std::nullopt;
  }

 private:
  struct Slot {
    uint64_t key = 0;
    BpeMerge merge;  // id -1: free
  };

  static uint64_t key_of(int32_t left, int32_t right) {
    return uint64_t(uint32_t(left)) << 32 | uint32_t(right);
  }
  static uint64_t hash_of(uint64_t key) {
    key = (key ^ (key >> 31)) * 0x9E3779B97F4A7C15u;
    key = (key ^ (key >> 29)) * 0xBF58476D1CE4E5B9u;
    return key ^ (key >> 32);
  }
  bool insert(uint64_t key, BpeMerge merge);

  std::vector<Slot> slots_;  // open addressing, a power of two, at most half full
  size_t mask_ = 0;
};

}  // namespace dunlin
