#include "core/model/config.h"

#include <catch2/catch.hpp>
#include <cmath>
#include <nlohmann/json.hpp>

#include "core/model/arch/arch.h"
#include "core/model/architecture_traits.h"
#include "core/model/gguf_writer.h"
#include "core/model/rope_factors.h"
#include "tests/unit/model/tiny_model.h"

using namespace dunlin;
using Catch::Matchers::Contains;
using Json = nlohmann::json;

namespace {

using Edit = std::function<void(GgufWriter&)>;

Result<ModelConfig> gguf_config(const Edit& edit = {}, const test::TinyOptions& options = {}) {
  GgufWriter w;
  test::set_tiny_metadata(w, options);
  test::add_tiny_tensors(w, options);
  if (edit) edit(w);
  const auto bytes = std::move(w.write_to_memory()).value();
  const GgufFile file = GgufFile::parse(bytes, "tiny.gguf").value();
  const GgufFile* const parts[] = {&file};
  return config_from_gguf(parts);
}

Json hf_json() {
  return Json::parse(R"({
    "architectures": ["LlamaForCausalLM"], "model_type": "llama", "hidden_act": "silu",
    "hidden_size": 2048, "intermediate_size": 8192, "num_hidden_layers": 16, "num_attention_heads": 32,
    "num_key_value_heads": 8, "head_dim": 64, "vocab_size": 128256, "max_position_embeddings": 131072,
    "rms_norm_eps": 1e-05, "rope_theta": 500000.0, "tie_word_embeddings": true, "attention_bias": false,
    "rope_scaling": {"factor": 32.0, "high_freq_factor": 4.0, "low_freq_factor": 1.0,
                     "original_max_position_embeddings": 8192, "rope_type": "llama3"}})");
}

Result<ModelConfig> hf_config(const Json& json) {
  return config_from_hf(json.dump(), "config.json");
}

TEST_CASE("Every architecture of the model files has a graph, and the other way round") {
  CHECK(architecture_traits().size() == architectures().size());
  for (const Architecture* architecture : architectures())
    CHECK(find_architecture_traits(architecture->name) != nullptr);
}

TEST_CASE("A GGUF file's attention window counts for llama only") {
  for (const ArchitectureTraits& traits : architecture_traits()) {
    const std::string name = traits.name;
    const auto config =
        gguf_config([&](GgufWriter& w) { w.set_u32(name + ".attention.sliding_window", 48); },
                    {.architecture = name, .qkv_bias = traits.has_qkv_bias, .qk_norm = traits.has_qk_norm});
    INFO(name << ": " << config.status().message());
    REQUIRE(config.is_ok());
    CHECK(config->sliding_window == std::vector<int64_t>(2, name == "llama" ? 48 : 0));
  }
}

TEST_CASE("GGUF metadata becomes a config") {
  const ModelConfig c = gguf_config().value();
  CHECK(c.architecture == "llama");
  CHECK(c.name == "tiny");
  CHECK(c.n_layer == 2);
  CHECK(c.n_embd == 16);
  CHECK(c.n_ff == std::vector<int64_t>{24, 24});
  CHECK(c.n_head == 2);
  CHECK(c.n_head_kv == 1);
  CHECK(c.head_dim == 8);
  CHECK(c.rope.n_rot == 8);
  CHECK(c.rope.freq_base == 10000.0f);
  CHECK(c.rope.scaling == RopeScaling::kNone);
  CHECK(c.rms_eps == 1e-5f);
  CHECK(c.n_vocab == 6);
  CHECK(c.n_ctx_train == 64);
  CHECK(c.attention_scale == Approx(1.0 / std::sqrt(8.0)));
  CHECK_FALSE(c.tied_embeddings);
  CHECK_FALSE(c.attention_qkv_bias);
  CHECK_FALSE(c.qk_norm);
  CHECK(c.sliding_window == std::vector<int64_t>{0, 0});
  CHECK(c.n_embd_q() == 16);
  CHECK(c.n_embd_kv() == 8);
}

TEST_CASE("Tied heads and biases are seen in the tensors") {
  const ModelConfig c = gguf_config({}, {.tied = true, .qkv_bias = true}).value();
  CHECK(c.tied_embeddings);
  CHECK(c.attention_qkv_bias);
  CHECK(gguf_config({}, {.architecture = "qwen2", .qkv_bias = true})->attention_qkv_bias);
  CHECK(gguf_config({}, {.architecture = "qwen3", .qk_norm = true})->qk_norm);
}

