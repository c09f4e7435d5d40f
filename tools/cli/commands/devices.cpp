// devices: what this machine can run models on.
#include <iostream>
#include <memory>

#include "../json_text.h"
#include "commands.h"
#include "dunlin/dunlin.hpp"

namespace dunlin::cli {
namespace {

void print_devices(const std::string& format) {
  const std::string text = devices_json();
  if (format == "json") {
    std::cout << text << '\n';
    return;
  }
  for (const Json& device : parse_json(text)) {
    std::cout << device["id"].get<std::string>() << (device["score"] > 0 ? "  (default)" : "") << "\n  "
              << device["name"].get<std::string>() << "\n";
    std::string line;
    for (std::istringstream detail(device["detail"].get<std::string>()); std::getline(detail, line);)
      std::cout << "  " << line << '\n';
  }
  for (const Json& note : parse_json(device_notes_json()))
    std::cout << "not used: " << note.get<std::string>() << '\n';
}

}  // namespace

void add_devices_command(CLI::App& app) {
  const auto format = std::make_shared<std::string>("md");
  CLI::App* command = app.add_subcommand("devices", "list the devices of this machine");
  command->add_option("-o,--output", *format, "md or json")->check(CLI::IsMember({"md", "json"}));
  command->callback([format] { print_devices(*format); });
}

}  // namespace dunlin::cli
