#include "interrupt.h"

#include <csignal>

namespace dunlin::cli {
namespace {

volatile std::sig_atomic_t interrupted = 0;

void on_interrupt(int signal) {
  if (interrupted == 0) {
    interrupted = 1;
    return;
  }
  std::signal(signal, SIG_DFL);
  std::raise(signal);  // delivered as the handler returns; whoever waits for the process sees a SIGINT
}

}  // namespace

void install_interrupt_handler() {
  std::signal(SIGINT, on_interrupt);
}
bool was_interrupted() {
  return interrupted != 0;
}
void clear_interrupt() {
  interrupted = 0;
}

}  // namespace dunlin::cli
