// tokenize: the token ids of a text.
#include <iostream>
#include <memory>

#include "../json_text.h"
#include "../model_options.h"
#include "../text_io.h"
#include "commands.h"

namespace dunlin::cli {
namespace {

struct TokenizeFlags {
  ModelFlags model;
  std::string text;
  std::string format = "md";
  bool no_bos = false;
  bool special = false;
};

void tokenize(const TokenizeFlags& flags) {
  const Model model = open_model(flags.model);
  const std::string text = flags.text.empty() ? read_stdin() : flags.text;
  const std::vector<int32_t> ids = model.tokenize(text, !flags.no_bos, flags.special);
  if (flags.format == "json") {
    std::cout << write_json(Json(ids), -1) << '\n';
    return;
  }
  for (const int32_t id : ids)
    std::cout << id << "\t" << write_json(Json(model.detokenize({id}, true)), -1) << '\n';
}

}  // namespace

void add_tokenize_command(CLI::App& app) {
  const auto flags = std::make_shared<TokenizeFlags>();
  CLI::App* command = app.add_subcommand("tokenize", "show the tokens of a text");
  add_model_file_flags(*command, flags->model);
  command->add_option("-p,--prompt", flags->text, "the text (default: stdin)");
  command->add_option("-o,--output", flags->format, "md or json")->check(CLI::IsMember({"md", "json"}));
  command->add_flag("--no-bos", flags->no_bos, "without BOS and EOS");
  command->add_flag("--special", flags->special, "the text may spell control tokens");
  command->callback([flags] { tokenize(*flags); });
}

}  // namespace dunlin::cli
