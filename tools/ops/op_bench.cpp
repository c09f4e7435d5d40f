#include "tools/ops/op_bench.h"

#include <algorithm>
#include <map>

#include "backends/builtin.h"
#include "core/base/check.h"
#include "core/base/median.h"
#include "core/graph/passes/passes.h"
#include "core/graph/verify.h"
#include "tools/ops/case_weights.h"
#include "tools/ops/op_builders.h"
#include "tools/ops/shape_cases.h"

namespace dunlin::ops {
namespace {

// More than caches hold: copies of an op read so much together.
constexpr int64_t kColdBytes = int64_t(128) << 20;
constexpr int32_t kMostCopies = 32;
constexpr int32_t kFillRows = 256;  // of the steps that fill a cache up to a depth
constexpr int32_t kCheckedRows = 4;

int32_t token_of(int32_t sequence, int32_t position) {
  return int32_t((uint64_t(position) * 31 + uint64_t(sequence) * 17 + uint64_t(position) / 64) %
                 uint64_t(kCaseTokens));
}

// What a case runs on: a cache, and sequences with blocks of their own.
struct Places {
  int32_t n_blocks = 0;  // of each sequence
  std::unique_ptr<KvCache> cache;

  std::vector<int32_t> blocks_of(int32_t sequence) const {
    std::vector<int32_t> blocks(static_cast<size_t>(n_blocks));
    for (int32_t b = 0; b < n_blocks; ++b) blocks[size_t(b)] = sequence * n_blocks + b;
    return blocks;
  }
};

Result<Places> make_places(const ShapeCase& c, const CaseStep& step, int32_t n_copies, Device& device) {
  Places places;
  const int32_t block = device.kv_block_tokens();
  places.n_blocks = (step.depth + step.n_rows + block - 1) / block;
  KvSpec kv = c.kv;
  kv.n_layer = n_copies;
  DUNLIN_ASSIGN_OR_RETURN(places.cache, device.create_kv_cache(kv, places.n_blocks * step.n_sequences));
  return places;
}

// Rows of sequences: [position, position + n).
struct Chunk {
  int32_t sequence, position, n;
};

void fill_inputs(StepInputs& inputs, const Places& places, std::span<const Chunk> chunks) {
  inputs.clear();
  for (const Chunk& chunk : chunks) {
    std::vector<int32_t> tokens;
    for (int32_t i = 0; i < chunk.n; ++i) tokens.push_back(token_of(chunk.sequence, chunk.position + i));
    const int32_t row = inputs.n_rows();
    DUNLIN_CHECK(inputs.add_sequence(tokens, chunk.position, places.blocks_of(chunk.sequence)));
    for (int32_t i = 0; i < chunk.n; ++i) DUNLIN_CHECK(inputs.want_logits(row + i));
  }
}

struct Compiled {
  Graph graph;
  CaseWeights weights;
  std::unique_ptr<Plan> plan;
};

// Ops on rows are observed: every node is a phase, so that the op is not one with its input.
Status compile(const Places& places, int32_t n_sequences, Device& device, bool observed, Compiled& out) {
  DUNLIN_RETURN_IF_ERROR(verify_graph(out.graph));
  CompileOptions options;
  if (observed) options.observer = [](int32_t, std::span<const std::span<const float>>) {};
  const PlanBindings bindings{out.weights.bindings, places.cache.get(), places.n_blocks, n_sequences};
  DUNLIN_ASSIGN_OR_RETURN(out.plan, device.compile(out.graph, bindings, options));
  return Status::ok();
}

Graph build_graph(const ShapeCase& c, int32_t n_rows, int32_t n_copies, const Device& device) {
  GraphBuilder builder({n_rows, n_rows});
  const ValueId checked = c.build(builder, 0);
  for (int32_t copy = 1; copy < n_copies; ++copy) (void)c.build(builder, copy);
  Graph graph = builder.finish(checked);
  run_passes(graph, [&](const Graph& g, const Node& n) { return device.supports(g, n, nullptr); });
  return graph;
}

// On a GPU it is attention that appends keys; elsewhere attention over all of the cache would take long.
Graph build_fill_graph(const ShapeCase& c, int32_t n_copies, const Device& device) {
  if (device.info().kind == DeviceKind::kGpu) return build_graph(c, kFillRows, n_copies, device);
  GraphBuilder builder({kFillRows, kFillRows});
  for (int32_t copy = 0; copy < n_copies; ++copy) c.fill(builder, copy);
  return builder.finish(input(builder, kKeyInputWidth, "unused"));
}

// Keys and values of all positions before `end`.
Status fill_cache(const ShapeCase& c, const Places& places, int32_t n_copies, int32_t n_sequences,
                  int32_t end, Device& device) {
  if (c.fill == nullptr || end == 0) return Status::ok();
  Compiled fill{build_fill_graph(c, n_copies, device), {}, nullptr};
  DUNLIN_ASSIGN_OR_RETURN(fill.weights, upload_random_weights(fill.graph, device));
  DUNLIN_RETURN_IF_ERROR(compile(places, 1, device, false, fill));
  StepInputs inputs({kFillRows, kFillRows, 1, places.n_blocks});
  for (int32_t s = 0; s < n_sequences; ++s)
    for (int32_t at = 0; at < end; at += kFillRows) {
      const Chunk chunk{s, at, std::min(kFillRows, end - at)};
      fill_inputs(inputs, places, {&chunk, 1});
      DUNLIN_RETURN_IF_ERROR(fill.plan->run(inputs));
    }
  return Status::ok();
}

// Rows that are compared: the first, the last and some between.
std::vector<int32_t> checked_rows(const CaseStep& step) {
  const int32_t n = step.n_rows * step.n_sequences;
  std::vector<int32_t> rows;
  for (int32_t i = 0; i < kCheckedRows; ++i) rows.push_back(int32_t(int64_t(n - 1) * i / (kCheckedRows - 1)));
  rows.erase(std::unique(rows.begin(), rows.end()), rows.end());
  return rows;
}

int64_t copy_bytes(const ShapeCase& c, const CaseStep& step, Device& device) {
  if (c.fill == nullptr) return c.copy_bytes;
  const int64_t positions = int64_t(step.depth + step.n_rows) * step.n_sequences;
  return positions * int64_t(device.kv_block_bytes(c.kv)) / device.kv_block_tokens();
}

int32_t n_copies_of(const ShapeCase& c, const CaseStep& step, Device& device) {
  // With many rows arithmetic is the limit, and ops on rows find theirs in caches in a model, too.
  const int64_t bytes = copy_bytes(c, step, device);
  if (step.n_rows > 64 || bytes == 0) return 1;
  return int32_t(std::clamp<int64_t>(kColdBytes / bytes, 1, kMostCopies));
}

// The reference's output of the checked rows, one after the other.
Result<std::vector<float>> expected_rows(const ShapeCase& c, const CaseStep& step, Device& reference,
                                         Compiled& compiled) {
  DUNLIN_ASSIGN_OR_RETURN(const Places places, make_places(c, step, 1, reference));
  DUNLIN_RETURN_IF_ERROR(fill_cache(c, places, 1, step.n_sequences, step.depth + step.n_rows, reference));
  DUNLIN_RETURN_IF_ERROR(compile(places, kCheckedRows, reference, false, compiled));
  std::vector<Chunk> chunks;
  for (const int32_t row : checked_rows(step))
    chunks.push_back({row / step.n_rows, step.depth + row % step.n_rows, 1});
  StepInputs inputs({kCheckedRows, kCheckedRows, kCheckedRows, places.n_blocks});
  fill_inputs(inputs, places, chunks);
  DUNLIN_RETURN_IF_ERROR(compiled.plan->run(inputs));
  const auto width = size_t(compiled.graph.value(compiled.graph.logits).shape.row_elements());
  const auto rows = compiled.plan->logits().first(chunks.size() * width);
  return std::vector<float>(rows.begin(), rows.end());
}

// Time, work and kernels of one copy of the op.
void add_phases(const StepTimes& times, int32_t n_copies, OpResult& result) {
  std::vector<double> us(static_cast<size_t>(n_copies), 0);
  for (const PhaseTime& phase : times.phases) {
    for (int32_t copy = 0; copy < n_copies; ++copy) {
      if (phase.name.find(copy_prefix(copy)) == std::string::npos) continue;
      us[size_t(copy)] += phase.us;
      if (copy > 0) continue;
      result.bytes += phase.bytes;
      result.macs += phase.macs;
      if (result.kernel.find(phase.kernel) == std::string::npos)
        result.kernel += (result.kernel.empty() ? "" : " ") + phase.kernel;
    }
  }
  result.us = median(std::move(us));
}

class OpBench {
 public:
  OpBench(Device& device, Device& reference, int32_t n_repeats)
      : device_(device), reference_(reference), n_repeats_(n_repeats) {}

