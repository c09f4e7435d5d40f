#include "backends/cpu/linear_tables.h"

#include "core/base/check.h"

namespace dunlin::cpu {

// Each is defined by the translation unit of its instruction set, if that is built: isa/<isa>_linear.cpp.
extern const LinearTable kGenericLinear;
extern const LinearTable kAvx2Linear;
extern const LinearTable kAvxVnniLinear;
extern const LinearTable kAvx512VnniLinear;
extern const LinearTable kNeonDotprodLinear;
extern const LinearTable kNeonI8mmLinear;

namespace {

constexpr const LinearTable* kTables[] = {
#if DUNLIN_CPU_AVX512VNNI
    &kAvx512VnniLinear,
#endif
#if DUNLIN_CPU_AVXVNNI
    &kAvxVnniLinear,
#endif
#if DUNLIN_CPU_AVX2
    &kAvx2Linear,
#endif
#if DUNLIN_CPU_NEON_I8MM
    &kNeonI8mmLinear,
#endif
#if DUNLIN_CPU_NEON_DOTPROD
    &kNeonDotprodLinear,
#endif
    &kGenericLinear};

void run(const LinearTable& table, LinearOp op, const LinearArgs& args) {
  const int64_t m = args.token_end - args.token_begin;
  if (m <= 0 || args.panel_end <= args.panel_begin) return;
  const LinearKernel* kernel = select_linear(table, op, args.weight.type, m);
  DUNLIN_CHECK_MSG(kernel != nullptr, "no kernel for this weight type");
  kernel->run(args);
}

}  // namespace

std::span<const LinearTable* const> linear_tables() {
  return kTables;
}

const LinearTable* find_linear_table(std::string_view isa) {
  for (const LinearTable* table : kTables)
    if (isa == table->isa) return table;
  return nullptr;
}

const LinearKernel* select_linear(const LinearTable& table, LinearOp op, DType weight, int64_t m) {
  const LinearKernel* best = nullptr;
  for (const LinearKernel& row : std::span(table.kernels, size_t(table.n_kernels))) {
    if (row.op != op || row.weight != weight || m < row.m_min || m > row.m_max) continue;
    if (best == nullptr || row.cost < best->cost) best = &row;
  }
  return best;
}

const QuantizeKernel* select_quantize(const LinearTable& table, ActivationLayout layout) {
  for (const QuantizeKernel& row : std::span(table.quantize, size_t(table.n_quantize)))
    if (row.layout == layout) return &row;
  return nullptr;
}

void linear(const LinearTable& table, const LinearArgs& args) {
  run(table, LinearOp::kLinear, args);
}

void linear_glu(const LinearTable& table, const LinearArgs& args) {
  run(table, LinearOp::kGlu, args);
}

void quantize(const LinearTable& table, ActivationLayout layout, const QuantizeArgs& args) {
  const QuantizeKernel* kernel = select_quantize(table, layout);
  DUNLIN_CHECK_MSG(kernel != nullptr, "no quantize kernel for this activation layout");
  kernel->run(args);
}

}  // namespace dunlin::cpu
