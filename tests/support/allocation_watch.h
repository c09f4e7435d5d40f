// What the process takes from the heap and from the system: every operator new, std::aligned_alloc
// (AlignedBuffer) and anonymous mmap (LargeBlock). allocation_watch.cpp replaces these functions for the
// whole test executable that has it.
#pragma once

#include <cstddef>
#include <cstdint>

namespace dunlin::test {

// Since the start.
int64_t n_allocations();

// The largest single one since the last reset: a parser that trusts a count from a file shows here.
void reset_largest_allocation();
size_t largest_allocation();

}  // namespace dunlin::test
