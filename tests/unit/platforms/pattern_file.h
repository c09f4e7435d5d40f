// A file of three pages and a bit; byte i is i mod 251. Gone with the object.
#pragma once

#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <string>

namespace dunlin::test {

class PatternFile {
 public:
  PatternFile() : path_((std::filesystem::temp_directory_path() / "dunlin-pattern-XXXXXX").string()) {
    ::close(::mkstemp(path_.data()));
    std::ofstream out(path_, std::ios::binary);
    for (size_t i = 0; i < kSize; ++i) out.put(char(i % 251));
  }
  ~PatternFile() { std::filesystem::remove(path_); }
  PatternFile(const PatternFile&) = delete;
  PatternFile& operator=(const PatternFile&) = delete;

  static constexpr size_t kSize = 3 * 4096 + 100;
  const std::string& path() const { return path_; }

 private:
  std::string path_;
};

}  // namespace dunlin::test
