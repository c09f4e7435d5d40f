// The command's exit codes, and how errors become one.
#pragma once

#include <stdexcept>
#include <string>

#include "dunlin/dunlin.hpp"

namespace dunlin::cli {

enum ExitCode : int {
  kExitOk = 0,
  kExitRuntime = 1,
  kExitUsage = 2,
  kExitResources = 3,
  kExitModel = 4,
  kExitInterrupted = 130,
};

// The user's mistake on the command line.
class UsageError : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

// A failed attempt to open a model file.
class ModelError : public Error {
 public:
  explicit ModelError(const Error& error) : Error(error) {}
};

// SIGINT ended the work.
class Interrupted : public std::exception {};

// The exit code of the exception in flight; its message goes to stderr. Call it inside a catch block.
int report_current_exception();

}  // namespace dunlin::cli
