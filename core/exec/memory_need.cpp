#include "core/exec/memory_need.h"

#include <algorithm>

#include "core/exec/weight_store.h"
#include "core/graph/split.h"
#include "core/model/arch/arch.h"

namespace dunlin {
namespace {

// Of a row of the widest value: four of them in f32 at a time, and copies of a linear's input in few bits.
constexpr uint64_t kBytesPerWideElement = 20;
// Rows whose attention is done page by page, with a result for each page (CPU), and a page's positions.
constexpr int32_t kPagedRows = 4;
constexpr int32_t kPageTokens = 128;
constexpr uint64_t kRecordExtraFloats = 16;  // beside a head's dimensions
constexpr uint64_t kScratchBytesPerThread = 256 * 1024;
// What a GPU takes beside that: kernels, captured steps, unpacked matrices. Small cards have small models.
constexpr uint64_t kGpuReserveBytes = 512'000'000;
constexpr uint64_t kGpuReserveShare = 16;  // at most one so many-th of the card

uint64_t bucket_workspace(const ModelConfig& c, const ModelSlice& slice, const StepNeed& step,
                          int32_t n_rows) {
  const int64_t widest =
      std::max({c.n_embd, c.n_head * c.head_dim, *std::max_element(c.n_ff.begin(), c.n_ff.end())});
  uint64_t bytes = uint64_t(n_rows) * uint64_t(widest) * kBytesPerWideElement;
  const auto n_pages = uint64_t((int64_t(step.n_ctx) + kPageTokens - 1) / kPageTokens);
  if (slice.n_layer() > 0)
    bytes += uint64_t(std::min(n_rows, kPagedRows)) * uint64_t(c.n_head) * n_pages *
             (uint64_t(c.head_dim) + kRecordExtraFloats) * sizeof(float);
  if (slice.has_head)
    bytes += uint64_t(std::min(n_rows, step.n_logit_rows)) * uint64_t(c.n_vocab) * sizeof(float);
  return bytes;
}

uint64_t workspace_need(const ModelConfig& config, const ModelSlice& slice, const StepNeed& step,
                        const Device& device) {
  const DeviceInfo& info = device.info();
  const uint64_t per_bucket = uint64_t(info.n_threads) * kScratchBytesPerThread;
  uint64_t bytes = per_bucket + bucket_workspace(config, slice, step, step.n_rows);
  for (const int32_t n_rows : device.bucket_rows())
    if (n_rows < step.n_rows) bytes += per_bucket + bucket_workspace(config, slice, step, n_rows);
  if (info.kind == DeviceKind::kGpu)
    bytes += std::min(kGpuReserveBytes, info.memory_bytes / kGpuReserveShare);
  return bytes;
}

}  // namespace

Result<Graph> slice_graph(const ModelFiles& files, const ModelSlice& slice, GraphCapacity capacity) {
  std::vector<int32_t> cuts;
  if (!slice.has_embedding) cuts.push_back(slice.begin);
  if (!slice.has_head) cuts.push_back(slice.end);
  Graph whole = build_model_graph(files.config, files.weights, capacity);
  if (cuts.empty()) return whole;
  DUNLIN_ASSIGN_OR_RETURN(std::vector<Graph> parts, split_graph(whole, cuts));
  return std::move(parts[slice.has_embedding ? 0 : 1]);
}

KvSpec kv_spec(const ModelConfig& config, KvType type, const ModelSlice& slice) {
  return {type, slice.n_layer(), int32_t(config.n_head_kv), int32_t(config.head_dim)};
}

int32_t blocks_per_sequence(int32_t n_ctx, int32_t block_tokens) {
  return int32_t((int64_t(n_ctx) + block_tokens - 1) / block_tokens);
}

Result<MemoryNeed> memory_need(const ModelFiles& files, const ModelSlice& slice, const StepNeed& step,
                               const Device& device) {
  DUNLIN_ASSIGN_OR_RETURN(const Graph graph, slice_graph(files, slice, {1, 1}));
  MemoryNeed need;
  need.weight_bytes = WeightStore::bytes_needed(graph, files.weights, device);
  const int64_t n_blocks =
      int64_t(blocks_per_sequence(step.n_ctx, device.kv_block_tokens())) * step.n_sequences + 1;
  if (slice.n_layer() > 0)
    need.kv_bytes = device.kv_block_bytes(kv_spec(files.config, step.kv_type, slice)) * uint64_t(n_blocks);
  need.workspace_bytes = workspace_need(files.config, slice, step, device);
  return need;
}

}  // namespace dunlin
