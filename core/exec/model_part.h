// ModelPart: consecutive layers of a model on one device. Owns their weights, their keys and values, and one
// plan per capacity bucket, all made before the first step. Used by one thread.
#pragma once

#include <functional>
#include <memory>
#include <vector>

#include "core/exec/weight_store.h"

namespace dunlin {

// The part's graph for a capacity, before any pass.
using PartGraph = std::function<Result<Graph>(GraphCapacity)>;

struct PartOptions {
  StepCapacity step;               // in blocks of block_tokens
  int32_t block_tokens = 0;        // of the step's block tables: a multiple of the device's own
  int32_t n_choosable_tokens = 0;  // ids that the device may choose; 0: all
  KvSpec kv;                       // n_layer: of this part
  bool fuse = true;
  NodeObserver observer;  // one bucket, every node reported
};

class ModelPart {
 public:
  // Parts may share a device. Nothing of table is used after the call.
  static Result<std::unique_ptr<ModelPart>> create(std::shared_ptr<Device> device, const PartGraph& graph,
                                                   const WeightTable& table, const PartOptions& options,
                                                   const LoadProgress& progress);

  // Where the part before this one leaves its rows for the step, before start(); empty in the first part.
  std::span<float> hidden(const StepInputs& step) { return bucket_for(step.n_rows()).plan->hidden(); }
  Status start(const StepInputs& step);
  Status wait() { return running_->wait(); }
  // Plan::measure() of the step, where its blocks are the device's own.
  Result<StepTimes> measure(const StepInputs& step, int32_t repeats);
  // Of the last step waited for: logits, or the rows that the next part goes on with; the device's choice.
  std::span<float> result() const { return running_->logits(); }
  std::span<const int32_t> tokens() const { return running_->tokens(); }

  // Block ids are the step's, not the device's.
  void copy_block(int32_t from, int32_t to);

  Device& device() const { return *device_; }
  const WeightStore& weights() const { return weights_; }
  uint64_t kv_bytes() const { return kv_cache_ == nullptr ? 0 : kv_cache_->bytes(); }
  uint64_t workspace_bytes() const;
  // Graph and phases of the bucket that holds n_rows rows.
  const Graph& graph_for(int32_t n_rows) const { return bucket_for(n_rows).graph; }
  std::vector<PhaseReport> report_for(int32_t n_rows) const { return bucket_for(n_rows).plan->report(); }

 private:
  struct Bucket {
    Graph graph;
    std::unique_ptr<Plan> plan;
  };

  ModelPart(std::shared_ptr<Device> device, StepCapacity own_step, int32_t blocks_per_block)
      : device_(std::move(device)), blocks_per_block_(blocks_per_block), own_step_(own_step) {}
  Status compile_buckets(const PartGraph& graph, const PartOptions& options);
  const Bucket& bucket_for(int32_t n_rows) const;

  // In this order: plans, cache and weights go before their device.
  std::shared_ptr<Device> device_;
  WeightStore weights_;
  std::unique_ptr<KvCache> kv_cache_;  // null: no layers
  std::vector<Bucket> buckets_;        // smallest capacity first
  Plan* running_ = nullptr;            // of the last start()
  int32_t blocks_per_block_ = 1;       // of the device's own, for one of the step's
  StepInputs own_step_;                // the step in the device's blocks, where they are smaller
};

}  // namespace dunlin
