// ModelConfig from a Hugging Face config.json. Keys and defaults: transformers' configuration classes.
#include <algorithm>
#include <nlohmann/json.hpp>
#include <utility>

#include "core/model/architecture_traits.h"
#include "core/model/config.h"
#include "core/model/config_check.h"
#include "core/model/json_check.h"
#include "core/model/printable.h"

namespace dunlin {
namespace {

using Json = nlohmann::json;

constexpr JsonLimits kConfigLimits{uint64_t(4) << 20, 64, 100'000};

// Reads members of an object with ranges; null counts as missing. The first error stays, and what follows it
// is meaningless: ask status() before the values are used.
class ObjectReader {
 public:
  ObjectReader(const Json& object, std::string source) : object_(object), source_(std::move(source)) {}

  Status status() const { return status_; }
  void keep(Status status) {
    if (status_.is_ok()) status_ = std::move(status);
  }
  std::string place(std::string_view key) const { return str_cat(source_, ": key ", printable(key)); }

  // Null if the key is missing.
  const Json* find(std::string_view key) const {
    const auto at = object_.find(key);
    return at == object_.end() || at->is_null() ? nullptr : &*at;
  }
  bool has(std::string_view key) const { return find(key) != nullptr; }

  int64_t integer(std::string_view key, IntegerRange range) {
    const Json* value = require(key);
    if (value == nullptr) return range.min;
    if (!value->is_number_integer()) return wrong_type(key, *value, "an integer", range.min);
    // Above 2^63 the signed reading is negative, which no range of a config allows.
    const int64_t number = value->get<int64_t>();
    keep(check_range(place(key), number, range));
    return status_.is_ok() ? number : range.min;
  }
  int64_t integer_or(std::string_view key, IntegerRange range, int64_t fallback) {
    return has(key) ? integer(key, range) : fallback;
  }
  double number(std::string_view key, FloatRange range) {
    const Json* value = require(key);
    if (value == nullptr) return range.min;
    if (!value->is_number()) return wrong_type(key, *value, "a number", range.min);
    keep(check_range(place(key), value->get<double>(), range));
    return status_.is_ok() ? value->get<double>() : range.min;
  }
  double number_or(std::string_view key, FloatRange range, double fallback) {
    return has(key) ? number(key, range) : fallback;
  }
  bool boolean_or(std::string_view key, bool fallback) {
    const Json* value = find(key);
    if (value == nullptr) return fallback;
    if (!value->is_boolean()) return wrong_type(key, *value, "true or false", fallback);
    return value->get<bool>();
  }
  std::string text_or(std::string_view key, std::string_view fallback) {
    const Json* value = find(key);
    if (value == nullptr) return std::string(fallback);
    if (!value->is_string()) return wrong_type(key, *value, "a string", std::string(fallback));
    return value->get<std::string>();
  }

 private:
  const Json* require(std::string_view key) {
    const Json* value = find(key);
    if (value == nullptr) keep(Status::corrupt(place(key), " is missing"));
    return value;
  }
  template <typename T>
  T wrong_type(std::string_view key, const Json& value, std::string_view expected, T fallback) {
    keep(Status::corrupt(place(key), " is ", value.type_name(), "; ", expected, " is expected"));
    return fallback;
  }

  const Json& object_;
  std::string source_;
  Status status_;
};

Result<Json> parse_config(std::string_view text, std::string_view source) {
  DUNLIN_RETURN_IF_ERROR(check_json(text, source, kConfigLimits));
  Json root = Json::parse(text, nullptr, false);
  if (!root.is_object())
    return Status::corrupt(source, ": is ", root.type_name(), "; a JSON object is expected");
  // Models with several modalities keep the language model's part in an object of its own.
  const auto nested = root.find("text_config");
  if (nested != root.end() && nested->is_object()) {
    const Json lifted = *nested;
    root.update(lifted);
  }
  return root;
}

Result<const HfClass*> hf_class(ObjectReader& reader, std::string_view source) {
  std::string class_name;
  if (const Json* list = reader.find("architectures")) {
    if (!list->is_array() || list->empty() || !list->front().is_string())
      return Status::corrupt(source, ": key 'architectures' is not a list of names");
    class_name = list->front().get<std::string>();
  }
  const std::string model_type = reader.text_or("model_type", "");
  DUNLIN_RETURN_IF_ERROR(reader.status());
  for (const HfClass& known : hf_classes())
    if (class_name.empty() ? model_type == known.model_type : class_name == known.class_name) return &known;
  std::string names;
  for (const HfClass& known : hf_classes()) names += str_cat(names.empty() ? "" : ", ", known.class_name);
  return Status::unsupported(source, ": architecture ",
                             printable(class_name.empty() ? model_type : class_name),
                             " is not supported; known are ", names);
}

Status refuse_quantized(const ObjectReader& reader, std::string_view source) {
  const Json* quantization = reader.find("quantization_config");
  if (quantization == nullptr) return Status::ok();
  std::string method = "unknown";
  if (quantization->is_object()) {
    const auto at = quantization->find("quant_method");
    if (at != quantization->end() && at->is_string()) method = at->get<std::string>();
  }
  return Status::unsupported(source, ": the model is quantized with ", printable(method),
                             ", which is not supported; take the unquantized model or a GGUF file");
}

// The numbers of one rope scaling type; outer is the config's root, for keys that moved over time.
void read_scaling(ObjectReader& scaling, ObjectReader& outer, ModelConfig& config) {
  RopeConfig& rope = config.rope;
  const std::string type = scaling.text_or("rope_type", scaling.text_or("type", "default"));
  constexpr std::string_view kOriginal = "original_max_position_embeddings";
  constexpr IntegerRange kContexts{1, kMaxContext};
  const int64_t outer_original = outer.integer_or(kOriginal, kContexts, config.n_ctx_train);
  rope.original_context = scaling.integer_or(kOriginal, kContexts, outer_original);
  if (type == "default") return;
  if (type == "linear") {
    rope.scaling = RopeScaling::kLinear;
    rope.factor = float(scaling.number("factor", kRopeFactorRange));
  } else if (type == "llama3") {
    rope.scaling = RopeScaling::kLlama3;
    rope.factor = float(scaling.number("factor", kYarnFactorRange));
    rope.low_freq_factor = float(scaling.number("low_freq_factor", kBetaRange));
    rope.high_freq_factor = float(scaling.number("high_freq_factor", kBetaRange));
    if (rope.high_freq_factor <= rope.low_freq_factor)
      scaling.keep(Status::corrupt(scaling.place("high_freq_factor"), " is not above low_freq_factor"));
  } else if (type == "yarn") {
    rope.scaling = RopeScaling::kYarn;
    const double factor = scaling.number("factor", kYarnFactorRange);
    rope.factor = float(factor);
    rope.beta_fast = float(scaling.number_or("beta_fast", kBetaRange, 32.0));
    rope.beta_slow = float(scaling.number_or("beta_slow", kBetaRange, 1.0));
    if (!scaling.boolean_or("truncate", true))
      scaling.keep(Status::unsupported(scaling.place("truncate"), ": false is not supported"));
    const double mscale = scaling.number_or("mscale", kLogMultiplierRange, 1.0);
    const double mscale_all = scaling.number_or("mscale_all_dim", kLogMultiplierRange, 0.0);
    const double standard = mscale_all > 0.0
                                ? yarn_magnitude(factor, mscale) / yarn_magnitude(factor, mscale_all)
                                : yarn_magnitude(factor, 1.0);
    rope.magnitude = float(scaling.number_or("attention_factor", kMagnitudeRange, standard));
  } else {
    scaling.keep(Status::unsupported(scaling.place("rope_type"), " is ", printable(type),
                                     "; default, linear, llama3 and yarn are supported"));
  }
}

void read_rope(ObjectReader& reader, ModelConfig& config, const std::string& source) {
  const double partial = reader.number_or("partial_rotary_factor", {1e-3, 1.0}, 1.0);
  config.rope.n_rot = int64_t(double(config.head_dim) * partial);
  double theta = reader.number_or("rope_theta", kFreqBaseRange, 10000.0);
  // rope_parameters replaced rope_theta and rope_scaling in transformers 5.
  const char* key = reader.has("rope_parameters") ? "rope_parameters" : "rope_scaling";
  if (const Json* object = reader.find(key)) {
    if (!object->is_object()) {
      reader.keep(Status::corrupt(reader.place(key), " is ", object->type_name(), "; an object is expected"));
      return;
    }
    ObjectReader scaling(*object, str_cat(source, ": ", key));
    theta = scaling.number_or("rope_theta", kFreqBaseRange, theta);
    read_scaling(scaling, reader, config);
    reader.keep(scaling.status());
  }
  config.rope.freq_base = float(theta);
}

void read_windows(ObjectReader& reader, const HfClass& known, ModelConfig& config) {
  const int64_t window = reader.integer_or("sliding_window", {0, kMaxContext}, 0);
  const std::string_view type = known.model_type;
  config.sliding_window.assign(size_t(config.n_layer), 0);
  if (window == 0 || type == "llama") return;
  if (type == "mistral") {
    config.sliding_window.assign(size_t(config.n_layer), window);
    return;
  }
  if (!reader.boolean_or("use_sliding_window", false)) return;
  const int64_t first = reader.integer_or("max_window_layers", {0, 1 << 20}, 28);
  const Json* types = reader.find("layer_types");
  if (types != nullptr && (!types->is_array() || types->size() != size_t(config.n_layer))) {
    reader.keep(Status::corrupt(reader.place("layer_types"), " is not a list with one entry for each layer"));
    return;
  }
  for (int64_t layer = 0; layer < config.n_layer; ++layer) {
    const bool slides = types != nullptr ? (*types)[size_t(layer)] == "sliding_attention" : layer >= first;
    if (slides) config.sliding_window[size_t(layer)] = window;
  }
}

void read_sizes(ObjectReader& reader, const ArchitectureTraits& traits, ModelConfig& config) {
  config.n_layer = reader.integer("num_hidden_layers", {1, kMaxLayers});
  config.n_embd = reader.integer("hidden_size", {1, kMaxEmbedding});
  config.n_ff.assign(size_t(config.n_layer), reader.integer("intermediate_size", {1, kMaxFeedForward}));
  config.n_head = reader.integer("num_attention_heads", {1, kMaxHeads});
  config.n_head_kv = reader.integer_or("num_key_value_heads", {1, kMaxHeads}, config.n_head);
  config.n_vocab = reader.integer("vocab_size", {1, kMaxVocabulary});
  config.n_ctx_train = reader.integer("max_position_embeddings", {1, kMaxContext});
  config.rms_eps = float(reader.number_or("rms_norm_eps", kEpsRange, 1e-6));
  const bool given = reader.has("head_dim") || traits.hf_head_dim != 0;
  if (!given && config.n_embd % config.n_head != 0)
    reader.keep(Status::corrupt(reader.place("hidden_size"), " is ", config.n_embd, ", which ", config.n_head,
                                " heads do not divide, and head_dim is missing"));
  const int64_t implied = traits.hf_head_dim != 0 ? traits.hf_head_dim : config.n_embd / config.n_head;
  config.head_dim = reader.integer_or("head_dim", {2, kMaxHeadDim}, implied);
  reader.keep(check_range(reader.place("head_dim"), config.head_dim, IntegerRange{2, kMaxHeadDim}));
}

void read_options(ObjectReader& reader, const ArchitectureTraits& traits, ModelConfig& config) {
  const std::string activation = reader.text_or("hidden_act", "silu");
  if (activation != "silu" && activation != "swish")
    reader.keep(Status::unsupported(reader.place("hidden_act"), " is ", printable(activation), "; ",
                                    traits.name, " needs silu"));
  // Qwen 2 has its biases whatever the key says.
  const bool bias = !traits.has_qkv_bias && reader.boolean_or("attention_bias", false);
  config.attention_qkv_bias = traits.has_qkv_bias || bias;
  config.attention_output_bias = bias;
  config.ffn_bias = reader.boolean_or("mlp_bias", false);
  config.qk_norm = traits.has_qk_norm;
  config.tied_embeddings = reader.boolean_or("tie_word_embeddings", false);
}

}  // namespace

Result<ModelConfig> config_from_hf(std::string_view text, std::string_view source) {
  DUNLIN_ASSIGN_OR_RETURN(const Json root, parse_config(text, source));
  ObjectReader reader(root, std::string(source));
  DUNLIN_ASSIGN_OR_RETURN(const HfClass* known, hf_class(reader, source));
  DUNLIN_RETURN_IF_ERROR(refuse_quantized(reader, source));
  const ArchitectureTraits& traits = *find_architecture_traits(known->architecture);

  ModelConfig config;
  config.architecture = traits.name;
  read_sizes(reader, traits, config);
  read_options(reader, traits, config);
  read_rope(reader, config, std::string(source));
  read_windows(reader, *known, config);
  DUNLIN_RETURN_IF_ERROR(reader.status());
  DUNLIN_RETURN_IF_ERROR(finish_config(config, source));
  return config;
}

}  // namespace dunlin
