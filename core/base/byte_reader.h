// ByteReader: reads little-endian values from a bounded span of outside bytes. Every read is checked; a
// failed read says at which offset of which source it wanted how many bytes. Borrows the span.
#pragma once

#include <bit>
#include <cstdint>
#include <cstring>
#include <span>
#include <string_view>
#include <type_traits>

#include "core/base/status.h"

namespace dunlin {

static_assert(std::endian::native == std::endian::little, "Dunlin reads little-endian files in place");

class ByteReader {
 public:
  // source: what to call these bytes in errors, usually the file name; must outlive the reader.
  ByteReader(std::span<const uint8_t> bytes, std::string_view source)
      : ByteReader(bytes, source, bytes.size()) {}
  // bytes are the front of a source of all_bytes.
  ByteReader(std::span<const uint8_t> bytes, std::string_view source, uint64_t all_bytes)
      : bytes_(bytes), source_(source), all_bytes_(all_bytes) {}

  uint64_t offset() const { return offset_; }
  uint64_t remaining() const { return all_bytes_ - offset_; }  // in the source
  // Where the bytes end that a read failed for, though the source has them; 0: none did.
  uint64_t needed_bytes() const { return needed_bytes_; }
  std::string_view source() const { return source_; }

  template <typename T>
  requires std::is_trivially_copyable_v<T> Status read(T& out) {
    DUNLIN_RETURN_IF_ERROR(need(sizeof(T)));
    std::memcpy(&out, bytes_.data() + offset_, sizeof(T));
    offset_ += sizeof(T);
    return Status::ok();
  }

  Status read_bytes(uint64_t count, std::span<const uint8_t>& out) {
    DUNLIN_RETURN_IF_ERROR(need(count));
    out = bytes_.subspan(size_t(offset_), size_t(count));
    offset_ += count;
    return Status::ok();
  }

 private:
  Status need(uint64_t count) {
    if (count <= bytes_.size() - offset_) return Status::ok();
    if (count <= remaining()) {
      needed_bytes_ = offset_ + count;
      return Status::corrupt(source_, ": ", needed_bytes_, " bytes are needed, ", bytes_.size(),
                             " are at hand");
    }
    return Status::corrupt(source_, ": truncated at offset ", offset_, ": ", count, " bytes expected, ",
                           remaining(), " left; the file is incomplete, fetch it again");
  }

  std::span<const uint8_t> bytes_;
  std::string_view source_;
  uint64_t all_bytes_ = 0;
  uint64_t offset_ = 0;
  uint64_t needed_bytes_ = 0;
};

}  // namespace dunlin
