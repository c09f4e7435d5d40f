// The largest single allocation of the process: a parser that trusts a count from a file shows here. The
// counting operator new is in allocation_watch.cpp, so it holds for the whole test executable.
#pragma once

#include <cstddef>

namespace dunlin::test {

void reset_largest_allocation();
size_t largest_allocation();

}  // namespace dunlin::test
