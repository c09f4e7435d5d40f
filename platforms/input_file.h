// InputFile: one regular file that is read by position, never mapped: a file that shrinks while it is read is
// an error that names it, where a map would kill the process (docs/decisions/0004-no-mapped-weights.md).
// Move-only. Const methods may be called from any thread.
#pragma once

#include <cstdint>
#include <span>
#include <string>

#include "core/base/aligned_buffer.h"
#include "core/base/status.h"

namespace dunlin {

struct InputFileOptions {
  bool preload = false;  // read the whole file into memory when it is opened, and never look at it again
};

class InputFile {
 public:
  // Regular files only. Errors name the path, what the system said, and the size where memory was short.
  static Result<InputFile> open(const std::string& path, InputFileOptions options = {});

  InputFile() = default;
  InputFile(InputFile&& other) noexcept;
  InputFile& operator=(InputFile&& other) noexcept;
  InputFile(const InputFile&) = delete;
  InputFile& operator=(const InputFile&) = delete;
  ~InputFile();

  const std::string& path() const { return path_; }
  uint64_t size() const { return size_; }               // when it was opened
  int64_t modified_ns() const { return modified_ns_; }  // then, since the epoch
  bool is_preloaded() const { return memory_.size() != 0; }

  // Fills out with the bytes from offset on, which lie inside size(). Fails if the file has become shorter.
  Status read(uint64_t offset, std::span<uint8_t> out) const;

 private:
  std::string path_;
  uint64_t size_ = 0;
  int64_t modified_ns_ = 0;
  int descriptor_ = -1;
  AlignedBuffer memory_;  // all of the file, where preloaded
};

}  // namespace dunlin
