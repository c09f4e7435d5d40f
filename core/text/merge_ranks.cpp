#include "core/text/merge_ranks.h"

#include <bit>

#include "core/model/printable.h"

namespace dunlin {
namespace {

constexpr uint64_t kMaxMerges = uint64_t(1) << 23;

// A half-full table needs a few dozen steps at worst; more means merges made to collide.
constexpr size_t kMaxProbes = 4096;

}  // namespace

Result<MergeRanks> MergeRanks::build(const TokenizerSpec& spec, const Vocabulary& vocabulary) {
  if (spec.merges.size() > kMaxMerges) {
    return Status::corrupt(spec.source, ": the tokenizer has ", spec.merges.size(), " merges; at most ",
                           kMaxMerges, " expected");
  }
  MergeRanks ranks;
  ranks.slots_.resize(std::bit_ceil(2 * spec.merges.size() + 1));
  ranks.mask_ = ranks.slots_.size() - 1;
  std::string result;
  for (size_t i = 0; i < spec.merges.size(); ++i) {
    const Merge& merge = spec.merges[i];
    result = merge.left;
    result += merge.right;
    const int32_t left = vocabulary.find(merge.left);
    const int32_t right = vocabulary.find(merge.right);
    const int32_t merged = vocabulary.find(result);
    if (left < 0 || right < 0 || merged < 0) {
      const std::string_view missing = left < 0 ? merge.left : right < 0 ? merge.right : result;
      return Status::corrupt(spec.source, ": merge ", i, " ", printable(merge.left), " + ",
                             printable(merge.right), ": the vocabulary has no token ", printable(missing));
    }
    // Plain text never becomes a control token, whatever the merges say.
    if (!vocabulary.is_plain(left) || !vocabulary.is_plain(right) || !vocabulary.is_plain(merged)) continue;
    if (!ranks.insert(key_of(left, right), {uint32_t(i), merged})) {
      return Status::corrupt(spec.source, ": the merges collide, as if made to stall the loader");
    }
  }
  return ranks;
}

// The first of equal merges counts.
bool MergeRanks::insert(uint64_t key, BpeMerge merge) {
  size_t at = hash_of(key) & mask_;
  for (size_t probes = 0; slots_[at].merge.id >= 0; at = (at + 1) & mask_) {
    if (slots_[at].key == key) return true;
    if (++probes > kMaxProbes) return false;
  }
  slots_[at] = {key, merge};
  return true;
}

}  // namespace dunlin
