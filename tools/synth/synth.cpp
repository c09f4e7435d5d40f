#include "tools/synth/synth.h"

#include <cmath>
#include <cstring>
#include <random>
#include <vector>

#include "core/model/gguf_split.h"
#include "core/model/gguf_writer.h"
#include "core/model/rope_factors.h"
#include "core/quant/format.h"
#include "core/quant/type_mix.h"
#include "tools/shapes/model_shape.h"
#include "tools/synth/tokenizer.h"

namespace dunlin {
namespace {

// Blocks of a type that are quantized once and then dealt out at random: real block statistics at the speed
// of copying.
constexpr size_t kPoolBlocks = 2048;
constexpr size_t kAppendBytes = 1 << 20;

struct Tensor {
  std::string name;
  Shape shape;
  DType type = DType::kF32;
  float mean = 0;
  float deviation = 0;  // of the normal distribution that its values are drawn from
};

std::vector<Tensor> list_tensors(const ModelShape& s) {
  const int64_t q = s.n_head * s.head_dim, kv = s.n_head_kv * s.head_dim;
  // Outputs of unit size for normed inputs keep activations sane at any depth.
  const auto matrix = [](std::string name, int64_t n, int64_t k) {
    return Tensor{std::move(name), {n, k}, DType::kF32, 0, 1 / std::sqrt(float(k))};
  };
  const auto norm = [](std::string name, int64_t n) {
    return Tensor{std::move(name), {n}, DType::kF32, 1, 0.05f};
  };
  const auto bias = [](std::string name, int64_t n) {
    return Tensor{std::move(name), {n}, DType::kF32, 0, 0.1f};
  };
  std::vector<Tensor> tensors = {matrix("token_embd.weight", s.n_vocab, s.n_embd)};
  for (int64_t i = 0; i < s.n_layer; ++i) {
    const auto name = [&](const char* part) { return str_cat("blk.", i, ".", part); };
    tensors.push_back(norm(name("attn_norm.weight"), s.n_embd));
    tensors.push_back(matrix(name("attn_q.weight"), q, s.n_embd));
    tensors.push_back(matrix(name("attn_k.weight"), kv, s.n_embd));
    tensors.push_back(matrix(name("attn_v.weight"), kv, s.n_embd));
    if (std::string_view(s.architecture) == "qwen2") {
      tensors.push_back(bias(name("attn_q.bias"), q));
      tensors.push_back(bias(name("attn_k.bias"), kv));
      tensors.push_back(bias(name("attn_v.bias"), kv));
    }
    tensors.push_back(matrix(name("attn_output.weight"), s.n_embd, q));
    tensors.push_back(norm(name("ffn_norm.weight"), s.n_embd));
    tensors.push_back(matrix(name("ffn_gate.weight"), s.n_ff, s.n_embd));
    tensors.push_back(matrix(name("ffn_up.weight"), s.n_ff, s.n_embd));
    tensors.push_back(matrix(name("ffn_down.weight"), s.n_embd, s.n_ff));
  }
  tensors.push_back(norm("output_norm.weight", s.n_embd));
  if (!s.tied) tensors.push_back(matrix("output.weight", s.n_vocab, s.n_embd));
  return tensors;
}

RopeConfig llama3_rope(const ModelShape& s) {
  RopeConfig rope;
  rope.n_rot = s.head_dim;
  rope.freq_base = s.rope_base;
  rope.factor = s.rope_factor;
  rope.original_context = 8192;
  return rope;
}

void choose_tensor_types(TypeMix mix, const ModelShape& shape, std::vector<Tensor>& tensors) {
  std::vector<MixTensor> inputs;
  for (const Tensor& t : tensors)
    inputs.push_back({t.name, t.shape, t.shape.rank() == 1 ? DType::kF32 : DType::kF16});
  const MixModel model{uint32_t(shape.n_layer), uint32_t(shape.n_head), uint32_t(shape.n_head_kv), 0};
  const std::vector<DType> types = choose_types(mix, model, inputs);
  for (size_t i = 0; i < tensors.size(); ++i) tensors[i].type = types[i];
}

std::vector<uint8_t> make_pool(const Tensor& tensor, std::mt19937_64& random, size_t n_blocks) {
  const DTypeInfo& info = dtype_info(tensor.type);
  std::normal_distribution<float> normal(tensor.mean, tensor.deviation);
  std::vector<float> values(n_blocks * info.block_elements);
  for (float& v : values) v = normal(random);
  std::vector<uint8_t> pool(n_blocks * info.block_bytes);
  quant_format(tensor.type).quantize(values.data(), pool.data(), values.size());
  return pool;
}

Status produce(const Tensor& tensor, uint64_t seed, const GgufWriter::Append& append) {
  std::mt19937_64 random(seed ^ std::hash<std::string>()(tensor.name));
  const DTypeInfo& info = dtype_info(tensor.type);
  // Plain types are dealt out in runs of 256 elements, so that dealing is not the work.
  const size_t run = info.quantized ? 1 : 256;
  const size_t unit_bytes = info.block_bytes * run;
  const uint64_t n_bytes =
      uint64_t(tensor.shape.n_rows()) * row_bytes(tensor.type, uint64_t(tensor.shape.row_elements()));
  const std::vector<uint8_t> pool = make_pool(tensor, random, kPoolBlocks * run);
  std::vector<uint8_t> buffer;
  for (uint64_t done = 0; done < n_bytes; done += buffer.size()) {
    buffer.clear();
    while (buffer.size() < kAppendBytes && done + buffer.size() < n_bytes) {
      const size_t count = size_t(std::min<uint64_t>(unit_bytes, n_bytes - done - buffer.size()));
      const uint8_t* unit = pool.data() + random() % kPoolBlocks * unit_bytes;
      buffer.insert(buffer.end(), unit, unit + count);
    }
    DUNLIN_RETURN_IF_ERROR(append(buffer));
  }
  return Status::ok();
}

void set_metadata(GgufWriter& writer, const ModelShape& s, TypeMix mix) {
  const auto key = [&](const char* name) { return str_cat(s.architecture, ".", name); };
  writer.set_string("general.architecture", s.architecture);
  writer.set_string("general.name", str_cat("synthetic ", s.name));
  writer.set_u32("general.file_type", type_mix_file_type(mix));
  writer.set_u32("general.quantization_version", 2);
  writer.set_u32(key("block_count"), uint32_t(s.n_layer));
  writer.set_u32(key("context_length"), uint32_t(s.n_ctx_train));
  writer.set_u32(key("embedding_length"), uint32_t(s.n_embd));
  writer.set_u32(key("feed_forward_length"), uint32_t(s.n_ff));
  writer.set_u32(key("attention.head_count"), uint32_t(s.n_head));
  writer.set_u32(key("attention.head_count_kv"), uint32_t(s.n_head_kv));
  writer.set_u32(key("rope.dimension_count"), uint32_t(s.head_dim));
  writer.set_f32(key("rope.freq_base"), s.rope_base);
  writer.set_f32(key("attention.layer_norm_rms_epsilon"), s.rms_eps);
}

Status set_tokenizer(GgufWriter& writer, const std::string& path, ModelShape& shape) {
  if (path.empty()) {
    set_synthetic_tokenizer(writer, shape);
    return Status::ok();
  }
  DUNLIN_ASSIGN_OR_RETURN(const std::vector<GgufPart> parts, open_gguf_parts(path, {}));
  const GgufFile& file = parts.front().file;
  for (const GgufEntry& entry : file.entries())
    if (entry.key.starts_with("tokenizer.")) writer.copy(entry);
  DUNLIN_ASSIGN_OR_RETURN(const auto tokens, file.get_string_array("tokenizer.ggml.tokens"));
  shape.n_vocab = int64_t(tokens.size());
  return Status::ok();
}

}  // namespace

Status synthesize_model(const SynthOptions& options, const std::function<void(size_t, size_t)>& progress) {
  std::optional<ModelShape> shape = find_shape(options.shape);
  if (!shape) return Status::invalid("shape '", options.shape, "' is unknown; known are ", shape_names());
  const std::optional<TypeMix> mix = type_mix_from_name(options.type);
  if (!mix) return Status::invalid("type '", options.type, "' is unknown; known are ", type_mix_names());
  if (options.n_layer < 0 || options.n_layer > shape->n_layer)
    return Status::invalid("--layers is ", options.n_layer, ", expected 1..", shape->n_layer);
  if (options.n_layer > 0) shape->n_layer = options.n_layer;

  GgufWriter writer;
  set_metadata(writer, *shape, *mix);
  DUNLIN_RETURN_IF_ERROR(set_tokenizer(writer, options.tokenizer, *shape));
  std::vector<Tensor> tensors = list_tensors(*shape);
  choose_tensor_types(*mix, *shape, tensors);
  std::vector<float> factors;
  if (shape->rope_factor != 1) {
    factors = llama3_rope_factors(llama3_rope(*shape));
    const std::span bytes(reinterpret_cast<const uint8_t*>(factors.data()), factors.size() * sizeof(float));
    DUNLIN_RETURN_IF_ERROR(
        writer.add_tensor("rope_freqs.weight", {DType::kF32, {int64_t(factors.size())}, bytes}));
  }
  size_t done = 0;
  for (const Tensor& tensor : tensors) {
    const auto producer = [&](const GgufWriter::Append& append) {
      progress(++done, tensors.size());
      return produce(tensor, options.seed, append);
    };
    DUNLIN_RETURN_IF_ERROR(writer.add_tensor(tensor.name, tensor.type, tensor.shape, producer));
  }
  return writer.write(options.output);
}

}  // namespace dunlin
