#include "backends/cpu/weight_memory.h"

#include "backends/cpu/pack.h"

namespace dunlin::cpu {
namespace {

Result<std::shared_ptr<LargeBlock>> allocate_block(size_t bytes) {
  DUNLIN_ASSIGN_OR_RETURN(LargeBlock block, LargeBlock::allocate(bytes, HugePages::kAdvise));
  return std::make_shared<LargeBlock>(std::move(block));
}

// A pointer into the block that owns a share of it.
std::shared_ptr<uint8_t> piece_of(const std::shared_ptr<LargeBlock>& block, size_t offset) {
  return {block, block->data() + offset};
}

size_t align(size_t bytes) {
  return (bytes + kPanelAlignment - 1) / kPanelAlignment * kPanelAlignment;
}

}  // namespace

Result<std::shared_ptr<uint8_t>> WeightMemory::allocate(size_t bytes) {
  if (bytes == 0) return std::shared_ptr<uint8_t>();
  if (bytes >= kOwnBlockBytes) {
    DUNLIN_ASSIGN_OR_RETURN(const auto own, allocate_block(bytes));
    return piece_of(own, 0);
  }
  std::shared_ptr<LargeBlock> block = shared_.lock();
  if (block == nullptr || block->size() - used_bytes_ < bytes) {
    DUNLIN_ASSIGN_OR_RETURN(block, allocate_block(kSharedBlockBytes));
    shared_ = block;
    used_bytes_ = 0;
  }
  const std::shared_ptr<uint8_t> piece = piece_of(block, used_bytes_);
  used_bytes_ += align(bytes);
  return piece;
}

}  // namespace dunlin::cpu
