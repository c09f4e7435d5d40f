#include "core/quant/type_mix.h"

#include <algorithm>
#include <array>
#include <charconv>

#include "core/base/check.h"

namespace dunlin {
namespace {

struct MixRow {
  TypeMix mix;
  const char* name;
  uint32_t file_type;
  DType base;    // all weights but the following
  DType raised;  // attn_v and ffn_down of the layers that uses_more_bits names
  DType head;    // output.weight, or the embedding that takes its place
};

constexpr std::array kMixes = {
    MixRow{TypeMix::kF16, "F16", 1, DType::kF16, DType::kF16, DType::kF16},
    MixRow{TypeMix::kQ4_0, "Q4_0", 2, DType::kQ4_0, DType::kQ4_0, DType::kQ6_K},
    MixRow{TypeMix::kQ8_0, "Q8_0", 7, DType::kQ8_0, DType::kQ8_0, DType::kQ8_0},
    MixRow{TypeMix::kQ4_K_M, "Q4_K_M", 15, DType::kQ4_K, DType::kQ6_K, DType::kQ6_K},
    MixRow{TypeMix::kQ5_K_M, "Q5_K_M", 17, DType::kQ5_K, DType::kQ6_K, DType::kQ6_K},
    MixRow{TypeMix::kQ6_K, "Q6_K", 18, DType::kQ6_K, DType::kQ6_K, DType::kQ6_K},
};

const MixRow& mix_row(TypeMix mix) {
  for (const MixRow& row : kMixes) {
    if (row.mix == mix) return row;
  }
  check_failed(__FILE__, __LINE__, "known mix", "");
}

char upper(char c) {
  return c >= 'a' && c <= 'z' ? char(c - 'a' + 'A') : c;
}

enum class Role : uint8_t { kPlain, kUnquantized, kHead, kAttnK, kAttnV, kAttnOutput, kFfnDown };

struct Placed {
  Role role = Role::kPlain;
  uint32_t layer = 0;
};

// Splits "blk.12.attn_v.weight" to 12 and "attn_v.weight"; false for a tensor of no layer.
bool split_layer(std::string_view name, uint32_t& layer, std::string_view& rest) {
  constexpr std::string_view kPrefix = "blk.";
  if (!name.starts_with(kPrefix)) return false;
  const char* end = name.data() + name.size();
  const auto [next, error] = std::from_chars(name.data() + kPrefix.size(), end, layer);
  if (error != std::errc() || next == end || *next != '.') return false;
  rest = name.substr(size_t(next + 1 - name.data()));
  return true;
}

bool is_quantized_weight(const MixTensor& tensor) {
  return tensor.shape.rank() >= 2 && tensor.name.ends_with("weight") &&
         !tensor.name.ends_with("_norm.weight") && !tensor.name.ends_with("ffn_gate_inp.weight");
}

Placed place(const MixTensor& tensor, bool has_output) {
  if (!is_quantized_weight(tensor)) return {Role::kUnquantized};
  if (tensor.name == (has_output ? "output.weight" : "token_embd.weight")) return {Role::kHead};
  Placed placed;
  std::string_view rest;
  if (!split_layer(tensor.name, placed.layer, rest)) return {};
  if (rest == "attn_v.weight" || rest == "attn_qkv.weight") placed.role = Role::kAttnV;
  if (rest == "attn_k.weight") placed.role = Role::kAttnK;
  if (rest == "attn_output.weight") placed.role = Role::kAttnOutput;
  if (rest.starts_with("ffn_down")) placed.role = Role::kFfnDown;
  return placed;
}

// The layers that have a tensor of this role, rising.
std::vector<uint32_t> layers_with(Role role, std::span<const Placed> placed) {
  std::vector<uint32_t> layers;
  for (const Placed& p : placed) {
    if (p.role == role) layers.push_back(p.layer);
  }
  std::sort(layers.begin(), layers.end());
  return layers;
}

size_t rank_of(uint32_t layer, const std::vector<uint32_t>& layers) {
  return size_t(std::lower_bound(layers.begin(), layers.end(), layer) - layers.begin());
}

// The first and the last eighth and every third in between: where errors cost most.
bool uses_more_bits(size_t i, size_t n) {
  return i < n / 8 || i >= 7 * n / 8 || (i - n / 8) % 3 == 2;
}

// The next type for rows that are no whole number of blocks.
DType fit_row_length(DType type, int64_t row_elements) {
  const auto divides = [&](DType t) { return row_elements % int64_t(dtype_info(t).block_elements) == 0; };
  if (divides(type)) return type;
  switch (type) {
    case DType::kQ4_K:
      type = DType::kQ5_0;
      break;
    case DType::kQ5_K:
      type = DType::kQ5_1;
      break;
    case DType::kQ6_K:
      type = DType::kQ8_0;
      break;
    default:
      break;
  }
  return divides(type) ? type : DType::kF16;
}

struct Recipe {
  const MixRow& row;
  const MixModel& model;
  std::vector<uint32_t> attn_v_layers;
  std::vector<uint32_t> ffn_down_layers;

