// GgufWriter: writes a GGUF version 3 file. Metadata and tensors are declared first; write() then asks each
// tensor's producer for its bytes, in order, so that a file of any size needs only the producer's own memory.
// One thread at a time.
#pragma once

#include <cstdint>
#include <functional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "core/base/status.h"
#include "core/model/gguf.h"
#include "core/tensor/tensor.h"

namespace dunlin {

class GgufWriter {
 public:
  using Append = std::function<Status(std::span<const uint8_t>)>;
  // Calls append any number of times, for as many bytes in all as the tensor has.
  using Producer = std::function<Status(const Append& append)>;

  // A power of two in 8..65,536; stored as general.alignment if it is not the default.
  explicit GgufWriter(uint32_t alignment = kGgufDefaultAlignment);

  // Setting a key again replaces its value in place.
  void set_u16(std::string_view key, uint16_t value);
  void set_u32(std::string_view key, uint32_t value);
  void set_i32(std::string_view key, int32_t value);
  void set_f32(std::string_view key, float value);
  void set_bool(std::string_view key, bool value);
  void set_string(std::string_view key, std::string_view value);
  void set_string_array(std::string_view key, std::span<const std::string_view> values);
  void set_i32_array(std::string_view key, std::span<const int32_t> values);
  void set_u32_array(std::string_view key, std::span<const uint32_t> values);
  void set_f32_array(std::string_view key, std::span<const float> values);
  // The pair as it lies in another file, byte for byte.
  void copy(const GgufEntry& entry);

  // shape is outermost first. Refuses a name that is empty, too long or taken, and rows that the type's
  // blocks do not divide.
  Status add_tensor(std::string_view name, DType type, const Shape& shape, Producer producer);
  // Bytes that outlive write().
  Status add_tensor(std::string_view name, const TensorView& tensor);

  // Temporary file, flush, rename: the old file at path stays until the new one is complete.
  Status write(const std::string& path) const;
  Result<std::vector<uint8_t>> write_to_memory() const;

 private:
  struct Pair {
    std::string key;
    std::vector<uint8_t> bytes;  // value type and value
  };
  struct Tensor {
    std::string name;
    DType type;
    Shape shape;
    uint64_t bytes;
    Producer producer;
  };

  void set(std::string_view key, std::vector<uint8_t> bytes);
  std::vector<uint8_t> header() const;
  Status emit(const Append& append) const;
  Status emit_tensor(const Tensor& tensor, const Append& append) const;

  uint32_t alignment_;
  std::vector<Pair> pairs_;
  std::vector<Tensor> tensors_;
};

}  // namespace dunlin
