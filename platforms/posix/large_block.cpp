#include <sys/mman.h>
#include <unistd.h>

#include <cerrno>
#include <utility>

#include "core/base/checked_math.h"
#include "platforms/memory.h"
#include "platforms/posix/system_message.h"

namespace dunlin {
namespace {

// The transparent huge page of x86-64 and of aarch64 with 4 KiB pages. Where it is larger (512 MiB with 64
// KiB pages), advising with this alignment is harmless and has no effect.
constexpr size_t kHugePageBytes = size_t(2) << 20;

Status no_memory(uint64_t bytes, int error) {
  return Status::exhausted(
      "the system refused ", bytes, " bytes of memory: ", system_message(error),
      "; close other programs, use a smaller model or context, or raise the memory limit");
}

}  // namespace

size_t page_size_bytes() {
  return size_t(sysconf(_SC_PAGESIZE));
}

Result<LargeBlock> LargeBlock::allocate(size_t bytes, HugePages huge_pages) {
  LargeBlock block;
  if (bytes == 0) return block;
  const bool huge = huge_pages == HugePages::kAdvise && bytes >= kHugePageBytes;
  const size_t alignment = huge ? kHugePageBytes : page_size_bytes();
  const auto rounded = checked_align_up(bytes, page_size_bytes());
  const auto mapped = rounded ? checked_add(*rounded, huge ? alignment : 0) : std::nullopt;
  if (!mapped) return no_memory(bytes, ENOMEM);

  void* const map = mmap(nullptr, *mapped, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (map == MAP_FAILED) return no_memory(bytes, errno);
  block.data_ = static_cast<uint8_t*>(map);
  block.size_ = bytes;
  block.mapped_bytes_ = *mapped;
  if (huge) {
    // Give the ends back. The block starts on a huge page but ends on an ordinary one: the kernel would fill
    // a whole huge page for the first byte of it, a megabyte too much on average, and models have hundreds of
    // blocks.
    const uintptr_t start = reinterpret_cast<uintptr_t>(map);
    const size_t lead = (alignment - start % alignment) % alignment;
    if (lead > 0) munmap(map, lead);
    if (alignment - lead > 0) munmap(block.data_ + lead + *rounded, alignment - lead);
    block.data_ += lead;
    block.mapped_bytes_ = *rounded;
#ifdef MADV_HUGEPAGE
    madvise(block.data_, block.mapped_bytes_, MADV_HUGEPAGE);  // refused where the kernel has none: no loss
#endif
  }
  return block;
}

LargeBlock::LargeBlock(LargeBlock&& other) noexcept
    : data_(std::exchange(other.data_, nullptr)),
      size_(std::exchange(other.size_, 0)),
      mapped_bytes_(std::exchange(other.mapped_bytes_, 0)) {}

LargeBlock& LargeBlock::operator=(LargeBlock&& other) noexcept {
  std::swap(data_, other.data_);
  std::swap(size_, other.size_);
  std::swap(mapped_bytes_, other.mapped_bytes_);
  return *this;
}

LargeBlock::~LargeBlock() {
  if (data_ != nullptr) munmap(data_, mapped_bytes_);
}

}  // namespace dunlin
