#include "text_io.h"

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <iostream>
#include <memory>

#include "exit_code.h"

namespace dunlin::cli {
namespace {

// Appends to text what is left of the file; false where reading failed.
bool read_all(FILE* file, std::string& text) {
  char buffer[1 << 16];
  for (size_t n; (n = std::fread(buffer, 1, sizeof buffer, file)) > 0;) text.append(buffer, n);
  return std::ferror(file) == 0;
}

[[noreturn]] void fail_stdin() {
  throw Error(DUNLIN_IO, std::string("cannot read stdin: ") + std::strerror(errno));
}

}  // namespace

std::string read_text_file(const std::string& path, const std::string& what) {
  const auto fail = [&] {
    throw UsageError("cannot read " + what + " file '" + path + "': " + std::strerror(errno) +
                     "; check its name");
  };
  const std::unique_ptr<FILE, int (*)(FILE*)> file(std::fopen(path.c_str(), "rb"), std::fclose);
  if (!file) fail();
  std::string text;
  if (!read_all(file.get(), text)) fail();
  return text;
}

std::string read_stdin() {
  std::string text;
  if (!read_all(stdin, text)) fail_stdin();
  return text;
}

bool read_stdin_line(std::string& line) {
  const bool read = bool(std::getline(std::cin, line));
  if (!read && std::ferror(stdin) != 0) fail_stdin();  // std::cin reads through stdin
  return read;
}

void finish_stdout() {
  errno = 0;
  const bool flushed = std::cout.flush().good() && std::fflush(stdout) == 0 && std::ferror(stdout) == 0;
  if (flushed) return;
  // An earlier failure has left its mark, but not its reason.
  throw Error(DUNLIN_IO, std::string("the result could not be written to stdout") +
                             (errno == 0 ? "" : std::string(": ") + std::strerror(errno)));
}

}  // namespace dunlin::cli