TEST_CASE("Sizes per layer are read; heads per layer must agree") {
  const std::vector<int32_t> sizes = {24, 40};
  CHECK(gguf_config([&](GgufWriter& w) { w.set_i32_array("llama.feed_forward_length", sizes); })->n_ff ==
        std::vector<int64_t>{24, 40});
  const std::vector<int32_t> heads = {2, 4};
  CHECK_THAT(
      gguf_config([&](GgufWriter& w) { w.set_i32_array("llama.attention.head_count", heads); }).message(),
      Contains("'llama.attention.head_count' differs between layers"));
  const std::vector<int32_t> three = {2, 2, 2};
  CHECK_THAT(
      gguf_config([&](GgufWriter& w) { w.set_i32_array("llama.attention.head_count", three); }).message(),
      Contains("has 3 elements"));
}

TEST_CASE("Rope scaling of GGUF files") {
  const auto linear =
      gguf_config([](GgufWriter& w) { w.set_f32("llama.rope.scaling.factor", 4.0f); }).value();
  CHECK(linear.rope.scaling == RopeScaling::kLinear);
  CHECK(linear.rope.factor == 4.0f);
  const auto old = gguf_config([](GgufWriter& w) { w.set_f32("llama.rope.scale_linear", 2.0f); }).value();
  CHECK(old.rope.scaling == RopeScaling::kLinear);
  CHECK(old.rope.factor == 2.0f);
  const auto none = gguf_config([](GgufWriter& w) {
                      w.set_string("llama.rope.scaling.type", "none");
                      w.set_f32("llama.rope.scaling.factor", 4.0f);
                    }).value();
  CHECK(none.rope.scaling == RopeScaling::kNone);
  CHECK(none.rope.factor == 1.0f);
  const auto yarn = gguf_config([](GgufWriter& w) {
                      w.set_string("llama.rope.scaling.type", "yarn");
                      w.set_f32("llama.rope.scaling.factor", 4.0f);
                      w.set_u32("llama.rope.scaling.original_context_length", 16);
                      w.set_f32("llama.rope.scaling.yarn_beta_fast", 24.0f);
                    }).value();
  CHECK(yarn.rope.scaling == RopeScaling::kYarn);
  CHECK(yarn.rope.original_context == 16);
  CHECK(yarn.rope.beta_fast == 24.0f);
  CHECK(yarn.rope.beta_slow == 1.0f);
  CHECK(yarn.rope.magnitude == Approx(0.1 * std::log(4.0) + 1.0));
}

TEST_CASE("What is no language model is refused by name") {
  const auto typed = [](const char* type) {
    return gguf_config([=](GgufWriter& w) { w.set_string("general.type", type); });
  };
  CHECK(typed("model").is_ok());
  for (const char* type : {"adapter", "mmproj", "imatrix"}) CHECK_THAT(typed(type).message(), Contains(type));
  CHECK_THAT(gguf_config([](GgufWriter& w) { w.set_string("general.architecture", "rwkv6"); }).message(),
             Contains("'rwkv6'") && Contains("llama, qwen2, qwen3"));
  CHECK_THAT(gguf_config([](GgufWriter& w) { w.set_u32("llama.expert_count", 8); }).message(),
             Contains("mixture-of-experts"));
}

TEST_CASE("GGUF numbers out of range are refused with key and bounds") {
  struct Case {
    const char* key;
    Edit edit;
  };
  const auto u32 = [](const char* key, uint32_t value) {
    return Case{key, [=](GgufWriter& w) { w.set_u32(str_cat("llama.", key), value); }};
  };
  const auto f32 = [](const char* key, float value) {
    return Case{key, [=](GgufWriter& w) { w.set_f32(str_cat("llama.", key), value); }};
  };
  const Case cases[] = {
      u32("block_count", 0),
      u32("block_count", 1025),
      u32("context_length", 0),
      u32("context_length", UINT32_MAX),
      u32("embedding_length", 0),
      u32("embedding_length", (1u << 17) + 1),
      u32("embedding_length", 17),
      u32("feed_forward_length", 0),
      u32("attention.head_count", 0),
      u32("attention.head_count", 1025),
      u32("attention.head_count_kv", 0),
      u32("attention.key_length", 0),
      u32("attention.key_length", 2048),
      u32("attention.value_length", 4),
      u32("rope.dimension_count", 0),
      u32("rope.dimension_count", 4),
      u32("vocab_size", 5),
      u32("vocab_size", 0),
      u32("attention.sliding_window", UINT32_MAX),
      f32("attention.layer_norm_rms_epsilon", 0.0f),
      f32("attention.layer_norm_rms_epsilon", -1e-5f),
      f32("attention.layer_norm_rms_epsilon", NAN),
      f32("attention.layer_norm_rms_epsilon", INFINITY),
      f32("rope.freq_base", 0.0f),
      f32("rope.freq_base", NAN),
      f32("rope.scaling.factor", 0.0f),
      f32("rope.scaling.factor", -2.0f),
      f32("rope.scaling.attn_factor", NAN),
      {"rope.scaling.type", [](GgufWriter& w) { w.set_string("llama.rope.scaling.type", "longrope"); }},
  };
  for (const Case& c : cases) {
    CAPTURE(c.key);
    const bool by_vocabulary = std::string_view(c.key) == "vocab_size";
    CHECK_THAT(gguf_config(c.edit).message(),
               Contains("tiny.gguf") &&
                   (Contains(c.key) || (by_vocabulary ? Contains("vocabulary") : Contains(c.key))));
  }
  CHECK_THAT(gguf_config(u32("attention.head_count_kv", 3).edit).message(), Contains("do not divide"));
  CHECK_THAT(gguf_config(u32("attention.key_length", 7).edit).message(), Contains("even"));
}

