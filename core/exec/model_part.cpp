#include "core/exec/model_part.h"

#include <algorithm>

#include "core/graph/passes/passes.h"
#include "core/graph/verify.h"

namespace dunlin {
namespace {

StepCapacity in_smaller_blocks(StepCapacity step, int32_t factor) {
  step.n_blocks_per_sequence *= factor;
  return step;
}

}  // namespace

Result<std::unique_ptr<ModelPart>> ModelPart::create(std::shared_ptr<Device> device, const PartGraph& graph,
                                                     const WeightTable& table, const PartOptions& options,
                                                     const LoadProgress& progress) {
  const int32_t own_tokens = device->kv_block_tokens();
  if (options.block_tokens % own_tokens != 0)
    return Status::unsupported("blocks of ", own_tokens, " positions on ", device->info().id,
                               " do not divide those of ", options.block_tokens, " on another device");
  const int32_t factor = options.block_tokens / own_tokens;
  // Where the step serves as it is, no second one takes memory.
  const StepCapacity own_step = factor == 1 ? StepCapacity{} : in_smaller_blocks(options.step, factor);
  std::unique_ptr<ModelPart> part(new ModelPart(std::move(device), own_step, factor));
  DUNLIN_ASSIGN_OR_RETURN(const Graph any, graph({1, 1}));
  DUNLIN_ASSIGN_OR_RETURN(part->weights_, WeightStore::create(any, table, *part->device_, progress));
  if (options.kv.n_layer > 0) {
    // One block more than the contexts need: a shared block is copied while its original is still in use.
    const int32_t n_blocks = options.step.n_blocks_per_sequence * options.step.n_sequences + 1;
    DUNLIN_ASSIGN_OR_RETURN(part->kv_cache_, part->device_->create_kv_cache(options.kv, n_blocks * factor));
  }
  DUNLIN_RETURN_IF_ERROR(part->compile_buckets(graph, options));
  return part;
}

Status ModelPart::compile_buckets(const PartGraph& graph, const PartOptions& options) {
  const StepCapacity& step = options.step;
  const PlanBindings bindings{weights_.bindings(), kv_cache_.get(),
                              step.n_blocks_per_sequence * blocks_per_block_, step.n_sequences};
  // Each bucket has its own workspace, so that decode touches little memory.
  std::vector<int32_t> sizes;
  for (const int32_t n : device_->bucket_rows())
    if (n < step.n_rows && !options.observer) sizes.push_back(n);
  sizes.push_back(step.n_rows);
  for (const int32_t n_rows : sizes) {
    Bucket bucket;
    DUNLIN_ASSIGN_OR_RETURN(bucket.graph, graph({n_rows, std::min(n_rows, step.n_logit_rows)}));
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

const ModelPart::Bucket& ModelPart::bucket_for(int32_t n_rows) const {
  for (const Bucket& bucket : buckets_)
    if (n_rows <= bucket.graph.capacity.n_rows) return bucket;
  check_failed(__FILE__, __LINE__, "a bucket holds the step", "");
}

Status ModelPart::start(const StepInputs& step) {
  running_ = bucket_for(step.n_rows()).plan.get();
  if (blocks_per_block_ == 1) return running_->start(step);
  own_step_.copy_for_smaller_blocks(step, blocks_per_block_);
  return running_->start(own_step_);
}

Result<StepTimes> ModelPart::measure(const StepInputs& step, int32_t repeats) {
  DUNLIN_CHECK(blocks_per_block_ == 1);
  running_ = bucket_for(step.n_rows()).plan.get();
  return running_->measure(step, repeats);
}

void ModelPart::copy_block(int32_t from, int32_t to) {
  if (kv_cache_ == nullptr) return;
  for (int32_t i = 0; i < blocks_per_block_; ++i)
    kv_cache_->copy_block(from * blocks_per_block_ + i, to * blocks_per_block_ + i);
}

uint64_t ModelPart::workspace_bytes() const {
  uint64_t bytes = 0;
  for (const Bucket& bucket : buckets_) bytes += bucket.plan->workspace_bytes();
  return bytes;
}

}  // namespace dunlin
