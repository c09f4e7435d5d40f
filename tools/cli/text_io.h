// Texts from files and stdin, and the result to stdout: all of it, or an error.
#pragma once

#include <string>

namespace dunlin::cli {

// UsageError where the file cannot be opened or read to its end; what is the text's part in its message
// ("prompt").
std::string read_text_file(const std::string& path, const std::string& what);

// The whole of stdin. Error (DUNLIN_IO) where it cannot be read.
std::string read_stdin();

// The next line of stdin without its end; false where there is none. Error (DUNLIN_IO) as above.
bool read_stdin_line(std::string& line);

// Flushes stdout. Error (DUNLIN_IO) if anything of the result has not been written: a full disk, a closed
// pipe.
void finish_stdout();

}  // namespace dunlin::cli
