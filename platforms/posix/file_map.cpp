#include "platforms/file_map.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <utility>

#include "core/base/check.h"
#include "platforms/posix/system_message.h"

namespace dunlin {
namespace {

// Closes the descriptor at the end of the scope; a map outlives it.
class Descriptor {
 public:
  explicit Descriptor(int value) : value_(value) {}
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;
  ~Descriptor() {
    if (value_ >= 0) ::close(value_);
  }
  int get() const { return value_; }

 private:
  int value_;
};

Status read_all(int descriptor, const std::string& path, std::span<uint8_t> out) {
  size_t done = 0;
  while (done < out.size()) {
    const ssize_t n = ::read(descriptor, out.data() + done, std::min(out.size() - done, size_t(1) << 30));
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return Status::io(path, ": reading failed at byte ", done, ": ", system_message(errno));
    if (n == 0)
      return Status::io(path, ": the file became shorter while it was read: ", done, " of ", out.size(),
                        " bytes");
    done += size_t(n);
  }
  return Status::ok();
}

// The whole pages inside part: neighbours that share a page keep it.
std::span<const uint8_t> whole_pages(std::span<const uint8_t> part) {
  const uintptr_t page = uintptr_t(::sysconf(_SC_PAGESIZE));
  const uintptr_t begin = (uintptr_t(part.data()) + page - 1) / page * page;
  const uintptr_t end = (uintptr_t(part.data()) + part.size()) / page * page;
  if (end <= begin) return {};
  return {reinterpret_cast<const uint8_t*>(begin), size_t(end - begin)};
}

bool contains(std::span<const uint8_t> whole, std::span<const uint8_t> part) {
  return part.empty() ||
         (part.data() >= whole.data() && part.data() + part.size() <= whole.data() + whole.size());
}

}  // namespace

Result<FileMap> FileMap::open(const std::string& path, FileMapOptions options) {
  // Without O_NONBLOCK opening a pipe would wait for a writer.
  const Descriptor file(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
  if (file.get() < 0) {
    const int error = errno;
    if (error == ENOENT || error == ENOTDIR) return Status::not_found(path, ": no such file");
    return Status::io(path, ": cannot open the file: ", system_message(error));
  }
  struct stat info {};
  if (::fstat(file.get(), &info) != 0)
    return Status::io(path, ": cannot read the file's size: ", system_message(errno));
  if (S_ISDIR(info.st_mode)) return Status::invalid(path, ": is a directory, not a file");
  if (!S_ISREG(info.st_mode)) return Status::invalid(path, ": is not a regular file");

  if (uint64_t(info.st_size) > options.max_bytes)
    return Status::corrupt(path, ": the file has ", int64_t(info.st_size), " bytes; at most ",
                           options.max_bytes, " are allowed");

  FileMap map;
  map.path_ = path;
  map.size_ = size_t(info.st_size);
  if (map.size_ == 0) return map;
  if (!options.use_mmap) {
    map.buffer_ = AlignedBuffer(map.size_);
    if (map.buffer_.data() == nullptr)
      return Status::exhausted(path, ": no memory to read its ", map.size_, " bytes; map the file instead");
    DUNLIN_RETURN_IF_ERROR(read_all(file.get(), path, map.buffer_.bytes()));
    map.data_ = map.buffer_.data();
    return map;
  }
  void* address = ::mmap(nullptr, map.size_, PROT_READ, MAP_PRIVATE, file.get(), 0);
  if (address == MAP_FAILED) {
    const int error = errno;
    map.size_ = 0;
    return Status::io(path, ": cannot map its ", int64_t(info.st_size), " bytes: ", system_message(error),
                      "; try without mmap");
  }
  map.data_ = static_cast<const uint8_t*>(address);
  map.mapped_ = true;
  return map;
}

FileMap::FileMap(FileMap&& other) noexcept {
  *this = std::move(other);
}

FileMap& FileMap::operator=(FileMap&& other) noexcept {
  std::swap(path_, other.path_);
  std::swap(buffer_, other.buffer_);
  std::swap(data_, other.data_);
  std::swap(size_, other.size_);
  std::swap(mapped_, other.mapped_);
  return *this;
}

FileMap::~FileMap() {
  if (mapped_) ::munmap(const_cast<uint8_t*>(data_), size_);
}

void FileMap::will_need(std::span<const uint8_t> part) const {
  DUNLIN_CHECK(contains(bytes(), part));
  const std::span<const uint8_t> pages = whole_pages(part);
  if (mapped_ && !pages.empty()) ::madvise(const_cast<uint8_t*>(pages.data()), pages.size(), MADV_WILLNEED);
}

}  // namespace dunlin
