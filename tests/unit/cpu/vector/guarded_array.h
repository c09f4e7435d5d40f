// GuardedArray: elements between a poisoned page and a page that nobody may touch. A kernel that reads or
// writes behind the end crashes at once; front_intact() sees stores before the begin. The end is exact, so
// the first element has its own alignment only, as the kernels' contract allows.
#pragma once

#include <sys/mman.h>
#include <unistd.h>

#include <cstdint>
#include <cstring>
#include <span>

#include "core/base/check.h"

namespace dunlin::cpu {

template <typename T>
class GuardedArray {
 public:
  // All bytes of the elements start as kPoison, which is a NaN in f32 and in f16.
  static constexpr uint8_t kPoison = 0xFF;

  explicit GuardedArray(size_t n) : n_(n) {
    const size_t page = size_t(::sysconf(_SC_PAGESIZE));
    const size_t body = (n * sizeof(T) + page - 1) / page * page;
    mapped_bytes_ = page + body + page;
    void* const map =
        ::mmap(nullptr, mapped_bytes_, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    DUNLIN_CHECK(map != MAP_FAILED);
    map_ = static_cast<uint8_t*>(map);
    std::memset(map_, kPoison, page + body);
    DUNLIN_CHECK(::mprotect(map_ + page + body, page, PROT_NONE) == 0);
    data_ = reinterpret_cast<T*>(map_ + page + body - n * sizeof(T));
  }
  explicit GuardedArray(std::span<const T> values) : GuardedArray(values.size()) {
    if (!values.empty()) std::memcpy(data_, values.data(), values.size_bytes());
  }
  GuardedArray(const GuardedArray&) = delete;
  GuardedArray& operator=(const GuardedArray&) = delete;
  ~GuardedArray() { ::munmap(map_, mapped_bytes_); }

  T* data() { return data_; }
  const T* data() const { return data_; }
  size_t size() const { return n_; }
  T& operator[](size_t i) { return data_[i]; }
  const T& operator[](size_t i) const { return data_[i]; }

  bool front_intact() const {
    for (const uint8_t* byte = map_; byte < reinterpret_cast<const uint8_t*>(data_); ++byte)
      if (*byte != kPoison) return false;
    return true;
  }
  bool is_poison(size_t i) const {
    const uint8_t* const bytes = reinterpret_cast<const uint8_t*>(data_ + i);
    for (size_t b = 0; b < sizeof(T); ++b)
      if (bytes[b] != kPoison) return false;
    return true;
  }
  bool same_bits(const GuardedArray& other) const {
    return n_ == other.n_ && std::memcmp(data_, other.data_, n_ * sizeof(T)) == 0;
  }

 private:
  size_t n_;
  size_t mapped_bytes_ = 0;
  uint8_t* map_ = nullptr;
  T* data_ = nullptr;
};

}  // namespace dunlin::cpu
