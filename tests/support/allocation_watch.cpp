#include "tests/support/allocation_watch.h"

#include <malloc.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <atomic>
#include <cstdlib>
#include <new>

namespace {

std::atomic<int64_t> n_counted{0};
std::atomic<size_t> largest{0};

void count(size_t bytes) noexcept {
  n_counted.fetch_add(1, std::memory_order_relaxed);
  size_t seen = largest.load(std::memory_order_relaxed);
  while (bytes > seen && !largest.compare_exchange_weak(seen, bytes, std::memory_order_relaxed)) {
  }
}

// Null if there is no memory.
void* counted(size_t bytes) noexcept {
  count(bytes);
  return std::malloc(bytes == 0 ? 1 : bytes);
}
void* counted(size_t bytes, std::align_val_t alignment) noexcept {
  count(bytes);
  return memalign(size_t(alignment), bytes == 0 ? 1 : bytes);
}

void* or_throw(void* memory) {
  if (memory == nullptr) throw std::bad_alloc();
  return memory;
}

}  // namespace

void* operator new(size_t bytes) {
  return or_throw(counted(bytes));
}
void* operator new[](size_t bytes) {
  return or_throw(counted(bytes));
}
void* operator new(size_t bytes, const std::nothrow_t&) noexcept {
  return counted(bytes);
}
void* operator new[](size_t bytes, const std::nothrow_t&) noexcept {
  return counted(bytes);
}
void* operator new(size_t bytes, std::align_val_t alignment) {
  return or_throw(counted(bytes, alignment));
}
void* operator new[](size_t bytes, std::align_val_t alignment) {
  return or_throw(counted(bytes, alignment));
}
void* operator new(size_t bytes, std::align_val_t alignment, const std::nothrow_t&) noexcept {
  return counted(bytes, alignment);
}
void* operator new[](size_t bytes, std::align_val_t alignment, const std::nothrow_t&) noexcept {
  return counted(bytes, alignment);
}
void operator delete(void* memory) noexcept {
  std::free(memory);
}
void operator delete[](void* memory) noexcept {
  std::free(memory);
}
void operator delete(void* memory, size_t) noexcept {
  std::free(memory);
}
void operator delete[](void* memory, size_t) noexcept {
  std::free(memory);
}
void operator delete(void* memory, std::align_val_t) noexcept {
  std::free(memory);
}
void operator delete[](void* memory, std::align_val_t) noexcept {
  std::free(memory);
}
void operator delete(void* memory, size_t, std::align_val_t) noexcept {
  std::free(memory);
}
void operator delete[](void* memory, size_t, std::align_val_t) noexcept {
  std::free(memory);
}

extern "C" void* aligned_alloc(size_t alignment, size_t bytes) noexcept {
  return counted(bytes, std::align_val_t(alignment));
}

// Files may be mapped: that takes no memory.
extern "C" void* mmap(void* address, size_t bytes, int protection, int flags, int file,
                      off_t offset) noexcept {
  if ((flags & MAP_ANONYMOUS) != 0) count(bytes);
  return reinterpret_cast<void*>(syscall(SYS_mmap, address, bytes, protection, flags, file, offset));
}

namespace dunlin::test {

int64_t n_allocations() {
  return n_counted;
}
void reset_largest_allocation() {
  largest = 0;
}
size_t largest_allocation() {
  return largest;
}

}  // namespace dunlin::test
