#include "core/model/weights.h"

#include <catch2/catch.hpp>
#include <cmath>
#include <cstring>
#include <limits>

#include "core/model/gguf_writer.h"
#include "core/model/model_files.h"
#include "core/quant/format.h"
#include "platforms/file_map.h"
#include "tests/unit/model/tiny_model.h"

using namespace dunlin;
using Catch::Matchers::Contains;

namespace {

// The error of opening the tiny model with one tensor changed.
std::string error_with(const test::TinyOptions& options) {
  const auto bytes = test::tiny_gguf(options);
  return open_model_bytes(bytes, "tiny.gguf", Log()).status().message();
}

TEST_CASE("Every tensor has the shape that the config implies") {
  CHECK(error_with({}).empty());
  for (const test::TinyTensor& tensor : test::tiny_tensors({})) {
    CAPTURE(tensor.name);
    if (tensor.name != "output.weight") {
      const std::string missing =
          error_with({.edit = [&](const std::string& name, Shape&, DType&) { return name != tensor.name; }});
      CHECK_THAT(missing, Contains("tiny.gguf") && Contains(tensor.name) && Contains("is missing") &&
                              Contains(tensor.shape.to_string()));
    }
    Shape wrong;
    for (int i = 0; i < tensor.shape.rank(); ++i) wrong.append(tensor.shape[i] + (i == 0 ? 1 : 0));
    const std::string message = error_with({.edit = [&](const std::string& name, Shape& shape, DType&) {
      if (name == tensor.name) shape = wrong;
      return true;
    }});
    CHECK_THAT(message, Contains("tiny.gguf") && Contains(tensor.name) &&
                            Contains(tensor.shape.to_string()) && Contains(wrong.to_string()));
  }
}

TEST_CASE("A transposed weight and a flat one are refused") {
  const auto with_shape = [](Shape wrong) {
    return error_with({.edit = [=](const std::string& name, Shape& shape, DType&) {
      if (name == "blk.0.ffn_up.weight") shape = wrong;
      return true;
    }});
  };
  CHECK_THAT(with_shape({16, 24}), Contains("has shape [16, 24]; the config implies [24, 16]"));
  CHECK_THAT(with_shape({24 * 16}), Contains("[384]"));
  CHECK(with_shape({1, 1, 24, 16}).empty());
}

TEST_CASE("Vectors may be of any float type and of no quantized one") {
  const auto bytes = test::tiny_gguf();
  const auto model = open_model_bytes(bytes, "tiny.gguf", Log());
  const auto build_with = [&](DType type) {
    std::vector<NamedTensor> tensors;
    for (const Weight& weight : model->weights.weights()) {
      tensors.push_back({weight.name, weight.tensor, "tiny.gguf"});
      if (weight.name == "output_norm.weight") tensors.back().tensor.type = type;
    }
    return WeightTable::build(model->config, std::move(tensors), false, "tiny.gguf", Log())
        .status()
        .message();
  };
  CHECK(build_with(DType::kF32).empty());
  CHECK(build_with(DType::kBF16).empty());
  CHECK_THAT(build_with(DType::kQ8_0), Contains("'output_norm.weight' has type Q8_0"));
}

TEST_CASE("Unknown tensors are reported once and left out") {
  GgufWriter w;
  test::set_tiny_metadata(w, {});
  test::add_tiny_tensors(w, {});
  const std::vector<uint8_t> data(4);
  REQUIRE(w.add_tensor("blk.0.surprise.weight", {DType::kF32, {1}, data}).is_ok());
  REQUIRE(w.add_tensor("blk.0.rotary_emb.inv_freq", {DType::kF32, {1}, data}).is_ok());
  const auto bytes = std::move(w.write_to_memory()).value();
  std::vector<std::string> messages;
  const Log log([&](LogLevel level, std::string_view text) {
    CHECK(level == LogLevel::kWarning);
    messages.emplace_back(text);
  });
  const auto model = open_model_bytes(bytes, "tiny.gguf", log);
  REQUIRE(model.is_ok());
  REQUIRE(messages.size() == 1);
  CHECK_THAT(messages[0],
             Contains("tiny.gguf") && Contains("'blk.0.surprise.weight'") && !Contains("inv_freq"));
  CHECK(model->weights.find("blk.0.surprise.weight") == nullptr);
  CHECK(model->weights.find("blk.0.attn_q.weight") != nullptr);
}

TEST_CASE("rope_freqs.weight is optional, and its elements positive") {
  const auto with_factor = [](float last) {
    GgufWriter w;
    test::set_tiny_metadata(w, {});
    test::add_tiny_tensors(w, {});
    const std::vector<float> factors = {1.0f, 1.0f, 2.0f, last};
    const auto* bytes = reinterpret_cast<const uint8_t*>(factors.data());
    REQUIRE(w.add_tensor("rope_freqs.weight", {DType::kF32, {4}, {bytes, 16}}).is_ok());
    const auto file = std::move(w.write_to_memory()).value();
    return open_model_bytes(file, "tiny.gguf", Log()).status().message();
  };
  CHECK(with_factor(8.0f).empty());
  for (const float bad :
       {0.0f, -1.0f, std::numeric_limits<float>::infinity(), std::numeric_limits<float>::quiet_NaN()})
    CHECK_THAT(with_factor(bad), Contains("rope_freqs.weight") && Contains("element 3"));
}

TEST_CASE("Hugging Face names map to GGUF names") {
  CHECK(gguf_name_from_hf("model.embed_tokens.weight") == "token_embd.weight");
  CHECK(gguf_name_from_hf("lm_head.weight") == "output.weight");
  CHECK(gguf_name_from_hf("model.norm.weight") == "output_norm.weight");
  CHECK(gguf_name_from_hf("model.layers.12.self_attn.q_proj.bias") == "blk.12.attn_q.bias");
  CHECK(gguf_name_from_hf("model.layers.0.mlp.down_proj.weight") == "blk.0.ffn_down.weight");
  for (const char* name :
       {"", "weight", "model.layers.", "model.layers.01.mlp.down_proj.weight",
        "model.layers.x.mlp.up_proj.weight", "model.layers.-1.mlp.up_proj.weight",
        "model.layers.99999999999999999999.mlp.up_proj.weight",
        "model.layers.0.self_attn.rotary_emb.inv_freq", "model.layers.0.mlp.down_proj.scale"})
    CHECK(gguf_name_from_hf(name).empty());
}

TEST_CASE("source_row undoes the pairing of rows within each head") {
  Weight weight;
  for (int64_t r = 0; r < 20; ++r) CHECK(weight.source_row(r) == r);
  weight.paired_head_rows = 6;
  // Row s * 3 + j of a head lies at 2 j + s.
  const int64_t expected[] = {0, 2, 4, 1, 3, 5, 6, 8, 10, 7, 9, 11};
  for (int64_t r = 0; r < 12; ++r) CHECK(weight.source_row(r) == expected[r]);
}

std::vector<float> decoded_row(const TensorSource& tensor, int64_t row, int64_t n_rows) {
  const uint64_t n = uint64_t(tensor.shape.elements() / n_rows);
  std::vector<uint8_t> blocks(row_bytes(tensor.type, n));
  REQUIRE(tensor.read(uint64_t(row) * blocks.size(), blocks).is_ok());
  std::vector<float> out(n);
  quant_format(tensor.type).dequantize(blocks.data(), out.data(), n);
  return out;
}

// Rows of the GGUF file, read in the order of the table, are those of the Hugging Face file but for the
// rounding of a 16-bit type: bf16 has 8 bits of mantissa.
void check_same_rows(const Weight& gguf, const Weight& hf) {
  CAPTURE(gguf.name);
  REQUIRE(gguf.tensor.shape == hf.tensor.shape);
  const Shape& shape = gguf.tensor.shape;
  const int64_t n_rows = shape.rank() == 1 ? shape[0] : shape.n_rows();
  int64_t n_different = 0;
  for (int64_t r = 0; r < n_rows; ++r) {
    const std::vector<float> a = decoded_row(gguf.tensor, gguf.source_row(r), n_rows);
    const std::vector<float> b = decoded_row(hf.tensor, r, n_rows);
    for (size_t i = 0; i < a.size(); ++i) n_different += std::abs(a[i] - b[i]) > std::abs(b[i]) / 256 + 1e-6f;
  }
  CHECK(n_different == 0);
}

TEST_CASE("Llama's permuted GGUF rows are the rows of the SafeTensors file") {
  for (const char* name :
       {"tiny-llama/tiny-llama-f16", "tiny-mistral/tiny-mistral-bf16", "tiny-qwen2/tiny-qwen2-f16"}) {
    const std::string path = str_cat("tests/data/golden/", name, ".gguf");
    const auto gguf = open_model_files(path, Log());
    const auto hf = open_model_files(path.substr(0, path.rfind('/')), Log());
    REQUIRE(gguf.status().message() == "");
    REQUIRE(hf.status().message() == "");
    REQUIRE(gguf->weights.weights().size() == hf->weights.weights().size());
    for (const Weight& weight : gguf->weights.weights()) {
      const bool rotary = weight.name.find(".attn_q.") != std::string::npos ||
                          weight.name.find(".attn_k.") != std::string::npos;
      CHECK(weight.rows_are_permuted() == (rotary && gguf->config.architecture == "llama"));
      const Weight& other = hf->weights.at(weight.name);
      CHECK_FALSE(other.rows_are_permuted());
      check_same_rows(weight, other);
    }
  }
}

TEST_CASE("Llama 3's factors are computed for SafeTensors as GGUF files store them") {
  const auto gguf = open_model_files("tests/data/golden/tiny-llama/tiny-llama-f16.gguf", Log());
  const auto hf = open_model_files("tests/data/golden/tiny-llama", Log());
  REQUIRE(gguf.status().message() == "");
  REQUIRE(hf.status().message() == "");
  REQUIRE(hf->config.rope.scaling == RopeScaling::kLlama3);
  const TensorSource& stored = gguf->weights.at("rope_freqs.weight").tensor;
  const TensorSource& computed = hf->weights.at("rope_freqs.weight").tensor;
  REQUIRE(stored.shape == computed.shape);
  const std::vector<float> a = decoded_row(stored, 0, 1), b = decoded_row(computed, 0, 1);
  for (size_t i = 0; i < a.size(); ++i) {
    CHECK(a[i] == Approx(b[i]).epsilon(1e-6));
    CHECK(gguf->weights.rope_freqs()[i] == a[i]);
    CHECK(hf->weights.rope_freqs()[i] == b[i]);
  }
}

TEST_CASE("check_tensors finds NaN and infinity in scales and in elements") {
  const auto open_with = [](DType type, size_t at, uint16_t f16, bool check) {
    GgufWriter w;
    test::set_tiny_metadata(w, {});
    std::vector<uint8_t> blocks;
    test::add_tiny_tensors(
        w, {.edit = [&](const std::string& name, Shape&, DType&) { return name != "output.weight"; }});
    // Rows of 16 elements fit no block type: the type under test has elements of its own.
    blocks.resize(size_t(test::kTinyVocabulary) * row_bytes(type, uint64_t(test::kTinyEmbedding)), 0);
    std::memcpy(blocks.data() + at, &f16, sizeof f16);
    REQUIRE(
        w.add_tensor("output.weight", {type, {test::kTinyVocabulary, test::kTinyEmbedding}, blocks}).is_ok());
    const auto bytes = std::move(w.write_to_memory()).value();
    return open_model_bytes(bytes, "tiny.gguf", Log(), {.check_tensors = check}).status().message();
  };
  constexpr uint16_t kInfinity = 0x7C00;
  constexpr uint16_t kNan = 0x7E00;
  CHECK(open_with(DType::kF16, 34, 0x3C00, true).empty());
  CHECK(open_with(DType::kF16, 34, kNan, false).empty());
  CHECK_THAT(open_with(DType::kF16, 34, kNan, true),
             Contains("'output.weight'") && Contains("element 1 of row 1 is NaN"));
  CHECK_THAT(open_with(DType::kF16, 34, kInfinity, true), Contains("is infinite"));
}

TEST_CASE("check_tensors reads quantized files") {
  const ModelFileOptions check{.check_tensors = true};
  CHECK(open_model_files("tests/data/models/fairy-4m-q4_k_m.gguf", Log(), check).status().message() == "");
  const FileMap map = std::move(FileMap::open("tests/data/models/fairy-4m-q4_k_m.gguf")).value();
  std::vector<uint8_t> bytes(map.bytes().begin(), map.bytes().end());
  const GgufFile file = GgufFile::parse(bytes, "fairy").value();
  const GgufTensor& tensor = *file.find_tensor("blk.1.ffn_gate.weight");
  REQUIRE(tensor.type == DType::kQ4_K);
  const uint16_t nan = 0x7E00;
  std::memcpy(bytes.data() + tensor.offset + 144 * 5, &nan, sizeof nan);  // d of block 5: row 5
  CHECK_THAT(open_model_bytes(bytes, "fairy", Log(), check).message(),
             Contains("'blk.1.ffn_gate.weight'") && Contains("Q4_K") && Contains("row 5 is NaN"));
}

}  // namespace
