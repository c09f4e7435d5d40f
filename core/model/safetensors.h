// SafetensorsFile: the header of one .safetensors file, checked completely: bounded JSON, no duplicate names,
// every range inside the file, and the ranges cover the data exactly. Source: huggingface/safetensors.
//
// It keeps nothing of the bytes. Immutable after parse().
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "core/base/status.h"
#include "core/tensor/tensor_source.h"
#include "platforms/input_file.h"

namespace dunlin {

struct SafetensorsTensor {
  std::string name;
  std::string dtype;            // as the file spells it: "BF16"
  std::vector<uint64_t> shape;  // outermost first; may be empty or hold zeros
  uint64_t begin = 0;           // from the start of the file
  uint64_t end = 0;
};

inline constexpr uint64_t kSafetensorsMaxHeaderBytes = 100'000'000;
inline constexpr uint64_t kSafetensorsMaxTensors = 65536;

class SafetensorsFile {
 public:
  // A whole file in memory.
  static Result<SafetensorsFile> parse(std::span<const uint8_t> bytes, std::string source);
  // The front of a file of file_bytes. If that has too little of the header, the error is for nobody's eyes
  // and needed_bytes is the length that the parser got stuck at; otherwise 0.
  static Result<SafetensorsFile> parse_front(std::span<const uint8_t> front, uint64_t file_bytes,
                                             std::string source, uint64_t& needed_bytes);

  const std::string& source() const { return source_; }
  // Sorted by begin.
  std::span<const SafetensorsTensor> tensors() const { return tensors_; }
  // Type and shape, without a reader. Refuses by name what no weight can be: dtypes other than F32, F16 and
  // BF16, rank 0 or above 4, empty dimensions.
  Result<TensorSource> as_weight(const SafetensorsTensor& tensor) const;

 private:
  SafetensorsFile() = default;

  std::string source_;
  std::vector<SafetensorsTensor> tensors_;
};

struct SafetensorsPart {
  std::unique_ptr<InputFile> input;
  SafetensorsFile file;
};

// The weight files of a Hugging Face directory: model.safetensors, or the shards that
// model.safetensors.index.json names, which must be plain file names; the index must agree with the shards.
Result<std::vector<SafetensorsPart>> open_safetensors_directory(const std::string& directory,
                                                                InputFileOptions options);

}  // namespace dunlin
