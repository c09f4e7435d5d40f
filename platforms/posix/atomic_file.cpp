#include "platforms/atomic_file.h"

#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <utility>

#include "platforms/posix/system_message.h"

namespace dunlin {
namespace {

// A rename is on the disk once its directory is. Not every file system can flush a directory: best effort.
void flush_directory_of(const std::string& path) {
  const size_t slash = path.rfind('/');
  const std::string directory = slash == std::string::npos ? "." : path.substr(0, slash + 1);
  const int descriptor = ::open(directory.c_str(), O_RDONLY | O_CLOEXEC | O_DIRECTORY);
  if (descriptor < 0) return;
  ::fsync(descriptor);
  ::close(descriptor);
}

}  // namespace

Result<AtomicFile> AtomicFile::create(const std::string& path) {
  AtomicFile file;
  file.path_ = path;
  file.temporary_path_ = path + ".XXXXXX";
  file.descriptor_ = ::mkostemp(file.temporary_path_.data(), O_CLOEXEC);
  if (file.descriptor_ < 0) return Status::io(path, ": cannot create a file there: ", system_message(errno));
  // mkostemp gives the file to its owner alone; a model is as public as its folder.
  ::fchmod(file.descriptor_, 0644);
  return file;
}

AtomicFile::AtomicFile(AtomicFile&& other) noexcept {
  *this = std::move(other);
}

AtomicFile& AtomicFile::operator=(AtomicFile&& other) noexcept {
  std::swap(path_, other.path_);
  std::swap(temporary_path_, other.temporary_path_);
  std::swap(descriptor_, other.descriptor_);
  return *this;
}

AtomicFile::~AtomicFile() {
  abandon();
}

void AtomicFile::abandon() {
  if (descriptor_ < 0) return;
  ::close(descriptor_);
  ::unlink(temporary_path_.c_str());
  descriptor_ = -1;
}

Status AtomicFile::write(std::span<const uint8_t> bytes) {
  DUNLIN_CHECK(descriptor_ >= 0);
  while (!bytes.empty()) {
    const ssize_t n = ::write(descriptor_, bytes.data(), std::min(bytes.size(), size_t(1) << 30));
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return Status::io(path_, ": writing failed: ", system_message(errno));
    bytes = bytes.subspan(size_t(n));
  }
  return Status::ok();
}

Status AtomicFile::commit() {
  DUNLIN_CHECK(descriptor_ >= 0);
  if (::fsync(descriptor_) != 0) return Status::io(path_, ": flushing failed: ", system_message(errno));
  if (::rename(temporary_path_.c_str(), path_.c_str()) != 0)
    return Status::io(path_, ": cannot give the finished file its name: ", system_message(errno));
  ::close(descriptor_);
  descriptor_ = -1;
  flush_directory_of(path_);
  return Status::ok();
}

}  // namespace dunlin
