// FileMap: the bytes of one file, read-only: a memory map, or a plain read into memory. Move-only; bytes()
// stays at its address when the FileMap moves. Const methods may be called from any thread.
//
// A mapped file that another process shortens makes the kernel deliver SIGBUS on access. So nothing that
// users point to is mapped: small files are read (use_mmap = false), models through an InputFile.
#pragma once

#include <cstdint>
#include <span>
#include <string>

#include "core/base/aligned_buffer.h"
#include "core/base/status.h"

namespace dunlin {

struct FileMapOptions {
  bool use_mmap = true;             // false: read the whole file into memory
  uint64_t max_bytes = UINT64_MAX;  // a longer file is refused before anything of it is read
};

class FileMap {
 public:
  // Regular files only. Errors name the path, what the system said, and the size where memory was short.
  static Result<FileMap> open(const std::string& path, FileMapOptions options = {});

  FileMap() = default;
  FileMap(FileMap&& other) noexcept;
  FileMap& operator=(FileMap&& other) noexcept;
  FileMap(const FileMap&) = delete;
  FileMap& operator=(const FileMap&) = delete;
  ~FileMap();

  std::span<const uint8_t> bytes() const { return {data_, size_}; }
  const std::string& path() const { return path_; }
  bool is_mapped() const { return mapped_; }

  // Advice that a part of bytes() will be read; does nothing where bytes() was read.
  void will_need(std::span<const uint8_t> part) const;

 private:
  std::string path_;
  AlignedBuffer buffer_;  // empty where mapped
  const uint8_t* data_ = nullptr;
  size_t size_ = 0;
  bool mapped_ = false;
};

}  // namespace dunlin
