// dunlin_linear_kernels [isa [type]]: every matrix kernel of an instruction set by itself, from memory, with
// the shares of the read bandwidth and of the int8 peak that it reaches. The ceilings are measured before
// each weight type, since machines are shared. The shape is that of a 1.5B model's projections: K = 1536,
// rows enough for 64 MiB.
#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <random>
#include <string>

#include "backends/cpu/linear_tables.h"
#include "backends/cpu/roofline.h"
#include "core/base/aligned_buffer.h"
#include "platforms/clock.h"
#include "platforms/cpu_features.h"
#include "platforms/memory.h"
#include "platforms/thread_affinity.h"
#include "platforms/topology.h"
#include "platforms/work_split.h"

namespace {

using namespace dunlin;
using namespace dunlin::cpu;

constexpr int64_t kColumns = 1536;
constexpr int64_t kWeightBytes = int64_t(64) << 20;
constexpr int64_t kTokenCounts[] = {1, 8, 96};
constexpr int64_t kMostTokens = 96;
constexpr int kPasses = 7;
constexpr double kCeilingSeconds = 0.1;
constexpr double kOpsPerMac = 2;

// Bytes whose pairs are small positive numbers as f16, whatever field of a block they fall into.
void fill(LargeBlock& block) {
  std::mt19937_64 random(1);
  auto* const words = reinterpret_cast<uint64_t*>(block.data());
  for (size_t i = 0; i < block.size() / 8; ++i) words[i] = random() & 0x3F3F3F3F3F3F3F3Fu;
}

std::vector<float> make_inputs() {
  std::mt19937 random(2);
  std::uniform_real_distribution<float> uniform(-1, 1);
  std::vector<float> x(size_t(kMostTokens * kColumns));
  for (float& value : x) value = uniform(random);
  return x;
}

class KernelBench {
 public:
  static Result<KernelBench> create(ThreadTeam& team, const LinearTable& table) {
    DUNLIN_ASSIGN_OR_RETURN(LargeBlock weights, LargeBlock::allocate(kWeightBytes, HugePages::kAdvise));
    fill(weights);
    return KernelBench(team, table, std::move(weights));
  }

  // The rows that the table picks for kTokenCounts.
  void run(LinearOp op, DType type) {
    const auto read = measure_read_bandwidth(team_, table_.isa, kCeilingSeconds);
    const auto peak = measure_int8_peak(team_, table_.isa, kCeilingSeconds);
    for (const int64_t n_tokens : kTokenCounts)
      run(op, type, n_tokens, read.is_ok() ? read->median_gb_per_s : 0, peak.is_ok() ? peak->median_tops : 0);
  }

 private:
  void run(LinearOp op, DType type, int64_t n_tokens, double read_gb_s, double peak_tops) {
    const LinearKernel* const kernel = select_linear(table_, op, type, n_tokens);
    if (kernel == nullptr || !can_pack(table_.layout, type, kColumns)) return;
    const LinearArgs args = make_args(op, type, n_tokens);
    const double seconds = median_seconds(*kernel, args);
    const int64_t n_matrices = op == LinearOp::kGlu ? 2 : 1;
    const double bytes = double(n_matrices * packed_bytes(table_.layout, type, args.weight.n, kColumns));
    const double ops = kOpsPerMac * double(n_matrices * args.weight.n * kColumns * n_tokens);
    const double gb_s = bytes * 1e-9 / seconds, tops = ops * 1e-12 / seconds;
    std::printf("| %-32s | %3d | %7.1f | %5.1f | %6.3f | %5.1f |\n", kernel->name, int(n_tokens), gb_s,
                100 * gb_s / read_gb_s, tops, 100 * tops / peak_tops);
    std::fflush(stdout);
  }

  KernelBench(ThreadTeam& team, const LinearTable& table, LargeBlock weights)
      : team_(team), table_(table), weights_(std::move(weights)), inputs_(make_inputs()) {}

