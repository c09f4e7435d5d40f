// The flags of generation.
#pragma once

#include <CLI/CLI.hpp>
#include <cstdint>
#include <string>
#include <vector>

#include "dunlin/dunlin.hpp"

namespace dunlin::cli {

struct SamplingFlags {
  dunlin_generation_options options = generation_options();
  int64_t seed = -1;  // -1: from the system
  std::vector<std::string> stop;

  // The options with the pointers set; valid while the flags live unchanged.
  dunlin_generation_options resolve();

 private:
  std::vector<const char*> stop_pointers_;
};

void add_sampling_flags(CLI::App& app, SamplingFlags& flags);

}  // namespace dunlin::cli
