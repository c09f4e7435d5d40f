// A weight on the CPU device: packed panels for linears, rows as in the file for embedding tables that are no
// linear's weight, plain f32 for vectors. Immutable after upload; read by all threads.
#pragma once

#include <functional>
#include <memory>
#include <span>
#include <vector>

#include "backends/cpu/pack.h"
#include "backends/cpu/pack_cache.h"
#include "backends/cpu/weight_memory.h"
#include "core/device/device.h"
#include "platforms/thread_team.h"

namespace dunlin::cpu {

class CpuWeight final : public DeviceWeight {
 public:
  // Reads and packs (or only reads) with the whole team, slice by slice. With a cache, a weight that is in it
  // is used where it lies there; cache may be null and must outlive the weight.
  static Result<std::unique_ptr<DeviceWeight>> create(const WeightSource& source, WeightLayout layout,
                                                      ThreadTeam& team, WeightMemory& memory,
                                                      PackCache* cache);
  // Bytes that create() will keep.
  static uint64_t bytes_for(const WeightSource& source, WeightLayout layout);

  uint64_t bytes() const override { return matrix_bytes_ + vector_.size() * sizeof(float); }

  const PackedMatrix& packed() const { return packed_; }     // linears
  std::span<const float> vector() const { return vector_; }  // norms, biases
  void embedding_row(int64_t row, float* out) const;         // tables

 private:
  std::shared_ptr<uint8_t> memory_;  // null where the cache's bytes are used
  uint64_t matrix_bytes_ = 0;
  PackedMatrix packed_;
  const uint8_t* rows_ = nullptr;  // rows in the file's order, if this table is not packed
  std::vector<float> vector_;
};

}  // namespace dunlin::cpu