TEST_CASE("config.json of Llama 3.2 becomes a config") {
  const ModelConfig c = hf_config(hf_json()).value();
  CHECK(c.architecture == "llama");
  CHECK(c.n_layer == 16);
  CHECK(c.n_head_kv == 8);
  CHECK(c.head_dim == 64);
  CHECK(c.n_vocab == 128256);
  CHECK(c.tied_embeddings);
  CHECK(c.rope.freq_base == 500000.0f);
  CHECK(c.rope.scaling == RopeScaling::kLlama3);
  CHECK(c.rope.factor == 32.0f);
  CHECK(c.rope.original_context == 8192);
  // The first entries of rope_freqs.weight are 1, the last the whole factor, those between rise.
  const std::vector<float> factors = llama3_rope_factors(c.rope);
  REQUIRE(factors.size() == 32);
  CHECK(factors.front() == 1.0f);
  CHECK(factors.back() == 32.0f);
  CHECK(std::is_sorted(factors.begin(), factors.end()));
  // Pair 16: wavelength 2 pi 500000^(1/2) = 4442.88; smooth = (8192/4442.88 - 1) / 3 = 0.281282.
  CHECK(factors[16] == Approx(1.0 / ((1.0 - 0.281282) / 32.0 + 0.281282)).epsilon(1e-5));
}

TEST_CASE("config.json: defaults, spellings and the differences of architectures") {
  Json json = hf_json();
  for (const char* key :
       {"num_key_value_heads", "head_dim", "rope_theta", "rope_scaling", "tie_word_embeddings"})
    json.erase(key);
  const ModelConfig plain = hf_config(json).value();
  CHECK(plain.n_head_kv == 32);
  CHECK(plain.head_dim == 64);
  CHECK(plain.rope.freq_base == 10000.0f);
  CHECK_FALSE(plain.tied_embeddings);

  json.erase("architectures");
  CHECK(hf_config(json)->architecture == "llama");
  json["attention_bias"] = true;
  CHECK(hf_config(json)->attention_qkv_bias);
  CHECK(hf_config(json)->attention_output_bias);

  Json qwen3 = json;
  qwen3["model_type"] = "qwen3";
  qwen3["attention_bias"] = false;
  CHECK(hf_config(qwen3)->head_dim == 128);
  CHECK(hf_config(qwen3)->qk_norm);

  Json qwen2 = qwen3;
  qwen2["model_type"] = "qwen2";
  CHECK(hf_config(qwen2)->attention_qkv_bias);
  CHECK_FALSE(hf_config(qwen2)->attention_output_bias);
}

TEST_CASE("Sliding windows of config.json") {
  Json json = hf_json();
  json["num_hidden_layers"] = 4;
  json["sliding_window"] = 1024;
  CHECK(hf_config(json)->sliding_window == std::vector<int64_t>(4, 0));
  json["architectures"] = {"MistralForCausalLM"};
  CHECK(hf_config(json)->sliding_window == std::vector<int64_t>(4, 1024));
  json["sliding_window"] = nullptr;
  CHECK(hf_config(json)->sliding_window == std::vector<int64_t>(4, 0));
  json["sliding_window"] = 1024;
  json["architectures"] = {"Qwen2ForCausalLM"};
  json["max_window_layers"] = 3;
  CHECK(hf_config(json)->sliding_window == std::vector<int64_t>(4, 0));
  json["use_sliding_window"] = true;
  CHECK(hf_config(json)->sliding_window == std::vector<int64_t>{0, 0, 0, 1024});
  json["layer_types"] = {"sliding_attention", "full_attention", "sliding_attention", "full_attention"};
  CHECK(hf_config(json)->sliding_window == std::vector<int64_t>{1024, 0, 1024, 0});
}

