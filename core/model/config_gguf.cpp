// ModelConfig from GGUF metadata. Keys: the GGUF specification; defaults are those of the files' writers.
#include <algorithm>
#include <utility>

#include "core/model/architecture_traits.h"
#include "core/model/config.h"
#include "core/model/config_check.h"
#include "core/model/printable.h"

namespace dunlin {
namespace {

// Reads "<architecture>.<key>" with ranges. The first error stays, and what follows it is meaningless: ask
// status() before the values are used.
class KeyReader {
 public:
  KeyReader(const GgufFile& file, std::string_view architecture)
      : file_(file), prefix_(str_cat(architecture, ".")) {}

  const Status& status() const { return status_; }
  bool has(std::string_view key) const { return file_.has(path(key)); }

  int64_t integer(std::string_view key, IntegerRange range) {
    return checked(key, file_.get_i64(path(key)), range, range.min);
  }
  int64_t integer_or(std::string_view key, IntegerRange range, int64_t fallback) {
    return has(key) ? integer(key, range) : fallback;
  }
  double number(std::string_view key, FloatRange range) {
    return checked(key, file_.get_f64(path(key)), range, range.min);
  }
  double number_or(std::string_view key, FloatRange range, double fallback) {
    return has(key) ? number(key, range) : fallback;
  }
  std::string_view text_or(std::string_view key, std::string_view fallback) {
    auto value = file_.get_string_or(path(key), fallback);
    keep(value.status());
    return value.is_ok() ? *value : fallback;
  }

  // One number for all layers, or an array with one for each.
  std::vector<int64_t> per_layer(std::string_view key, int64_t n_layer, IntegerRange range) {
    const GgufEntry* entry = file_.find(path(key));
    if (entry == nullptr || !entry->is_array())
      return std::vector<int64_t>(size_t(n_layer), integer(key, range));
    const auto values = file_.get_i32_array(path(key));
    keep(values.status());
    if (!values.is_ok()) return std::vector<int64_t>(size_t(n_layer), range.min);
    if (values->size() != size_t(n_layer))
      keep(Status::corrupt(place(key), " has ", values->size(), " elements; one for each of ", n_layer,
                           " layers is expected"));
    std::vector<int64_t> out(values->begin(), values->end());
    for (const int64_t value : out) keep(check_range(place(key), value, range));
    out.resize(size_t(n_layer), range.min);
    return out;
  }

  // Like per_layer, where layers must agree.
  int64_t same_for_layers(std::string_view key, int64_t n_layer, IntegerRange range) {
    const std::vector<int64_t> values = per_layer(key, n_layer, range);
    if (std::any_of(values.begin(), values.end(), [&](int64_t v) { return v != values.front(); }))
      keep(Status::unsupported(place(key), " differs between layers, which is not supported"));
    return values.front();
  }

  void keep(Status status) {
    if (status_.is_ok()) status_ = std::move(status);
  }
  std::string place(std::string_view key) const {
    return str_cat(file_.source(), ": metadata key ", printable(path(key)));
  }

 private:
  std::string path(std::string_view key) const { return str_cat(prefix_, key); }

  template <typename T, typename Range>
  T checked(std::string_view key, const Result<T>& value, Range range, T fallback) {
    keep(value.is_ok() ? check_range(place(key), *value, range) : value.status());
    return status_.is_ok() ? *value : fallback;
  }

