#include "sampling_options.h"

#include <random>

namespace dunlin::cli {

void add_sampling_flags(CLI::App& app, SamplingFlags& flags) {
  dunlin_generation_options& o = flags.options;
  app.add_option("-n,--n-predict", o.max_tokens, "tokens to generate (-1: to the end of the context)")
      ->check(CLI::Range(-1, 1 << 30))
      ->capture_default_str();
  app.add_option("--temp", o.temperature, "temperature, 0 is greedy")->capture_default_str();
  app.add_option("--top-k", o.top_k, "keep the k best tokens (0: off)")->capture_default_str();
  app.add_option("--top-p", o.top_p, "keep the best tokens up to this probability (1: off)")
      ->capture_default_str();
  app.add_option("--min-p", o.min_p, "drop tokens below this share of the best (0: off)")
      ->capture_default_str();
  app.add_option("--typical", o.typical_p, "typical sampling (1: off)")->capture_default_str();
  app.add_option("--repeat-penalty", o.repeat_penalty, "penalty on repeated tokens (1: off)")
      ->capture_default_str();
  app.add_option("--repeat-last-n", o.repeat_last_n, "tokens that penalties look back at (-1: all)")
      ->capture_default_str();
  app.add_option("--presence-penalty", o.presence_penalty, "penalty on tokens that have occurred");
  app.add_option("--frequency-penalty", o.frequency_penalty, "penalty on tokens by how often they occurred");
  app.add_option("-s,--seed", flags.seed, "seed of the random numbers (-1: another one each time)");
  app.add_option("--stop", flags.stop, "end at this text (may be repeated)");
  app.add_flag("--ignore-eos", o.ignore_eos, "go on after an end token");
}

dunlin_generation_options SamplingFlags::resolve() {
  options.seed = seed >= 0 ? uint64_t(seed) : std::random_device{}();
  stop_pointers_.clear();
  for (const std::string& text : stop) stop_pointers_.push_back(text.c_str());
  options.stop = stop_pointers_.data();
  options.n_stop = stop_pointers_.size();
  return options;
}

}  // namespace dunlin::cli
