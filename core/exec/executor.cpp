#include "core/exec/executor.h"

#include <algorithm>

#include "core/exec/pack_cache_place.h"
#include "core/graph/passes/passes.h"
#include "core/graph/verify.h"
#include "core/model/arch/arch.h"

namespace dunlin {
namespace {

// Placement wants a figure before anything is compiled: the workspace of a step, generously.
constexpr uint64_t kWorkspaceFloatsPerRow = 16;

GraphCapacity bucket_capacity(int32_t n_rows, const ExecutorOptions& options) {
  return {n_rows, std::min(n_rows, options.n_logit_rows)};
}

KvSpec kv_spec(const ModelConfig& config, KvType type) {
  return {type, int32_t(config.n_layer), int32_t(config.n_head_kv), int32_t(config.head_dim)};
}

int32_t blocks_per_sequence(int32_t n_ctx, int32_t block_tokens) {
  return (n_ctx + block_tokens - 1) / block_tokens;
}

// Before a device is open, its layouts are unknown: file sizes and f16 keys and values stand in.
MemoryNeed estimate_need(const ModelFiles& files, const ExecutorOptions& options) {
  const ModelConfig& c = files.config;
  MemoryNeed need;
  need.weight_bytes = files.weights.total_bytes();
  const uint64_t kv_bytes_per_value = options.kv_type == KvType::kF16 ? 2 : 1;
  need.kv_bytes = uint64_t(options.n_ctx) * uint64_t(options.n_sequences) * uint64_t(c.n_layer) *
                  uint64_t(c.n_embd_kv()) * 2 * kv_bytes_per_value;
  const auto widest = uint64_t(std::max(c.n_embd, *std::max_element(c.n_ff.begin(), c.n_ff.end())));
  need.workspace_bytes = uint64_t(options.n_rows) * widest * kWorkspaceFloatsPerRow +
                         uint64_t(options.n_logit_rows) * uint64_t(c.n_vocab) * sizeof(float);
  return need;
}

}  // namespace

Result<std::unique_ptr<Executor>> Executor::create(const ModelFiles& files, const Registry& registry,
                                                   const ExecutorOptions& options, const Log& log,
                                                   const LoadProgress& progress) {
  DUNLIN_ASSIGN_OR_RETURN(const Placement placement,
                          place(registry, options.device, estimate_need(files, options)));
  log.info("device: ", placement.reason);
  DeviceOptions device_options{options.n_threads, options.n_threads_prefill, log, {}};
  if (options.pack_cache)
    device_options.pack_cache = pack_cache_options(files, options.pack_cache_folder, log);
  DUNLIN_ASSIGN_OR_RETURN(auto device, registry.open(placement.device, device_options));
  const int32_t block_tokens = device->kv_block_tokens();
  const int32_t n_blocks = blocks_per_sequence(options.n_ctx, block_tokens);
  // One block more than the contexts need: a shared block is copied while its original is still in use.
  std::unique_ptr<Executor> executor(
      new Executor({options.n_rows, options.n_logit_rows, options.n_sequences, n_blocks}));
  executor->device_ = std::move(device);
  executor->placement_ = placement.reason;
  executor->block_tokens_ = block_tokens;
  executor->n_vocab_ = files.config.n_vocab;

  const Graph graph = build_model_graph(files.config, files.weights, {1, 1});
  DUNLIN_ASSIGN_OR_RETURN(executor->weights_,
                          WeightStore::create(graph, files.weights, *executor->device_, progress));
  DUNLIN_ASSIGN_OR_RETURN(executor->kv_cache_,
                          executor->device_->create_kv_cache(kv_spec(files.config, options.kv_type),
                                                             n_blocks * options.n_sequences + 1));
  DUNLIN_RETURN_IF_ERROR(executor->compile_buckets(files, options));
  return executor;
}

Status Executor::compile_buckets(const ModelFiles& files, const ExecutorOptions& options) {
  const PlanBindings bindings{weights_.bindings(), kv_cache_.get(), inputs_.capacity().n_blocks_per_sequence,
                              inputs_.capacity().n_sequences};
  // Each bucket has its own workspace, so that decode touches little memory.
  std::vector<int32_t> sizes;
  for (const int32_t n : device_->bucket_rows())
    if (n < options.n_rows && !options.observer) sizes.push_back(n);
  sizes.push_back(options.n_rows);
  for (const int32_t n_rows : sizes) {
    Bucket bucket;
    bucket.graph = build_model_graph(files.config, files.weights, bucket_capacity(n_rows, options));
    if (options.fuse)
      run_passes(bucket.graph,
                 [&](const Graph& g, const Node& n) { return device_->supports(g, n, nullptr); });
    DUNLIN_RETURN_IF_ERROR(verify_graph(bucket.graph));
    DUNLIN_ASSIGN_OR_RETURN(bucket.plan, device_->compile(bucket.graph, bindings,
                                                          {options.n_choosable_tokens, options.observer}));
    buckets_.push_back(std::move(bucket));
  }
  return Status::ok();
}

const Executor::Bucket& Executor::bucket_for(int32_t n_rows) const {
  for (const Bucket& bucket : buckets_)
    if (n_rows <= bucket.graph.capacity.n_rows) return bucket;
  check_failed(__FILE__, __LINE__, "a bucket holds the step", "");
}

Status Executor::start() {
  DUNLIN_CHECK(inputs_.n_rows() > 0);
  running_ = bucket_for(inputs_.n_rows()).plan.get();
  return running_->start(inputs_);
}

Status Executor::wait() {
  DUNLIN_RETURN_IF_ERROR(running_->wait());
  take_results();
  return Status::ok();
}

Result<StepTimes> Executor::measure(int32_t repeats) {
  DUNLIN_CHECK(inputs_.n_rows() > 0 && repeats > 0);
  running_ = bucket_for(inputs_.n_rows()).plan.get();
  DUNLIN_ASSIGN_OR_RETURN(StepTimes times, running_->measure(inputs_, repeats));
  take_results();
  return times;
}

void Executor::take_results() {
  logits_ = running_->logits().subspan(0, size_t(inputs_.n_logit_rows()) * size_t(n_vocab_));
  tokens_ = running_->tokens();
}

Status Executor::run() {
  DUNLIN_RETURN_IF_ERROR(start());
  return wait();
}

uint64_t Executor::workspace_bytes() const {
  uint64_t bytes = 0;
  for (const Bucket& bucket : buckets_) bytes += bucket.plan->workspace_bytes();
  return bytes;
}

}  // namespace dunlin
