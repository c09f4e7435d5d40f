// Ctrl-C: the first one ends the work at the next token, the second one ends the process.
#pragma once

namespace dunlin::cli {

void install_interrupt_handler();
bool was_interrupted();
// For chats on a terminal: the interrupt ended an answer, not the program.
void clear_interrupt();

}  // namespace dunlin::cli
