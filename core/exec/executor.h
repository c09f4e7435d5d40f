// Executor: runs steps of one model on one device. Owns the device, the weights, the KV cache and one plan
// per capacity bucket, all made before the first step: a step allocates nothing and compiles nothing, however
// long the context. Used by one thread.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "core/base/log.h"
#include "core/exec/placement.h"
#include "core/exec/weight_store.h"
#include "core/model/model_files.h"

namespace dunlin {

struct ExecutorOptions {
  std::string device = "auto";
  int32_t n_threads = 0;           // 0: the device decides
  int32_t n_threads_prefill = 0;   // 0: as n_threads
  int32_t n_ctx = 0;               // positions of one sequence, at least 1
  int32_t n_sequences = 1;         // that may live at the same time
  int32_t n_rows = 512;            // of the largest step
  int32_t n_logit_rows = 1;        // of the largest step
  int32_t n_choosable_tokens = 0;  // ids that the device may choose; 0: all
  KvType kv_type = KvType::kF16;
  bool pack_cache = false;        // keep packed weights in a file for the next start
  std::string pack_cache_folder;  // where the model's folder cannot be written; empty: nowhere
  bool fuse = true;               // off: every op of the model is a node of its own
  NodeObserver observer;          // verification only: one bucket, every node reported
};

class Executor {
 public:
  // files must outlive the call only: nothing of them is used afterwards.
  static Result<std::unique_ptr<Executor>> create(const ModelFiles& files, const Registry& registry,
                                                  const ExecutorOptions& options, const Log& log,
                                                  const LoadProgress& progress);

  // The step that start() takes: clear it, fill it, start it. Where the device runs ahead, a second may be
  // filled and started before the first is waited for, if it has as many rows.
  StepInputs& inputs() { return inputs_; }
  Status start();
  Status wait();
  Status run();
  // Runs the step many times and takes the time of its phases; logits() and tokens() as after run().
  Result<StepTimes> measure(int32_t repeats);
  // [inputs().n_logit_rows(), n_vocab()] of the last step waited for; may be overwritten until the next.
  std::span<float> logits() const { return logits_; }
  // The device's choice by logit row of the last step waited for; empty where it makes none.
  std::span<const int32_t> tokens() const { return tokens_; }

  void copy_block(int32_t from, int32_t to) { kv_cache_->copy_block(from, to); }
  int32_t block_tokens() const { return block_tokens_; }
  int32_t n_blocks() const { return kv_cache_->n_blocks(); }
  int64_t n_vocab() const { return n_vocab_; }

  const std::string& placement_reason() const { return placement_; }
  Device& device() { return *device_; }
  const DeviceInfo& device_info() const { return device_->info(); }
  uint64_t weight_bytes() const { return weights_.bytes(); }
  uint64_t kv_bytes() const { return kv_cache_->bytes(); }
  uint64_t workspace_bytes() const;
  // Graph and phases of the bucket that holds n_rows rows.
  const Graph& graph_for(int32_t n_rows) const { return bucket_for(n_rows).graph; }
  std::vector<PhaseReport> report_for(int32_t n_rows) const { return bucket_for(n_rows).plan->report(); }

 private:
  struct Bucket {
    Graph graph;
    std::unique_ptr<Plan> plan;
  };

  explicit Executor(StepCapacity capacity) : inputs_(capacity) {}
  Status compile_buckets(const ModelFiles& files, const ExecutorOptions& options);
  const Bucket& bucket_for(int32_t n_rows) const;
  void take_results();

  // In this order: plans, cache and weights go before their device.
  std::unique_ptr<Device> device_;
  WeightStore weights_;
  std::unique_ptr<KvCache> kv_cache_;
  std::vector<Bucket> buckets_;  // smallest capacity first
  StepInputs inputs_;
  Plan* running_ = nullptr;  // of the last start()
  std::span<float> logits_;
  std::span<const int32_t> tokens_;
  std::string placement_;
  int32_t block_tokens_ = 0;
  int64_t n_vocab_ = 0;
};

}  // namespace dunlin
