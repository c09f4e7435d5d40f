// AtomicFile: writes a file that appears under its name only when it is complete: a temporary file beside it,
// flushed to the disk and then renamed. Destroyed without commit() it leaves nothing behind. Move-only; one
// thread at a time.
#pragma once

#include <cstdint>
#include <span>
#include <string>

#include "core/base/status.h"

namespace dunlin {

class AtomicFile {
 public:
  static Result<AtomicFile> create(const std::string& path);

  AtomicFile(AtomicFile&& other) noexcept;
  AtomicFile& operator=(AtomicFile&& other) noexcept;
  AtomicFile(const AtomicFile&) = delete;
  AtomicFile& operator=(const AtomicFile&) = delete;
  ~AtomicFile();

  Status write(std::span<const uint8_t> bytes);
  Status commit();

 private:
  AtomicFile() = default;
  void abandon();

  std::string path_;
  std::string temporary_path_;
  int descriptor_ = -1;
};

}  // namespace dunlin