  // All steps of a case, their ceilings still open.
  Result<std::vector<OpResult>> run(const ShapeCase& c) {
    std::vector<OpResult> results;
    // Weights stay while steps need the same copies of them.
    Compiled device, reference;
    int32_t uploaded = 0;
    reference.graph = build_graph(c, kCheckedRows, 1, device_);
    DUNLIN_ASSIGN_OR_RETURN(reference.weights, upload_random_weights(reference.graph, reference_));
    for (const CaseStep& step : c.steps) {
      const int32_t n_copies = n_copies_of(c, step, device_);
      device.plan.reset();
      device.graph = build_graph(c, step.n_rows * step.n_sequences, n_copies, device_);
      if (n_copies != uploaded) {
        device.weights = {};
        DUNLIN_ASSIGN_OR_RETURN(device.weights, upload_random_weights(device.graph, device_));
        uploaded = n_copies;
      }
      DUNLIN_ASSIGN_OR_RETURN(const auto expected, expected_rows(c, step, reference_, reference));
      DUNLIN_ASSIGN_OR_RETURN(OpResult result, run_step(c, step, n_copies, expected, device));
      results.push_back(std::move(result));
    }
    return results;
  }

 private:
  Result<OpResult> run_step(const ShapeCase& c, const CaseStep& step, int32_t n_copies,
                            const std::vector<float>& expected, Compiled& compiled) {
    OpResult result;
    result.name = c.name;
    result.device = device_.info().id;
    result.n_rows = step.n_rows;
    result.n_sequences = step.n_sequences;
    result.depth = step.depth;
    result.n_copies = n_copies;
    result.allowed_nmse = device_.info().kind == DeviceKind::kGpu ? std::max(c.nmse, kGpuF16Nmse) : c.nmse;
    DUNLIN_ASSIGN_OR_RETURN(const Places places, make_places(c, step, n_copies, device_));
    DUNLIN_RETURN_IF_ERROR(fill_cache(c, places, n_copies, step.n_sequences, step.depth, device_));
    DUNLIN_RETURN_IF_ERROR(compile(places, step.n_sequences, device_, c.row_bytes > 0, compiled));
    const int32_t n_rows = step.n_rows * step.n_sequences;
    StepInputs inputs({n_rows, n_rows, step.n_sequences, places.n_blocks});
    std::vector<Chunk> chunks;
    for (int32_t s = 0; s < step.n_sequences; ++s) chunks.push_back({s, step.depth, step.n_rows});
    fill_inputs(inputs, places, chunks);
    DUNLIN_RETURN_IF_ERROR(compiled.plan->run(inputs));
    const auto width = size_t(compiled.graph.value(compiled.graph.logits).shape.row_elements());
    const std::vector<float> checked = rows_of(*compiled.plan, checked_rows(step), width);
    result.nmse = nmse(checked, expected);
    DUNLIN_ASSIGN_OR_RETURN(const StepTimes times, compiled.plan->measure(inputs, n_repeats_));
    result.same_when_measured = rows_of(*compiled.plan, checked_rows(step), width) == checked;
    add_phases(times, n_copies, result);
    if (c.row_bytes > 0) result.bytes = c.row_bytes * n_rows;
    compiled.plan.reset();  // before its cache
    return result;
  }

