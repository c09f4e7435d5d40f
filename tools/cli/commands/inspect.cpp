// inspect: what is in a model file, and what becomes of it on a device.
#include <iostream>
#include <memory>

#include "../json_text.h"
#include "../model_options.h"
#include "commands.h"

namespace dunlin::cli {
namespace {

struct InspectFlags {
  ModelFlags model;
  std::string format = "md";
  bool tensors = false;
  bool graph = false;
  int32_t n_rows = 1;
};

void print_table(const Json& model, bool tensors) {
  for (const auto& [key, value] : model.items()) {
    if (key == "tensors") continue;
    std::cout << key << ": " << (value.is_string() ? value.get<std::string>() : write_json(value, -1))
              << '\n';
  }
  std::cout << "n_tensors: " << model["tensors"].size() << '\n';
  if (!tensors) return;
  std::cout << "\n| tensor | type | shape | bytes |\n|---|---|---|---|\n";
  for (const Json& t : model["tensors"])
    std::cout << "| " << t["name"].get<std::string>() << " | " << t["type"].get<std::string>() << " | "
              << write_json(t["shape"], -1) << " | " << t["bytes"] << " |\n";
}

void inspect(const InspectFlags& flags) {
  const Model model = open_model(flags.model);
  if (flags.graph) {
    const Engine engine = open_engine(model, flags.model);
    std::cout << engine.plan_text(flags.n_rows);
    return;
  }
  if (flags.format == "json")
    std::cout << model.describe_json() << '\n';
  else
    print_table(parse_json(model.describe_json()), flags.tensors);
}

}  // namespace

void add_inspect_command(CLI::App& app) {
  const auto flags = std::make_shared<InspectFlags>();
  CLI::App* command = app.add_subcommand("inspect", "show what a model file holds");
  add_model_file_flags(*command, flags->model);
  add_engine_flags(*command, flags->model);
  command->add_option("-o,--output", flags->format, "md or json")->check(CLI::IsMember({"md", "json"}));
  command->add_flag("--tensors", flags->tensors, "list the tensors");
  command->add_flag("--graph", flags->graph, "load it and show the graph and the chosen kernels");
  command->add_option("--rows", flags->n_rows, "rows of the step that --graph shows")->capture_default_str();
  command->callback([flags] { inspect(*flags); });
}

}  // namespace dunlin::cli
