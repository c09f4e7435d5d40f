// ModelFiles: everything that was opened for one model: config, weights, and where its tokenizer is
// described. Owns the files that the weights are read from and the headers that the GGUF metadata points
// into; move-only, the contents stay where they are. Immutable after opening: any number of threads may read
// it.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "core/base/log.h"
#include "core/base/status.h"
#include "core/model/config.h"
#include "core/model/gguf_split.h"
#include "core/model/safetensors.h"
#include "core/model/weights.h"

namespace dunlin {

struct ModelFileOptions {
  bool preload = false;        // read the files into memory now, and never look at them again
  bool check_tensors = false;  // refuse NaN and infinity; reads every byte
};

enum class ModelKind : uint8_t { kGguf, kHuggingFace };

// The small files of a Hugging Face directory; empty where there is none.
struct HuggingFaceTexts {
  std::string tokenizer_json;
  std::string tokenizer_config_json;
  std::string generation_config_json;
  std::string chat_template_jinja;
};

struct ModelFiles {
  std::string path;
  ModelKind kind = ModelKind::kGguf;
  ModelConfig config;
  WeightTable weights;
  uint64_t file_bytes = 0;  // of all model files together

  std::vector<GgufPart> gguf_parts;
  std::vector<SafetensorsPart> safetensors_parts;
  HuggingFaceTexts texts;  // kHuggingFace only

  // The file with tokenizer and chat template; null for a Hugging Face directory.
  const GgufFile* gguf() const { return gguf_parts.empty() ? nullptr : &gguf_parts.front().file; }
};

// path: a .gguf file, any part of a split model, or a Hugging Face directory.
Result<ModelFiles> open_model_files(const std::string& path, const Log& log, ModelFileOptions options = {});
// A whole GGUF file in memory, which must outlive the result; source names it in errors.
Result<ModelFiles> open_model_bytes(std::span<const uint8_t> bytes, const std::string& source, const Log& log,
                                    ModelFileOptions options = {});

}  // namespace dunlin
