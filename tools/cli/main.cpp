// dunlin: run language models from the command line. stdout holds only the result; everything else goes to
// stderr.
#include <string_view>
#include <vector>

#include "commands/commands.h"
#include "exit_code.h"
#include "interrupt.h"
#include "text_io.h"

namespace {

// llama.cpp's -ngl has three letters, which CLI11 would read as -n with a value.
std::vector<const char*> spelled_out(int argc, const char* const* argv) {
  std::vector<const char*> arguments(argv, argv + argc);
  for (const char*& argument : arguments)
    if (std::string_view(argument) == "-ngl") argument = "--gpu-layers";
  return arguments;
}

// The callback of the command that the arguments name does its work; throws what exit_code.h knows.
int run_command(CLI::App& app, const std::vector<const char*>& arguments) {
  try {
    app.parse(int(arguments.size()), arguments.data());
    return dunlin::cli::kExitOk;
  } catch (const CLI::ParseError& e) {  // --help is one too
    return app.exit(e) == 0 ? dunlin::cli::kExitOk : dunlin::cli::kExitUsage;
  }
}

}  // namespace

int main(int argc, char** argv) {
  using namespace dunlin::cli;
  install_interrupt_handler();
  CLI::App app("dunlin: run language models on the device at hand");
  app.require_subcommand(1);
  app.fallthrough(false);
  add_run_command(app);
  add_chat_command(app);
  add_bench_command(app);
  add_ppl_command(app);
  add_profile_command(app);
  add_inspect_command(app);
  add_verify_command(app);
  add_devices_command(app);
  add_tokenize_command(app);
  add_synth_command(app);
  add_version_command(app);
  try {
    const int code = run_command(app, spelled_out(argc, argv));
    finish_stdout();
    return code;
  } catch (...) {
    return report_current_exception();
  }
}
