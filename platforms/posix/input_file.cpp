#include "platforms/input_file.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <utility>

#include "core/base/check.h"
#include "platforms/posix/system_message.h"

namespace dunlin {
namespace {

// Linux reads at most 2 GiB less a page at a time.
constexpr size_t kMaxReadBytes = size_t(1) << 30;

}  // namespace

Result<InputFile> InputFile::open(const std::string& path, InputFileOptions options) {
  InputFile file;
  file.path_ = path;
  // Without O_NONBLOCK opening a pipe would wait for a writer.
  file.descriptor_ = ::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK);
  if (file.descriptor_ < 0) {
    const int error = errno;
    if (error == ENOENT || error == ENOTDIR) return Status::not_found(path, ": no such file");
    return Status::io(path, ": cannot open the file: ", system_message(error));
  }
  struct stat info {};
  if (::fstat(file.descriptor_, &info) != 0)
    return Status::io(path, ": cannot read the file's size: ", system_message(errno));
  if (S_ISDIR(info.st_mode)) return Status::invalid(path, ": is a directory, not a file");
  if (!S_ISREG(info.st_mode)) return Status::invalid(path, ": is not a regular file");
  file.size_ = uint64_t(info.st_size);
  file.modified_ns_ = int64_t(info.st_mtim.tv_sec) * 1'000'000'000 + info.st_mtim.tv_nsec;
  if (!options.preload || file.size_ == 0) return file;

  AlignedBuffer memory(size_t(file.size_));
  if (memory.data() == nullptr)
    return Status::exhausted(path, ": no memory to read its ", file.size_, " bytes at once");
  DUNLIN_RETURN_IF_ERROR(file.read(0, memory.bytes()));
  file.memory_ = std::move(memory);
  return file;
}

InputFile::InputFile(InputFile&& other) noexcept {
  *this = std::move(other);
}

InputFile& InputFile::operator=(InputFile&& other) noexcept {
  std::swap(path_, other.path_);
  std::swap(size_, other.size_);
  std::swap(modified_ns_, other.modified_ns_);
  std::swap(descriptor_, other.descriptor_);
  std::swap(memory_, other.memory_);
  return *this;
}

InputFile::~InputFile() {
  if (descriptor_ >= 0) ::close(descriptor_);
}

Status InputFile::read(uint64_t offset, std::span<uint8_t> out) const {
  DUNLIN_CHECK(offset <= size_ && out.size() <= size_ - offset);
  if (is_preloaded()) {
    if (!out.empty()) std::memcpy(out.data(), memory_.data() + offset, out.size());
    return Status::ok();
  }
  size_t done = 0;
  while (done < out.size()) {
    const ssize_t n = ::pread(descriptor_, out.data() + done, std::min(out.size() - done, kMaxReadBytes),
                              off_t(offset + done));
    if (n < 0 && errno == EINTR) continue;
    if (n < 0)
      return Status::io(path_, ": reading failed at byte ", offset + done, ": ", system_message(errno));
    if (n == 0)
      return Status::io(path_, ": the file became shorter while it was read: it ends at byte ", offset + done,
                        " or before, and had ", size_, " bytes; fetch it again");
    done += size_t(n);
  }
  return Status::ok();
}

}  // namespace dunlin