TEST_CASE("Rope of transformers 5 and YaRN") {
  Json json = hf_json();
  json.erase("rope_scaling");
  json["rope_parameters"] = {{"rope_theta", 1000000}, {"rope_type", "default"}};
  CHECK(hf_config(json)->rope.freq_base == 1e6f);
  CHECK(hf_config(json)->rope.scaling == RopeScaling::kNone);
  json["rope_parameters"] = {
      {"rope_type", "yarn"}, {"factor", 4.0}, {"original_max_position_embeddings", 32768}};
  const ModelConfig yarn = hf_config(json).value();
  CHECK(yarn.rope.scaling == RopeScaling::kYarn);
  CHECK(yarn.rope.original_context == 32768);
  CHECK(yarn.rope.magnitude == Approx(0.1 * std::log(4.0) + 1.0));
  json["rope_parameters"]["attention_factor"] = 1.5;
  CHECK(hf_config(json)->rope.magnitude == 1.5f);
  json["rope_parameters"] = {{"type", "linear"}, {"factor", 2}};
  CHECK(hf_config(json)->rope.scaling == RopeScaling::kLinear);
}

TEST_CASE("text_config is lifted to the root") {
  Json json = hf_json();
  Json nested = {
      {"text_config", json}, {"architectures", {"LlamaForCausalLM"}}, {"vision_config", {{"x", 1}}}};
  CHECK(hf_config(nested)->n_layer == 16);
}

TEST_CASE("config.json mutations are refused with file and key") {
  struct Case {
    const char* key;
    Json value;
  };
  const std::vector<Case> cases = {
      {"hidden_size", nullptr},
      {"hidden_size", 0},
      {"hidden_size", -1},
      {"hidden_size", 1.5},
      {"hidden_size", "2048"},
      {"hidden_size", 1 << 18},
      {"hidden_size", UINT64_MAX},
      {"num_hidden_layers", nullptr},
      {"num_hidden_layers", 1025},
      {"num_hidden_layers", Json::array()},
      {"num_attention_heads", 0},
      {"num_attention_heads", 1025},
      {"num_key_value_heads", 0},
      {"num_key_value_heads", "8"},
      {"intermediate_size", nullptr},
      {"intermediate_size", -8192},
      {"vocab_size", nullptr},
      {"vocab_size", (1 << 21) + 1},
      {"max_position_embeddings", 0},
      {"head_dim", 0},
      {"head_dim", 1 << 20},
      {"rms_norm_eps", 0},
      {"rms_norm_eps", -1e-5},
      {"rms_norm_eps", "1e-5"},
      {"rms_norm_eps", 1e30},
      {"rope_theta", 0},
      {"rope_theta", -1},
      {"rope_theta", 1e300},
      {"rope_scaling", 1},
      {"rope_scaling", {{"rope_type", "dynamic"}, {"factor", 2}}},
      {"rope_scaling", {{"rope_type", 3}}},
      {"rope_scaling", {{"rope_type", "linear"}}},
      {"rope_scaling", {{"rope_type", "linear"}, {"factor", 0}}},
      {"rope_scaling", {{"rope_type", "llama3"}, {"factor", 8}}},
      {"rope_scaling",
       {{"rope_type", "llama3"}, {"factor", 8}, {"low_freq_factor", 4}, {"high_freq_factor", 4}}},
      {"rope_scaling", {{"rope_type", "yarn"}, {"factor", 0.5}}},
      {"partial_rotary_factor", 0},
      {"partial_rotary_factor", 2},
      {"tie_word_embeddings", 1},
      {"attention_bias", "yes"},
      {"hidden_act", "gelu"},
      {"hidden_act", 7},
      {"sliding_window", -1},
      {"architectures", Json::array()},
      {"architectures", "LlamaForCausalLM"},
      {"architectures", {7}},
      {"architectures", {"MixtralForCausalLM"}},
      {"quantization_config", {{"quant_method", "awq"}}},
  };
  for (const Case& c : cases) {
    Json json = hf_json();
    json[c.key] = c.value;
    CAPTURE(c.key, c.value.dump());
    const std::string message = hf_config(json).status().message();
    CHECK_THAT(message, Contains("config.json"));
    const std::string key = c.key;
    if (key == "architectures") {
      CHECK_THAT(message, Contains("architecture"));
    } else if (key == "quantization_config") {
      CHECK_THAT(message, Contains("'awq'"));
    } else {
      CHECK_THAT(message, Contains(key));
    }
  }
  CHECK_THAT(config_from_hf("[]", "config.json").message(), Contains("a JSON object is expected"));
  CHECK_THAT(config_from_hf("{", "config.json").message(), Contains("not valid JSON"));
  CHECK_THAT(config_from_hf("{}", "config.json").message(), Contains("LlamaForCausalLM"));
}

}  // namespace
