// The matrix kernel tables of this build, and the choice of a row.
#pragma once

#include <span>
#include <string_view>

#include "backends/cpu/kernels/linear.h"

namespace dunlin::cpu {

// All tables compiled in, best first, "generic" last. Whether the machine can run one:
// platforms/cpu_features.h.
std::span<const LinearTable* const> linear_tables();

// Null if this build has no table for the ISA.
const LinearTable* find_linear_table(std::string_view isa);

// The cheapest row for m tokens, or null if the table has none.
const LinearKernel* select_linear(const LinearTable& table, LinearOp op, DType weight, int64_t m);
// Null only for a layout that the table's kernels do not read.
const QuantizeKernel* select_quantize(const LinearTable& table, ActivationLayout layout);

// Select for args.token_end - args.token_begin tokens and run, for callers without a plan. The table must
// have a row: every table has one for every type that can_pack.
void linear(const LinearTable& table, const LinearArgs& args);
void linear_glu(const LinearTable& table, const LinearArgs& args);
void quantize(const LinearTable& table, ActivationLayout layout, const QuantizeArgs& args);

}  // namespace dunlin::cpu
