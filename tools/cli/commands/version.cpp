// version
#include <iostream>

#include "commands.h"
#include "dunlin/dunlin.hpp"

namespace dunlin::cli {

void add_version_command(CLI::App& app) {
  app.add_subcommand("version", "print the version")->callback([] {
    std::cout << "dunlin " << dunlin_version() << '\n';
  });
}

}  // namespace dunlin::cli
