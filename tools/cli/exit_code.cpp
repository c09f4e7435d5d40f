#include "exit_code.h"

#include <cstdio>

#include "flag_names.h"

namespace dunlin::cli {
namespace {

int code_of(dunlin_status status) {
  switch (status) {
    case DUNLIN_INVALID_ARGUMENT:
      return kExitUsage;
    case DUNLIN_RESOURCE_EXHAUSTED:
    case DUNLIN_CONTEXT_EXCEEDED:
      return kExitResources;
    case DUNLIN_CORRUPT:
    case DUNLIN_UNSUPPORTED:
      return kExitModel;
    case DUNLIN_CANCELLED:
      return kExitInterrupted;
    default:
      return kExitRuntime;
  }
}

int report(const std::string& message, int code) {
  std::fprintf(stderr, "dunlin: %s\n", message.c_str());
  return code;
}

}  // namespace

int report_current_exception() {
  try {
    throw;
  } catch (const Interrupted&) {
    return kExitInterrupted;
  } catch (const UsageError& e) {
    return report(e.what(), kExitUsage);
  } catch (const ModelError& e) {
    const bool resources = e.status() == DUNLIN_RESOURCE_EXHAUSTED;
    return report(with_flag_names(e.what()), resources ? kExitResources : kExitModel);
  } catch (const Error& e) {
    return report(with_flag_names(e.what()), code_of(e.status()));
  } catch (const std::exception& e) {
    return report(e.what(), kExitRuntime);
  }
}

}  // namespace dunlin::cli
