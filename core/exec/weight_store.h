// WeightStore: the model's weights on one device, under the indices that graphs use. Uploads each weight
// once, packed for the ops that read it. Immutable afterwards.
#pragma once

#include <functional>
#include <memory>
#include <vector>

#include "core/device/device.h"
#include "core/model/weights.h"

namespace dunlin {

// Bytes of weights done and in all; false stops the load. Called on the loading thread.
using LoadProgress = std::function<bool(uint64_t done_bytes, uint64_t total_bytes)>;

class WeightStore {
 public:
  // graph: any capacity; what ops read a weight decides how it is laid out.
  static Result<WeightStore> create(const Graph& graph, const WeightTable& table, Device& device,
                                    const LoadProgress& progress);
  // What create() will take on the device.
  static uint64_t bytes_needed(const Graph& graph, const WeightTable& table, const Device& device);

  std::vector<const DeviceWeight*> bindings() const;
  uint64_t bytes() const;
  uint64_t file_bytes() const { return file_bytes_; }
  // From the first upload until all are done.
  int64_t load_ns() const { return load_ns_; }

 private:
  Status upload_all(const Graph& graph, const WeightTable& table, Device& device,
                    const LoadProgress& progress);

  std::vector<std::unique_ptr<DeviceWeight>> weights_;  // by the graph's weight index
  uint64_t file_bytes_ = 0;
  int64_t load_ns_ = 0;
};

}  // namespace dunlin