  const GgufFile& file_;
  std::string prefix_;
  Status status_;
};

Result<const ArchitectureTraits*> language_model_architecture(const GgufFile& file) {
  DUNLIN_ASSIGN_OR_RETURN(const std::string_view type, file.get_string_or("general.type", "model"));
  if (type != "model")
    return Status::unsupported(file.source(), ": is a GGUF file of general.type ", printable(type),
                               ", not a language model; pass the model itself");
  DUNLIN_ASSIGN_OR_RETURN(const std::string_view name, file.get_string("general.architecture"));
  const ArchitectureTraits* traits = find_architecture_traits(name);
  if (traits != nullptr) return traits;
  return Status::unsupported(file.source(), ": architecture ", printable(name),
                             " is not supported; known are ", known_architectures());
}

bool has_tensor(std::span<const GgufFile* const> parts, std::string_view name) {
  return std::any_of(parts.begin(), parts.end(),
                     [&](const GgufFile* f) { return f->find_tensor(name) != nullptr; });
}

// As many as there are tokens; the embedding is checked against it later.
Result<int64_t> vocabulary(const GgufFile& file, KeyReader& keys) {
  constexpr std::string_view kTokens = "tokenizer.ggml.tokens";
  constexpr IntegerRange kRange{1, kMaxVocabulary};
  const GgufEntry* tokens = file.find(kTokens);
  if (tokens == nullptr) {
    const int64_t stated = keys.integer("vocab_size", kRange);
    DUNLIN_RETURN_IF_ERROR(keys.status());
    return stated;
  }
  const std::string where = str_cat(file.source(), ": metadata key '", kTokens, "'");
  if (!tokens->is_array() || tokens->element_type != GgufType::kString)
    return Status::corrupt(where, " is ", tokens->type_name(), "; array of string is expected");
  const int64_t count = int64_t(tokens->count);
  DUNLIN_RETURN_IF_ERROR(check_range(str_cat("number of tokens of ", where), count, kRange));
  const int64_t stated = keys.integer_or("vocab_size", kRange, count);
  DUNLIN_RETURN_IF_ERROR(keys.status());
  if (stated != count)
    return Status::corrupt(where, " has ", count, " tokens, but the vocabulary size is given as ", stated);
  return count;
}

void read_scaling(KeyReader& keys, RopeConfig& rope) {
  const char* factor_key = keys.has("rope.scaling.factor") ? "rope.scaling.factor" : "rope.scale_linear";
  const std::string_view type = keys.text_or("rope.scaling.type", "linear");
  if (type == "none") {
    rope.scaling = RopeScaling::kNone;
  } else if (type == "linear") {
    rope.scaling = RopeScaling::kLinear;
  } else if (type == "yarn") {
    rope.scaling = RopeScaling::kYarn;
  } else {
    keys.keep(Status::unsupported(keys.place("rope.scaling.type"), " is ", printable(type),
                                  "; none, linear and yarn are supported"));
  }
  const bool yarn = rope.scaling == RopeScaling::kYarn;
  const double factor = keys.number_or(factor_key, yarn ? kYarnFactorRange : kRopeFactorRange, 1.0);
  if (rope.scaling != RopeScaling::kNone) rope.factor = float(factor);
  rope.original_context = keys.integer_or("rope.scaling.original_context_length", {1, kMaxContext}, 0);
  double magnitude = keys.number_or("rope.scaling.attn_factor", kMagnitudeRange, 1.0);
  if (yarn) {
    rope.beta_fast = float(keys.number_or("rope.scaling.yarn_beta_fast", kBetaRange, 32.0));
    rope.beta_slow = float(keys.number_or("rope.scaling.yarn_beta_slow", kBetaRange, 1.0));
    const double multiplier = keys.number_or("rope.scaling.yarn_log_multiplier", kLogMultiplierRange, 0.0);
    magnitude *= yarn_magnitude(factor, 1.0) / yarn_magnitude(factor, multiplier);
  }
  rope.magnitude = float(magnitude);
}

void read_attention(KeyReader& keys, ModelConfig& config) {
  constexpr IntegerRange kHeads{1, kMaxHeads};
  config.n_head = keys.same_for_layers("attention.head_count", config.n_layer, kHeads);
  config.n_head_kv = keys.has("attention.head_count_kv")
                         ? keys.same_for_layers("attention.head_count_kv", config.n_layer, kHeads)
                         : config.n_head;
  const IntegerRange head_dims{2, kMaxHeadDim};
  if (keys.has("attention.key_length")) {
    config.head_dim = keys.integer("attention.key_length", head_dims);
  } else {
    config.head_dim = config.n_embd / config.n_head;
    if (config.n_embd % config.n_head != 0)
      keys.keep(Status::corrupt(keys.place("embedding_length"), " is ", config.n_embd, ", which ",
                                config.n_head, " heads do not divide, and attention.key_length is missing"));
    keys.keep(check_range(str_cat(keys.place("embedding_length"), " / attention.head_count"), config.head_dim,
                          head_dims));
  }
  const int64_t value_length = keys.integer_or("attention.value_length", head_dims, config.head_dim);
  if (value_length != config.head_dim)
    keys.keep(Status::unsupported(keys.place("attention.value_length"), " is ", value_length,
                                  ", key_length is ", config.head_dim,
                                  "; different lengths are not supported"));
  config.rms_eps = float(keys.number("attention.layer_norm_rms_epsilon", kEpsRange));
}

Status refuse_experts(KeyReader& keys) {
  if (keys.integer_or("expert_count", {0, 65536}, 0) == 0) return keys.status();
  return Status::unsupported(keys.place("expert_count"), ": mixture-of-experts models are not supported");
}

}  // namespace

Result<ModelConfig> config_from_gguf(std::span<const GgufFile* const> parts) {
  DUNLIN_CHECK(!parts.empty());
  const GgufFile& file = *parts.front();
  DUNLIN_ASSIGN_OR_RETURN(const ArchitectureTraits* traits, language_model_architecture(file));
  KeyReader keys(file, traits->name);
  DUNLIN_RETURN_IF_ERROR(refuse_experts(keys));

  ModelConfig config;
  config.architecture = traits->name;
  DUNLIN_ASSIGN_OR_RETURN(const std::string_view name, file.get_string_or("general.name", ""));
  config.name = name;
  config.n_layer = keys.integer("block_count", {1, kMaxLayers});
  config.n_ctx_train = keys.integer("context_length", {1, kMaxContext});
  config.n_embd = keys.integer("embedding_length", {1, kMaxEmbedding});
  config.n_ff = keys.per_layer("feed_forward_length", config.n_layer, {1, kMaxFeedForward});
  read_attention(keys, config);
  config.rope.n_rot = keys.integer_or("rope.dimension_count", {2, kMaxHeadDim}, config.head_dim);
  config.rope.freq_base = float(keys.number_or("rope.freq_base", kFreqBaseRange, 10000.0));
  read_scaling(keys, config.rope);
  if (traits->gguf_window_counts) {
    const int64_t window = keys.integer_or("attention.sliding_window", {0, kMaxContext}, 0);
    config.sliding_window.assign(size_t(config.n_layer), window);
  }
  DUNLIN_RETURN_IF_ERROR(keys.status());
  DUNLIN_ASSIGN_OR_RETURN(config.n_vocab, vocabulary(file, keys));

  config.tied_embeddings = !has_tensor(parts, "output.weight");
  config.attention_qkv_bias = traits->has_qkv_bias || has_tensor(parts, "blk.0.attn_q.bias");
  config.attention_output_bias = has_tensor(parts, "blk.0.attn_output.bias");
  config.ffn_bias = has_tensor(parts, "blk.0.ffn_down.bias");
  config.qk_norm = traits->has_qk_norm;
  // Paired rows can only be put back in order over whole heads.
  if (traits->gguf_rows_are_paired && config.rope.n_rot != config.head_dim)
    return Status::unsupported(keys.place("rope.dimension_count"), " is ", config.rope.n_rot, ", heads have ",
                               config.head_dim, " elements; ", traits->name, " needs them equal");
  DUNLIN_RETURN_IF_ERROR(finish_config(config, file.source()));
  return config;
}

}  // namespace dunlin
