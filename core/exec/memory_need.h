// What a slice of a model needs on a device: its graph, and the bytes before anything is loaded.
#pragma once

#include "core/device/device.h"
#include "core/exec/placement.h"
#include "core/model/model_files.h"

namespace dunlin {

// What the engine wants to run, as far as memory depends on it.
struct StepNeed {
  int32_t n_ctx = 0;  // positions of one sequence
  int32_t n_sequences = 1;
  int32_t n_rows = 1;        // of the largest step
  int32_t n_logit_rows = 1;  // of the largest step
  KvType kv_type = KvType::kF16;
};

// One step of the slice, before any pass.
Result<Graph> slice_graph(const ModelFiles& files, const ModelSlice& slice, GraphCapacity capacity);

KvSpec kv_spec(const ModelConfig& config, KvType type, const ModelSlice& slice);

// Blocks of the longest context.
int32_t blocks_per_sequence(int32_t n_ctx, int32_t block_tokens);

// Weights and KV cache as the device will lay them out, the workspaces of all capacity buckets from above.
Result<MemoryNeed> memory_need(const ModelFiles& files, const ModelSlice& slice, const StepNeed& step,
                               const Device& device);

}  // namespace dunlin
