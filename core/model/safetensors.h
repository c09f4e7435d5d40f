// SafetensorsFile: the header of one .safetensors file, checked completely: bounded JSON, no duplicate names,
// every range inside the file, and the ranges cover the data exactly. Source: huggingface/safetensors.
//
// Lifetime: borrows the bytes; tensor views point into them. Immutable after parse().
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "core/base/status.h"
#include "core/tensor/tensor.h"
#include "platforms/file_map.h"

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
  static Result<SafetensorsFile> parse(std::span<const uint8_t> bytes, std::string source);

  const std::string& source() const { return source_; }
  // Sorted by begin.
  std::span<const SafetensorsTensor> tensors() const { return tensors_; }
  // A typed window. Refuses by name what no weight can be: dtypes other than F32, F16 and BF16, rank 0 or
  // above 4, empty dimensions. The bytes may be unaligned.
  Result<TensorView> view(const SafetensorsTensor& tensor) const;

 private:
  SafetensorsFile() = default;

  std::span<const uint8_t> bytes_;
  std::string source_;
  std::vector<SafetensorsTensor> tensors_;
};

struct SafetensorsPart {
  std::unique_ptr<FileMap> map;
  SafetensorsFile file;
};

// The weight files of a Hugging Face directory: model.safetensors, or the shards that
// model.safetensors.index.json names, which must be plain file names; the index must agree with the shards.
Result<std::vector<SafetensorsPart>> open_safetensors_directory(const std::string& directory,
                                                                FileMapOptions options);

}  // namespace dunlin