  static std::vector<float> rows_of(Plan& plan, const std::vector<int32_t>& rows, size_t width) {
    std::vector<float> values;
    for (const int32_t row : rows) {
      const auto from = plan.logits().subspan(size_t(row) * width, width);
      values.insert(values.end(), from.begin(), from.end());
    }
    return values;
  }

  Device& device_;
  Device& reference_;
  int32_t n_repeats_;
};

bool is_wanted(const ShapeCase& c, const std::vector<std::string>& words) {
  return std::ranges::all_of(words,
                             [&](const std::string& word) { return c.name.find(word) != std::string::npos; });
}

bool can_run(const ShapeCase& c, Device& device) {
  GraphBuilder builder({1, 1});
  const Graph graph = builder.finish(c.build(builder, 0));
  return std::ranges::all_of(graph.nodes,
                             [&](const Node& node) { return device.supports(graph, node, nullptr); });
}

}  // namespace

Status bench_ops(const OpBenchOptions& options, const std::function<bool(const OpResult&)>& on_result) {
  const Registry registry = make_builtin_registry();
  DUNLIN_ASSIGN_OR_RETURN(const DeviceInfo info, registry.find(options.device));
  DUNLIN_ASSIGN_OR_RETURN(const auto device,
                          registry.open(info, {options.n_threads, options.n_threads_prefill, Log(), {}}));
  DUNLIN_ASSIGN_OR_RETURN(const DeviceInfo reference_info, registry.find("reference"));
  DUNLIN_ASSIGN_OR_RETURN(const auto reference, registry.open(reference_info, {}));
  OpBench bench(*device, *reference, options.n_repeats);
  int32_t n_cases = 0;
  Device::Roofline before;
  for (const ShapeCase& c : shape_cases()) {
    if (!is_wanted(c, options.words) || !can_run(c, *device)) continue;
    if (n_cases++ == 0) before = device->measure_roofline();
    DUNLIN_ASSIGN_OR_RETURN(std::vector<OpResult> results, bench.run(c));
    const Device::Roofline after = device->measure_roofline();
    for (OpResult& r : results) {
      r.read_gb_s = std::max(before.read_gb_s, after.read_gb_s);
      r.int8_tops = std::max(before.int8_tops, after.int8_tops);
      if (!on_result(r)) return Status::cancelled("interrupted");
    }
    before = after;
  }
  if (n_cases == 0) return Status::not_found("no case of this device has all of the given words in its name");
  return Status::ok();
}

}  // namespace dunlin::ops
