// A llama-like model of a few hundred weights, for tests that need a whole and correct file.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "core/model/gguf_writer.h"

namespace dunlin::test {

struct TinyOptions {
  std::string architecture = "llama";
  int64_t n_layer = 2;
  bool tied = false;
  bool qkv_bias = false;
  bool qk_norm = false;
  // Called before each tensor is added; false leaves it out.
  std::function<bool(const std::string& name, Shape& shape, DType& type)> edit = {};
};

inline constexpr int64_t kTinyEmbedding = 16;
inline constexpr int64_t kTinyHeads = 2;
inline constexpr int64_t kTinyHeadsKv = 1;
inline constexpr int64_t kTinyHeadDim = 8;
inline constexpr int64_t kTinyFeedForward = 24;
inline constexpr int64_t kTinyVocabulary = 6;

struct TinyTensor {
  std::string name;
  Shape shape;
};

std::vector<TinyTensor> tiny_tensors(const TinyOptions& options);
void set_tiny_metadata(GgufWriter& writer, const TinyOptions& options);
// Elements count up in steps of 1/64 from the tensor's number; exact in every float type.
void add_tiny_tensors(GgufWriter& writer, const TinyOptions& options);
std::vector<uint8_t> tiny_gguf(const TinyOptions& options = {});

}  // namespace dunlin::test
