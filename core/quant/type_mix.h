// Type mixes: which DType each tensor of a model gets when it is quantized. A mix is a writer's recipe, named
// as llama-quantize names it and giving the same types; a reader takes every type from the file, never from
// the mix.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string_view>
#include <vector>

#include "core/tensor/dtype.h"
#include "core/tensor/shape.h"

namespace dunlin {

enum class TypeMix : uint8_t { kF16, kQ8_0, kQ4_0, kQ4_K_M, kQ5_K_M, kQ6_K };

// "Q4_K_M", in either case; nothing for another name.
std::optional<TypeMix> type_mix_from_name(std::string_view name);
const char* type_mix_name(TypeMix mix);
// Every mix's name with ", " between them, for messages.
std::string_view type_mix_names();
// The value of GGUF's general.file_type.
uint32_t type_mix_file_type(TypeMix mix);

struct MixModel {
  uint32_t n_layer = 0;
  uint32_t n_head = 0;
  uint32_t n_head_kv = 0;
  uint32_t n_expert = 0;  // 0: not a mixture of experts
};

struct MixTensor {
  std::string_view name;  // as GGUF names it: "blk.0.attn_q.weight"
  Shape shape;            // outermost first
  DType source = DType::kF32;
};

// The type of each tensor, in the order of tensors. Weights of two or more dimensions follow the mix; 1-D
// tensors and norms become F32; the rest keeps its source type. Every type fits its tensor's row length.
std::vector<DType> choose_types(TypeMix mix, const MixModel& model, std::span<const MixTensor> tensors);

}  // namespace dunlin
