// run: continues a prompt and streams the text.
#include <cstdio>
#include <iostream>
#include <memory>

#include "../exit_code.h"
#include "../interrupt.h"
#include "../model_options.h"
#include "../sampling_options.h"
#include "../terminal.h"
#include "../text_io.h"
#include "commands.h"

namespace dunlin::cli {
namespace {

constexpr const char* kTale = "Once upon a time there was";
constexpr int32_t kTaleTokens = 256;

struct RunFlags {
  ModelFlags model;
  SamplingFlags sampling;
  std::string prompt;
  std::string prompt_file;
  bool no_display_prompt = false;
  bool special = false;
};

std::string read_prompt(RunFlags& flags) {
  if (!flags.prompt_file.empty()) return read_text_file(flags.prompt_file, "prompt");
  if (!flags.prompt.empty()) return flags.prompt;
  if (flags.model.path.empty()) {
    if (flags.sampling.options.max_tokens < 0) flags.sampling.options.max_tokens = kTaleTokens;
    return kTale;
  }
  if (!stdin_is_terminal()) return read_stdin();
  throw UsageError("there is no prompt; give one with -p TEXT, -f FILE or on stdin");
}

void print_timings(const dunlin_result& r) {
  const int32_t n_prefilled = r.n_prompt - r.n_reused;
  const double prefill_s = double(r.prefill_us) / 1e6, decode_s = double(r.decode_us) / 1e6;
  const int32_t n_steps = r.n_generated - 1;  // the first token comes with the prompt
  std::fprintf(stderr, "prompt: %d tokens, %.1f ms, %.1f tok/s; generated: %d tokens, %.1f ms, %.1f tok/s\n",
               n_prefilled, prefill_s * 1e3, prefill_s > 0 ? n_prefilled / prefill_s : 0.0, r.n_generated,
               decode_s * 1e3, decode_s > 0 ? n_steps / decode_s : 0.0);
}

void run(RunFlags& flags) {
  const std::string prompt = read_prompt(flags);
  const Model model = open_model(flags.model);
  Engine engine = open_engine(model, flags.model);
  Session session(engine);
  if (!flags.no_display_prompt) std::cout << prompt << std::flush;
  const auto print = [](std::string_view piece) {
    std::cout << piece << std::flush;
    return !was_interrupted();
  };
  const dunlin_result result = session.generate(prompt, print, flags.sampling.resolve(), flags.special);
  std::cout << std::endl;
  if (!flags.model.quiet) print_timings(result);
  if (was_interrupted()) throw Interrupted();
}

}  // namespace

void add_run_command(CLI::App& app) {
  const auto flags = std::make_shared<RunFlags>();
  CLI::App* command = app.add_subcommand("run", "continue a prompt");
  add_model_file_flags(*command, flags->model);
  add_engine_flags(*command, flags->model);
  add_sampling_flags(*command, flags->sampling);
  command->add_option("-p,--prompt", flags->prompt, "text to continue (default model: a tale; else stdin)");
  command->add_option("-f,--file", flags->prompt_file, "file with the prompt");
  command->add_flag("--no-display-prompt", flags->no_display_prompt, "print only what is generated");
  command->add_flag("--special", flags->special, "the prompt may spell control tokens");
  command->callback([flags] { run(*flags); });
}

}  // namespace dunlin::cli