  DType attn_v(uint32_t layer) const {
    if (eight_experts()) return DType::kQ8_0;
    if (uses_more_bits(rank_of(layer, attn_v_layers), attn_v_layers.size())) return row.raised;
    // In 80-layer models with shared KV heads (the 70B class) attn_v is small and worth the bits.
    const bool large_gqa = model.n_layer == 80 && model.n_head != model.n_head_kv;
    return large_gqa && row.base == DType::kQ4_K ? DType::kQ5_K : row.base;
  }

  DType ffn_down(uint32_t layer) const {
    return uses_more_bits(rank_of(layer, ffn_down_layers), model.n_layer) ? row.raised : row.base;
  }

  DType head(int64_t row_elements) const {
    return row_elements % int64_t(dtype_info(row.base).block_elements) == 0 ? row.head : DType::kQ8_0;
  }

  bool eight_experts() const { return model.n_expert == 8 && dtype_info(row.base).quantized; }

  // Before the row length is looked at.
  DType wanted(const MixTensor& tensor, const Placed& placed) const {
    switch (placed.role) {
      case Role::kHead:
        return head(tensor.shape.row_elements());
      case Role::kAttnV:
        return attn_v(placed.layer);
      case Role::kFfnDown:
        return ffn_down(placed.layer);
      case Role::kAttnK:
        return eight_experts() ? DType::kQ8_0 : row.base;
      case Role::kAttnOutput:
        return eight_experts() && row.mix == TypeMix::kQ4_K_M ? DType::kQ5_K : row.base;
      default:
        return row.base;
    }
  }

  DType choose(const MixTensor& tensor, const Placed& placed) const {
    if (placed.role == Role::kUnquantized) {
      return tensor.shape.rank() < 2 || tensor.name.ends_with("_norm.weight") ? DType::kF32 : tensor.source;
    }
    return fit_row_length(wanted(tensor, placed), tensor.shape.row_elements());
  }
};

}  // namespace

std::optional<TypeMix> type_mix_from_name(std::string_view name) {
  for (const MixRow& row : kMixes) {
    if (std::ranges::equal(name, std::string_view(row.name), {}, upper)) return row.mix;
  }
  return std::nullopt;
}

const char* type_mix_name(TypeMix mix) {
  return mix_row(mix).name;
}

std::string_view type_mix_names() {
  return "F16, Q8_0, Q6_K, Q5_K_M, Q4_K_M, Q4_0";
}

uint32_t type_mix_file_type(TypeMix mix) {
  return mix_row(mix).file_type;
}

std::vector<DType> choose_types(TypeMix mix, const MixModel& model, std::span<const MixTensor> tensors) {
  const bool has_output =
      std::ranges::any_of(tensors, [](const MixTensor& t) { return t.name == "output.weight"; });
  std::vector<Placed> placed;
  placed.reserve(tensors.size());
  for (const MixTensor& tensor : tensors) placed.push_back(place(tensor, has_output));

  const Recipe recipe{mix_row(mix), model, layers_with(Role::kAttnV, placed),
                      layers_with(Role::kFfnDown, placed)};
  std::vector<DType> types;
  types.reserve(tensors.size());
  for (size_t i = 0; i < tensors.size(); ++i) types.push_back(recipe.choose(tensors[i], placed[i]));
  return types;
}

}  // namespace dunlin
