// verify: every node of the model on a device against the reference. No engine is made, so of the engine's
// flags there is --device alone.
#include <iostream>
#include <memory>

#include "../exit_code.h"
#include "../json_text.h"
#include "../model_options.h"
#include "commands.h"

namespace dunlin::cli {
namespace {

struct VerifyFlags {
  ModelFlags model;
  std::string prompt = "Once upon a time there was a king who had three sons.";
  std::string format = "md";
};

std::string describe(const Json& error) {
  if (error.is_null()) return "none";
  return error["name"].get<std::string>() + " (node " + error["node"].dump() + ", nmse " +
         error["nmse"].dump() + ")\n  " + error["op"].get<std::string>();
}

void verify(const VerifyFlags& flags) {
  const Model model = open_model(flags.model);
  const std::string device = flags.model.device == "auto" ? "cpu" : flags.model.device;
  const std::string text = model.verify_json(device, model.tokenize(flags.prompt));
  const Json report = parse_json(text);
  if (flags.format == "json") {
    std::cout << text << '\n';
  } else {
    std::cout << report["device"].get<std::string>() << ": " << report["n_nodes"] << " nodes, tolerance nmse "
              << report["tolerance_nmse"] << "\nfirst divergence: " << describe(report["first_divergence"])
              << "\nworst: " << describe(report["worst"])
              << "\nsame next token: " << (report["same_argmax"].get<bool>() ? "yes" : "no") << '\n';
  }
  if (!report["first_divergence"].is_null())
    throw Error(DUNLIN_INTERNAL, "the device and the reference diverge");
}

}  // namespace

void add_verify_command(CLI::App& app) {
  const auto flags = std::make_shared<VerifyFlags>();
  CLI::App* command = app.add_subcommand("verify", "compare a device with the reference, node by node");
  add_model_file_flags(*command, flags->model);
  add_device_flag(*command, flags->model);
  command->add_option("-p,--prompt", flags->prompt, "the text to run")->capture_default_str();
  command->add_option("-o,--output", flags->format, "md or json")->check(CLI::IsMember({"md", "json"}));
  command->callback([flags] { verify(*flags); });
}

}  // namespace dunlin::cli
