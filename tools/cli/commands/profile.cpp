// profile: where the time of a decoding step and of a prefill step goes, phase by phase.
#include <algorithm>
#include <iostream>
#include <memory>

#include "../exit_code.h"
#include "../interrupt.h"
#include "../model_options.h"
#include "commands.h"
#include "profile_report.h"

namespace dunlin::cli {
namespace {

struct ProfileFlags {
  ModelFlags model;
  int32_t n_prompt = 512;
  int32_t n_decode = 32;
  int32_t depth = 0;
  int32_t n_sequences = 1;
  int32_t repetitions = 5;
  std::string format = "md";
};

// Ceilings before and after, as machines are shared: the higher one was less disturbed.
Json measure(Engine& engine, ProfileContext context, const dunlin_profile_options& options) {
  const dunlin_roofline before = engine.measure_roofline();
  const std::string profile = engine.profile_json(options);
  const dunlin_roofline after = engine.measure_roofline();
  context.read_gb_s = std::max(before.read_gb_s, after.read_gb_s);
  context.int8_tops = std::max(before.int8_tops, after.int8_tops);
  if (was_interrupted()) throw Interrupted();
  return fold_profile(context, parse_json(profile));
}

void profile(ProfileFlags& flags) {
  if (flags.model.n_ctx == 0) flags.model.n_ctx = flags.depth + std::max(flags.n_prompt, 1);
  flags.model.n_batch = std::max(flags.model.n_batch, flags.n_prompt);
  const Model model = open_model(flags.model);
  Engine engine = open_engine(model, flags.model, flags.n_sequences);
  const Json info = parse_json(engine.describe_json()), file = parse_json(model.describe_json());
  ProfileContext context{file["name"], info["device"], info["n_threads"], 0, 0};
  if (context.model.empty()) context.model = file["architecture"];
  Json profiles = Json::array();
  dunlin_profile_options options = profile_options();
  options.depth = flags.depth;
  if (flags.n_decode > 0) {
    options.n_sequences = flags.n_sequences;
    options.n_repeats = flags.n_decode;
    profiles.push_back(measure(engine, context, options));
  }
  if (flags.n_prompt > 0) {
    options.n_sequences = 1;
    options.n_rows = flags.n_prompt;
    options.n_repeats = flags.repetitions;
    profiles.push_back(measure(engine, context, options));
  }
  if (flags.format == "json") std::cout << write_json(profiles) << '\n';
  bool same = true;
  for (size_t i = 0; i < profiles.size(); ++i) {
    if (flags.format == "md") std::cout << (i > 0 ? "\n" : "") << format_profile(profiles[i]);
    same &= profiles[i]["same_tokens"].get<bool>();
  }
  if (!same) throw Error(DUNLIN_INTERNAL, "a measured step chose other tokens than the unmeasured one");
}

}  // namespace

void add_profile_command(CLI::App& app) {
  const auto flags = std::make_shared<ProfileFlags>();
  CLI::App* command = app.add_subcommand("profile", "where the time of a step goes, phase by phase");
  add_model_file_flags(*command, flags->model);
  add_engine_flags(*command, flags->model);
  const auto count = [&](const char* name, int32_t& value, int32_t least, int32_t most, const char* text) {
    command->add_option(name, value, text)->check(CLI::Range(least, most))->capture_default_str();
  };
  count("-p,--n-prompt", flags->n_prompt, 0, 8192, "rows of the prefill step, 0 for none");
  count("-n,--n-gen", flags->n_decode, 0, 100000, "decoding steps to measure, 0 for none");
  count("-d,--n-depth", flags->depth, 0, 1 << 20, "tokens in the context before");
  count("-b,--n-parallel", flags->n_sequences, 1, 256, "sequences of the decoding step");
  count("-r,--repetitions", flags->repetitions, 1, 1000, "prefill steps to measure");
  command->add_option("-o,--output", flags->format, "md or json")->check(CLI::IsMember({"md", "json"}));
  command->callback([flags] { profile(*flags); });
}

}  // namespace dunlin::cli
