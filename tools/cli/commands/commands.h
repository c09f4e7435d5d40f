// The commands. Each adds its subcommand; its callback does the work and throws what exit_code.h knows.
#pragma once

#include <CLI/CLI.hpp>

namespace dunlin::cli {

void add_run_command(CLI::App& app);
void add_chat_command(CLI::App& app);
void add_bench_command(CLI::App& app);
void add_ppl_command(CLI::App& app);
void add_inspect_command(CLI::App& app);
void add_profile_command(CLI::App& app);
void add_verify_command(CLI::App& app);
void add_devices_command(CLI::App& app);
void add_tokenize_command(CLI::App& app);
void add_synth_command(CLI::App& app);
void add_version_command(CLI::App& app);

}  // namespace dunlin::cli
