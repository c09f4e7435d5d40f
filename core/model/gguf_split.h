// GGUF models split into several files: PREFIX-00001-of-00003.gguf and so on. Any part names the whole model.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "core/base/status.h"
#include "core/model/gguf.h"
#include "platforms/input_file.h"
#include "platforms/memory.h"

namespace dunlin {

struct GgufPart {
  std::unique_ptr<InputFile> input;  // null where the bytes belong to the caller
  LargeBlock header;                 // what file points into; empty likewise
  GgufFile file;
};

// PREFIX-%05d-of-%05d.gguf taken apart; number counts from 1.
struct GgufSplitName {
  std::string prefix;
  uint32_t number = 0;
  uint32_t count = 0;

  static std::optional<GgufSplitName> parse(const std::string& path);
  std::string path_of(uint32_t part_number) const;
};

// All parts of the model that path belongs to, in order; the first has the metadata. A file that is not split
// is one part. Checks split.no, split.count, split.tensors.count, and that no tensor occurs twice.
Result<std::vector<GgufPart>> open_gguf_parts(const std::string& path, InputFileOptions options);

}  // namespace dunlin