  LinearArgs make_args(LinearOp op, DType type, int64_t n_tokens) {
    const ActivationLayout layout = activation_layout(type);
    activations_ = AlignedBuffer(size_t(activation_bytes(layout, n_tokens, kColumns)));
    quantize(table_, layout, {inputs_.data(), kColumns, kColumns, activations_.data(), 0, n_tokens});
    const int64_t n_matrices = op == LinearOp::kGlu ? 2 : 1;
    const int64_t panels = kWeightBytes / panel_bytes(table_.layout, type, kColumns) / n_matrices;
    LinearArgs args;
    args.weight = {type, table_.layout, panels * kPanelRows, kColumns, weights_.data()};
    args.up = args.weight;
    args.up.data += packed_bytes(table_.layout, type, args.weight.n, kColumns);
    if (op == LinearOp::kLinear) args.up = {};
    outputs_.resize(size_t(args.weight.n * n_tokens));
    args.activations = activations_.data();
    args.token_end = n_tokens;
    args.panel_end = panels;
    args.epilogue.out = outputs_.data();
    args.epilogue.out_stride = args.weight.n;
    return args;
  }

  double median_seconds(const LinearKernel& kernel, const LinearArgs& args) {
    std::vector<double> seconds;
    for (int pass = 0; pass <= kPasses; ++pass) {  // the first touches the outputs
      const int64_t start = monotonic_ns();
      team_.run([&](int thread, int n_threads) {
        const IndexRange share = static_share(args.panel_end, thread, n_threads, 2);
        LinearArgs part = args;
        part.panel_begin = share.begin;
        part.panel_end = share.end;
        kernel.run(part);
      });
      if (pass > 0) seconds.push_back(double(monotonic_ns() - start) * 1e-9);
    }
    std::sort(seconds.begin(), seconds.end());
    return seconds[seconds.size() / 2];
  }

  ThreadTeam& team_;
  const LinearTable& table_;
  LargeBlock weights_;
  std::vector<float> inputs_;
  std::vector<float> outputs_;
  AlignedBuffer activations_;
};

Status bench(std::string_view isa, std::string_view type_name) {
  const LinearTable* const table = find_linear_table(isa);
  if (table == nullptr || !can_run_isa(detect_cpu_features(), isa))
    return Status::unsupported("no kernels for '", isa, "' here");
  const Topology topology = detect_topology();
  const ThreadPlan plan = recommend_threads(topology);
  ThreadTeamOptions options;
  options.n_threads = plan.n_prefill;
  options.n_available_cpus = n_usable_cpus(topology);
  options.cpus.assign(plan.cpu_order.begin(), plan.cpu_order.begin() + plan.n_prefill);
  DUNLIN_ASSIGN_OR_RETURN(const auto team, ThreadTeam::create(options));
  const ScopedPin pin(options.cpus.front());
  DUNLIN_ASSIGN_OR_RETURN(KernelBench kernels, KernelBench::create(*team, *table));
  std::printf(
      "| kernel | tokens | GB/s | %% of read | TOPS | %% of int8 peak |\n|---|---|---|---|---|---|\n");
  DType last = DType::kI32;
  for (int32_t i = 0; i < table->n_kernels; ++i) {
    const LinearKernel& row = table->kernels[i];
    if (row.weight == last && row.op == table->kernels[i - 1].op) continue;  // a row for each token count
    last = row.weight;
    if (!type_name.empty() && type_name != dtype_name(row.weight)) continue;
    kernels.run(row.op, row.weight);
  }
  return Status::ok();
}

}  // namespace

int main(int argc, char** argv) {
  const std::string isa = argc > 1 ? argv[1] : std::string(runnable_isas(detect_cpu_features()).front());
  const Status status = bench(isa, argc > 2 ? argv[2] : "");
  if (status.is_ok()) return EXIT_SUCCESS;
  std::fprintf(stderr, "%s\nusage: %s [instruction set [weight type]]\n", status.message().c_str(), argv[0]);
  return EXIT_FAILURE;
}
