// GgufParser: reads the header of a GGUF file into a GgufFile, every check before the value is used. Private
// to the model module.
#pragma once

#include <string>

#include "core/base/byte_reader.h"
#include "core/model/gguf.h"

namespace dunlin {

class GgufParser {
 public:
  // The front of a file of file_bytes, or all of it.
  GgufParser(std::span<const uint8_t> front, uint64_t file_bytes, std::string source);
  Result<GgufFile> parse();
  uint64_t needed_bytes() const { return reader_.needed_bytes(); }

 private:
  Status read_header();
  Status read_entry();
  Status read_tensor();
  Status read_value(GgufEntry& entry);
  Status read_array(GgufEntry& entry);
  Status read_string(uint64_t max_bytes, std::string_view what, std::string_view& out);
  Status read_shape(GgufTensor& tensor, uint64_t& elements);
  Status read_alignment();
  Status place_tensors(uint64_t data_start);
  Status sort_names();
  // "file: metadata key 'x' (at offset 120): " and the like, then the parts.
  template <typename... P>
  Status corrupt(const P&... parts) const {
    return Status::corrupt(file_.source_, ": ", where_, " (at offset ", where_offset_, "): ", parts...);
  }
  void begin(std::string where);

  GgufFile file_;
  std::span<const uint8_t> front_;
  uint64_t file_bytes_;
  ByteReader reader_;
  std::string where_ = "header";
  uint64_t where_offset_ = 0;
  uint64_t n_tensors_ = 0;
  uint64_t n_entries_ = 0;
};

}  // namespace dunlin
