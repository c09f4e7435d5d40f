// Memory from the operating system: large page-granular blocks, and how much the process and the machine use.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include "core/base/status.h"

namespace dunlin {

enum class HugePages {
  kNo,
  kAdvise,  // ask for transparent huge pages; a machine that has none gives ordinary ones, without an error
};

// LargeBlock: one owned, zero-filled block straight from the operating system, for weights and caches. Its
// pages get their memory node when a thread first touches them. Move-only; the bytes may be used from any
// thread.
class LargeBlock {
 public:
  LargeBlock() = default;
  static Result<LargeBlock> allocate(size_t bytes, HugePages huge_pages = HugePages::kNo);
  LargeBlock(LargeBlock&& other) noexcept;
  LargeBlock& operator=(LargeBlock&& other) noexcept;
  LargeBlock(const LargeBlock&) = delete;
  LargeBlock& operator=(const LargeBlock&) = delete;
  ~LargeBlock();

  uint8_t* data() { return data_; }  // aligned to a page, with kAdvise to a huge page; null when size() is 0
  const uint8_t* data() const { return data_; }
  size_t size() const { return size_; }
  std::span<uint8_t> bytes() { return {data_, size_}; }
  std::span<const uint8_t> bytes() const { return {data_, size_}; }

 private:
  uint8_t* data_ = nullptr;
  size_t size_ = 0;
  size_t mapped_bytes_ = 0;
};

struct ProcessMemory {
  uint64_t resident_bytes = 0;       // in physical memory now, mapped file pages included
  uint64_t peak_resident_bytes = 0;  // the most it has been since the process started
};
// Fields that the system does not tell are 0.
ProcessMemory process_memory();

struct SystemMemory {
  uint64_t total_bytes = 0;      // of the machine; 0 where unknown
  uint64_t limit_bytes = 0;      // of the process's container; 0 = none below total_bytes
  uint64_t available_bytes = 0;  // what can be allocated now without swapping, within the container's limit
};
SystemMemory system_memory();

size_t page_size_bytes();

}  // namespace dunlin
