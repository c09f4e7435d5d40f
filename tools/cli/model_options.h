// The flags that every command with a model shares, and what they open.
#pragma once

#include <CLI/CLI.hpp>
#include <string>

#include "dunlin/dunlin.hpp"

namespace dunlin::cli {

struct ModelFlags {
  std::string path;  // empty: the default model
  std::string device = "auto";
  std::string n_gpu_layers = "auto";
  bool require_gpu = false;
  int32_t n_threads = 0;
  int32_t n_threads_prefill = 0;
  int32_t n_ctx = 0;
  int32_t n_batch = 512;
  std::string kv_type = "f16";
  bool preload = false;
  bool check_tensors = false;
  bool no_fuse = false;
  bool pack_cache = false;
  bool verbose = false;
  bool quiet = false;
};

void add_model_file_flags(CLI::App& app, ModelFlags& flags);
// Only --device: for commands that run the model on it without an engine.
void add_device_flag(CLI::App& app, ModelFlags& flags);
// --device and all else that an engine is made with.
void add_engine_flags(CLI::App& app, ModelFlags& flags);

Model open_model(const ModelFlags& flags);
// Loads with a progress line on stderr, and says which device was chosen and why.
Engine open_engine(const Model& model, const ModelFlags& flags, int32_t n_sequences = 1,
                   int32_t n_logit_rows = 0);

}  // namespace dunlin::cli
