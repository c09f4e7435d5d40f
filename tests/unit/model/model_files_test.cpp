#include "core/model/model_files.h"

#include <catch2/catch.hpp>
#include <filesystem>

#include "platforms/file_map.h"
#include "tests/support/temporary_directory.h"
#include "tests/unit/model/tiny_model.h"

using namespace dunlin;
using Catch::Matchers::Contains;

namespace {

constexpr const char* kGguf = "tests/data/models/fairy-4m-q4_k_m.gguf";
constexpr const char* kDirectory = "tests/data/models/fairy-4m";

std::string error_of(const std::string& path) {
  return open_model_files(path, Log()).status().message();
}

// A path that is not a file, and how it is explained.
std::string error_of_file(std::string_view name, std::string_view contents) {
  const test::TemporaryDirectory directory;
  return error_of(directory.write(name, contents));
}

std::vector<uint8_t> bytes_of(const TensorSource& tensor) {
  std::vector<uint8_t> bytes(size_t(tensor.bytes()));
  REQUIRE(tensor.read(0, bytes).is_ok());
  return bytes;
}

TEST_CASE("A GGUF file opens with its config and weights, preloaded or not") {
  const FileMap file = std::move(FileMap::open(kGguf)).value();
  for (const bool preload : {true, false}) {
    const auto model = open_model_files(kGguf, Log(), {.preload = preload});
    REQUIRE(model.status().message() == "");
    CHECK(model->kind == ModelKind::kGguf);
    CHECK(model->config.architecture == "qwen2");
    CHECK(model->config.n_layer == 4);
    CHECK(model->config.n_vocab == 4096);
    CHECK(model->config.tied_embeddings);
    CHECK(model->config.attention_qkv_bias);
    CHECK(model->file_bytes == 2897152);
    REQUIRE(model->gguf() != nullptr);
    CHECK(model->gguf()->get_string("tokenizer.ggml.pre").value() == "qwen2");
    const Weight& weight = model->weights.at("blk.3.attn_q.weight");
    CHECK(weight.tensor.shape == Shape{256, 256});
    CHECK(weight.tensor.type == DType::kQ4_K);
    CHECK(model->gguf_parts[0].input->is_preloaded() == preload);
    const std::vector<uint8_t> bytes = bytes_of(weight.tensor);
    const GgufTensor& tensor = *model->gguf()->find_tensor("blk.3.attn_q.weight");
    REQUIRE(bytes.size() == tensor.bytes);
    CHECK(std::equal(bytes.begin(), bytes.end(), file.bytes().begin() + int64_t(tensor.offset)));
  }
}

TEST_CASE("A Hugging Face directory opens with its texts") {
  const auto model = open_model_files(kDirectory, Log());
  REQUIRE(model.status().message() == "");
  CHECK(model->kind == ModelKind::kHuggingFace);
  CHECK(model->gguf() == nullptr);
  CHECK(model->config.architecture == "qwen2");
  CHECK(model->file_bytes == 8402640);
  CHECK(model->weights.at("token_embd.weight").tensor.type == DType::kBF16);
  CHECK(model->weights.weights().size() == 50);
  CHECK(model->texts.tokenizer_json.size() == 263775);
  CHECK_FALSE(model->texts.tokenizer_config_json.empty());
  CHECK_FALSE(model->texts.generation_config_json.empty());
  CHECK(model->texts.chat_template_jinja.empty());
}

TEST_CASE("Both files of one model give the same config") {
  const auto gguf = open_model_files(kGguf, Log());
  const auto hf = open_model_files(kDirectory, Log());
  const ModelConfig& a = gguf->config;
  const ModelConfig& b = hf->config;
  CHECK(a.architecture == b.architecture);
  CHECK(a.n_embd == b.n_embd);
  CHECK(a.n_ff == b.n_ff);
  CHECK(a.n_head == b.n_head);
  CHECK(a.n_head_kv == b.n_head_kv);
  CHECK(a.head_dim == b.head_dim);
  CHECK(a.n_ctx_train == b.n_ctx_train);
  CHECK(a.rms_eps == b.rms_eps);
  CHECK(a.rope.freq_base == b.rope.freq_base);
  CHECK(a.rope.n_rot == b.rope.n_rot);
  CHECK(a.tied_embeddings == b.tied_embeddings);
  CHECK(a.sliding_window == b.sliding_window);
  REQUIRE(gguf->weights.weights().size() == hf->weights.weights().size());
  for (size_t i = 0; i < gguf->weights.weights().size(); ++i) {
    CHECK(gguf->weights.weights()[i].name == hf->weights.weights()[i].name);
    CHECK(gguf->weights.weights()[i].tensor.shape == hf->weights.weights()[i].tensor.shape);
  }
}

TEST_CASE("A model moves without its contents moving") {
  auto first = open_model_files(kGguf, Log());
  const std::vector<uint8_t> bytes = bytes_of(first->weights.at("output_norm.weight").tensor);
  const ModelFiles second = std::move(first).value();
  CHECK(bytes_of(second.weights.at("output_norm.weight").tensor) == bytes);
  CHECK(second.gguf()->find_tensor("output_norm.weight") != nullptr);
}

TEST_CASE("A model in memory opens in place") {
  const auto bytes = test::tiny_gguf();
  const auto model = open_model_bytes(bytes, "embedded model", Log());
  REQUIRE(model.status().message() == "");
  CHECK(model->file_bytes == bytes.size());
  const Weight& weight = model->weights.at("blk.0.attn_q.weight");
  CHECK(weight.rows_are_permuted());
  const GgufTensor& tensor = *model->gguf()->find_tensor("blk.0.attn_q.weight");
  const std::vector<uint8_t> read = bytes_of(weight.tensor);
  CHECK(std::equal(read.begin(), read.end(), bytes.begin() + int64_t(tensor.offset)));
}

TEST_CASE("What is no model is explained") {
  CHECK_THAT(error_of("no/such/model.gguf"), Contains("no/such/model.gguf: no such file"));
  CHECK_THAT(error_of_file("pytorch_model.bin", std::string_view("PK\x03\x04....", 8)),
             Contains("convert the model to SafeTensors"));
  CHECK_THAT(error_of_file("old.bin", "\x80\x02}q\x01"), Contains("pickle"));
  CHECK_THAT(error_of_file("old.bin", "lmggxxxx"), Contains("old GGML"));
  CHECK_THAT(error_of_file("m.gguf", "version https://git-lfs.github.com/spec/v1\n"),
             Contains("git lfs pull"));
  CHECK_THAT(error_of_file("m.gguf", "<!DOCTYPE html>"), Contains("web page"));
  CHECK_THAT(error_of_file("m.gguf.dunlin-p16", "DUNLINPC\x01"), Contains("pack cache"));
  CHECK_THAT(error_of_file("m.gguf", ""), Contains("empty"));
  CHECK_THAT(error_of_file("m.gguf", "GGU"), Contains("'GGU'"));
  CHECK_THAT(error_of_file("config.json", "{}"), Contains("model's directory"));
  CHECK_THAT(error_of(std::string(kDirectory) + "/model.safetensors"), Contains("pass the directory"));
}

TEST_CASE("What is missing in a directory is explained") {
  const test::TemporaryDirectory directory;
  CHECK_THAT(error_of(directory.path()), Contains("directory is empty"));
  directory.write("pytorch_model.bin", std::string_view("x"));
  CHECK_THAT(error_of(directory.path()),
             Contains("no config.json") && Contains("PyTorch files are not read"));
  directory.write("a.gguf", std::string_view("GGUF"));
  CHECK_THAT(error_of(directory.path()), Contains("a.gguf"));
  std::filesystem::copy_file(std::string(kDirectory) + "/config.json", directory.file("config.json"));
  CHECK_THAT(error_of(directory.path()), Contains("neither model.safetensors nor"));
  directory.write("model.safetensors", std::string_view("xxxxxxxxxx"));
  CHECK_THAT(error_of(directory.path()), Contains("model.safetensors: a header of"));
}

}  // namespace
