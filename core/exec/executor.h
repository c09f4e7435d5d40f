// Executor: runs steps of one model on one device, or on several that have consecutive layers each.
// Everything is made before the first step: a step allocates nothing and compiles nothing, however long the
// context. Used by one thread.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "core/base/log.h"
#include "core/exec/model_part.h"
#include "core/exec/placement.h"
#include "core/model/model_files.h"

namespace dunlin {

struct ExecutorOptions : PlacementRequest {
  int32_t n_threads = 0;           // 0: the device decides
  int32_t n_threads_prefill = 0;   // 0: as n_threads
  int32_t n_ctx = 0;               // positions of one sequence, at least 1
  int32_t n_sequences = 1;         // that may live at the same time
  int32_t n_rows = 512;            // of the largest step
  int32_t n_logit_rows = 1;        // of the largest step
  int32_t n_choosable_tokens = 0;  // ids that the device may choose; 0: all
  KvType kv_type = KvType::kF16;
  bool pack_cache = false;        // keep packed weights in a file for the next start; not of a model in parts
  std::string pack_cache_folder;  // where the model's folder cannot be written; empty: nowhere
  bool fuse = true;               // off: every op of the model is a node of its own
  // Verification only, of a model in one part: one bucket, every node reported.
  NodeObserver observer;
};

class Executor {
 public:
  // files must outlive the call only: nothing of them is used afterwards. Where a device has no memory left,
  // the error holds the plan of what needed how much, and nothing of the model stays on any device.
  static Result<std::unique_ptr<Executor>> create(const ModelFiles& files, const Registry& registry,
                                                  const ExecutorOptions& options, const Log& log,
                                                  const LoadProgress& progress);

  // The step that start() takes: clear it, fill it, start it. Where the device runs ahead, a second may be
  // filled and started before the first is waited for, if it has as many rows.
  StepInputs& inputs() { return inputs_; }
  // Returns once the last part has started: all others have then ended.
  Status start();
  Status wait();
  Status run();
  // Runs the step many times and takes the time of its phases; logits() and tokens() as after run().
  Result<StepTimes> measure(int32_t repeats);
  // [inputs().n_logit_rows(), n_vocab()] of the last step waited for; may be overwritten until the next.
  std::span<float> logits() const { return logits_; }
  // The device's choice by logit row of the last step waited for; empty where it makes none.
  std::span<const int32_t> tokens() const { return tokens_; }

  // Of every part's cache.
  void copy_block(int32_t from, int32_t to) {
    for (const auto& part : parts_) part->copy_block(from, to);
  }
  int32_t block_tokens() const { return block_tokens_; }
  int32_t n_blocks() const {
    return inputs_.capacity().n_blocks_per_sequence * inputs_.capacity().n_sequences + 1;
  }
  int64_t n_vocab() const { return n_vocab_; }

  const Placement& placement() const { return placement_; }
  // In the order of the layers; the last gives the logits.
  std::span<const std::unique_ptr<ModelPart>> parts() const { return parts_; }
  // What the parts are as one device: the last one's, but it never runs ahead of the others.
  DeviceInfo device_info() const;
  // Ceilings of the devices, measured now, as they are for parts that run one after the other.
  Device::Roofline measure_roofline();

 private:
  explicit Executor(StepCapacity capacity) : inputs_(capacity) {}
  Status load(const ModelFiles& files, const Placement& placement,
              std::vector<std::shared_ptr<Device>> devices, const ExecutorOptions& options,
              const LoadProgress& progress);
  void take_results();

  std::vector<std::unique_ptr<ModelPart>> parts_;
  Placement placement_;
  StepInputs inputs_;
  std::span<float> logits_;
  std::span<const int32_t> tokens_;
  int32_t block_tokens_ = 0;
  int64_t n_vocab_ = 0;
  int64_t n_embd_ = 0;  // of the hidden rows between two parts
};

}  // namespace dunlin
