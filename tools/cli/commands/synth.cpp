// synth: writes a synthetic model.
#include <cstdio>
#include <memory>

#include "../exit_code.h"
#include "../terminal.h"
#include "commands.h"
#include "tools/shapes/model_shape.h"
#include "tools/synth/synth.h"

namespace dunlin::cli {
namespace {

void synth(const SynthOptions& options) {
  ProgressLine progress("writing");
  const Status status = synthesize_model(
      options, [&](size_t done, size_t total) { progress.update(done, total, 1, "tensors"); });
  progress.clear();
  if (!status.is_ok()) throw Error(dunlin_status(status.code()), status.message());
  std::fprintf(stderr, "wrote %s\n", options.output.c_str());
}

}  // namespace

void add_synth_command(CLI::App& app) {
  const auto options = std::make_shared<SynthOptions>();
  CLI::App* command = app.add_subcommand("synth", "write a model of random weights in a real model's shape");
  command->add_option("--shape", options->shape, shape_names())->required();
  command->add_option("--type", options->type, "type mix: f16, q8_0, q4_0, q4_k_m, q5_k_m, q6_k")
      ->capture_default_str();
  command->add_option("--layers", options->n_layer, "fewer layers than the real model");
  command->add_option("--tokenizer", options->tokenizer, "GGUF file whose tokenizer is taken");
  command->add_option("--seed", options->seed, "seed of the weights")->capture_default_str();
  command->add_option("-o,--output", options->output, "file to write")->required();
  command->callback([options] { synth(*options); });
}

}  // namespace dunlin::cli
