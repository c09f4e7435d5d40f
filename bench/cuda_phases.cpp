// dunlin_cuda_phases MODEL [DEPTH [SEQUENCES]]: where a decoding step's time goes on the first CUDA device.
// Every launch of the step is timed in a graph of copies of itself, as launches follow one another in a step;
// small weights come from L2 then, so sums are a little lower than the step, which is printed beside them. So
// are steps that sample, with filters as the server has them by default and in the ways that take longest.
#include <algorithm>
#include <charconv>
#include <cmath>
#include <cstdio>
#include <cstring>
#include <map>

#include "backends/builtin.h"
#include "backends/cuda/plan.h"
#include "core/exec/weight_store.h"
#include "core/graph/passes/passes.h"
#include "core/model/arch/arch.h"
#include "core/model/model_files.h"
#include "platforms/clock.h"

using namespace dunlin;

namespace {

constexpr int32_t kRepeats = 20;  // of a launch in its graph
constexpr int32_t kSteps = 200;

struct Step {
  int32_t depth = 16;
  int32_t n_sequences = 1;
};

// A decoding step: one row for every sequence, all at the same depth.
StepInputs fill_step(const Step& step, int32_t block_tokens, const TokenChoice& choice) {
  const int32_t n_blocks = step.depth / block_tokens + 1;
  StepInputs inputs({step.n_sequences, step.n_sequences, step.n_sequences, n_blocks});
  for (int32_t s = 0; s < step.n_sequences; ++s) {
    std::vector<int32_t> blocks;
    for (int32_t b = 0; b < n_blocks; ++b) blocks.push_back(s * n_blocks + b);
    const int32_t token = 7 + s;
    inputs.add_sequence({&token, 1}, step.depth, blocks);
    inputs.want_token(s, choice);
  }
  return inputs;
}

// "blk.3.ffn_down" -> "ffn_down", so that layers add up; groups are named by their first member.
std::string role_of(const std::string& name) {
  std::string role = name;
  if (role.rfind("blk.", 0) == 0) role = role.substr(role.find('.', 4) + 1);
  const size_t plus = role.find('+');
  if (plus == std::string::npos) return role;
  return role.substr(0, plus) + "+..." + (name.ends_with(".quantize") ? ".quantize" : "");
}

void print_phases(const std::vector<PhaseReport>& phases, const std::vector<double>& microseconds) {
  struct Sum {
    int n = 0;
    double us = 0, bytes = 0;
  };
  std::map<std::string, Sum> roles;
  double total = 0;
  for (size_t i = 0; i < phases.size(); ++i) {
    Sum& sum = roles[role_of(phases[i].name) + "  [" + phases[i].kernel + "]"];
    ++sum.n;
    sum.us += microseconds[i];
    sum.bytes += double(phases[i].weight_bytes);
    total += microseconds[i];
  }
  std::printf("| launch | count | us each | us | GB/s |\n| --- | --- | --- | --- | --- |\n");
  for (const auto& [role, sum] : roles)
    std::printf("| %s | %d | %.2f | %.1f | %.0f |\n", role.c_str(), sum.n, sum.us / sum.n, sum.us,
                sum.bytes / sum.us / 1e3);
  std::printf("%zu launches, %.1f us in all\n", phases.size(), total);
}

struct NamedChoice {
  const char* name;
  TokenChoice choice;
};

std::vector<NamedChoice> sampled_choices() {
  std::vector<NamedChoice> all{{"temperature 0.8, top-k 40, top-p 0.95, min-p 0.05", {}},
                               {"temperature 1", {}},
                               {"temperature 1, top-p 0.95", {}},
                               {"temperature 1, top-k 1000, top-p 0.95", {}}};
  for (NamedChoice& c : all) c.choice.top_k = 0, c.choice.top_p = 0.95f, c.choice.uniform = 0.5;
  all[0].choice.temperature = 0.8f, all[0].choice.top_k = 40, all[0].choice.log_min_p = std::log(0.05f);
  all[1].choice.top_p = 1.0f;
  all[3].choice.top_k = 1000;
  return all;
}

Result<double> measure_step(Plan& plan, const StepInputs& inputs) {
  for (int32_t i = 0; i < kSteps; ++i) DUNLIN_RETURN_IF_ERROR(plan.run(inputs));  // warm
  const int64_t begin = monotonic_ns();
  for (int32_t i = 0; i < kSteps; ++i) DUNLIN_RETURN_IF_ERROR(plan.run(inputs));
  return double(monotonic_ns() - begin) / 1e3 / kSteps;
}

Status measure(const char* path, const Step& step) {
  DUNLIN_ASSIGN_OR_RETURN(const ModelFiles files, open_model_files(path, Log()));
  const Registry registry = make_builtin_registry();
  DUNLIN_ASSIGN_OR_RETURN(const DeviceInfo info, registry.find("cuda:0"));
  DUNLIN_ASSIGN_OR_RETURN(const auto device, registry.open(info, {}));
  Graph graph = build_model_graph(files.config, files.weights, {step.n_sequences, step.n_sequences});
  DUNLIN_ASSIGN_OR_RETURN(const WeightStore weights, WeightStore::create(graph, files.weights, *device, {}));
  run_passes(graph, [&](const Graph& g, const Node& n) { return device->supports(g, n, nullptr); });
  const ModelConfig& c = files.config;
  const StepInputs inputs = fill_step(step, device->kv_block_tokens(), {});
  const int32_t n_blocks = inputs.capacity().n_blocks_per_sequence;
  DUNLIN_ASSIGN_OR_RETURN(
      const auto cache,
      device->create_kv_cache({KvType::kF16, int32_t(c.n_layer), int32_t(c.n_head_kv), int32_t(c.head_dim)},
                              n_blocks * step.n_sequences));
  DUNLIN_ASSIGN_OR_RETURN(
      const auto plan,
      device->compile(graph, {weights.bindings(), cache.get(), n_blocks, step.n_sequences}, {}));
  for (const NamedChoice& named : sampled_choices()) {
    DUNLIN_ASSIGN_OR_RETURN(const double us,
                            measure_step(*plan, fill_step(step, device->kv_block_tokens(), named.choice)));
    std::printf("sampled step, %s: %.1f us\n", named.name, us);
  }
  DUNLIN_ASSIGN_OR_RETURN(const double step_us, measure_step(*plan, inputs));
  std::printf("step at depth %d, %d sequences: %.1f us, %.0f tokens/s\n", step.depth, step.n_sequences,
              step_us, 1e6 / step_us * step.n_sequences);
  auto* cuda_plan = dynamic_cast<cuda::CudaPlan*>(plan.get());
  if (cuda_plan == nullptr) return Status::internal("the device's plan is no CUDA plan");
  DUNLIN_ASSIGN_OR_RETURN(const auto times, cuda_plan->time_launches(kRepeats));
  print_phases(plan->report(), times);
  return Status::ok();
}

bool parse(const char* text, int32_t& out) {
  const char* end = text + std::strlen(text);
  return std::from_chars(text, end, out).ptr == end && out >= 0;
}

}  // namespace

int main(int argc, char** argv) {
  Step step;
  const bool ok = argc >= 2 && argc <= 4 && (argc < 3 || parse(argv[2], step.depth)) &&
                  (argc < 4 || parse(argv[3], step.n_sequences)) && step.n_sequences >= 1;
  if (!ok) {
    std::fprintf(stderr, "usage: dunlin_cuda_phases MODEL [DEPTH [SEQUENCES]]\n");
    return 2;
  }
  const Status status = measure(argv[1], step);
  if (!status.is_ok()) std::fprintf(stderr, "%s\n", status.message().c_str());
  return status.is_ok() ? 0 : 1;
}
