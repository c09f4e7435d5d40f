// A weight on the CPU device: packed panels for linears, rows as in the file for embedding tables that are no
// linear's weight, plain f32 for vectors. Immutable after upload; read by all threads.
#pragma once

#include <functional>
#include <span>
#include <vector>

#include "backends/cpu/pack.h"
#include "core/device/device.h"
#include "platforms/memory.h"
#include "platforms/thread_team.h"

namespace dunlin::cpu {

class CpuWeight final : public DeviceWeight {
 public:
  // Reads and packs (or only reads) with the whole team, slice by slice.
  static Result<std::unique_ptr<DeviceWeight>> create(const WeightSource& source, WeightLayout layout,
                                                      ThreadTeam& team);
  // Bytes that create() will keep.
  static uint64_t bytes_for(const WeightSource& source, WeightLayout layout);

  uint64_t bytes() const override { return block_.size() + vector_.size() * sizeof(float); }

  const PackedMatrix& packed() const { return packed_; }     // linears
  std::span<const float> vector() const { return vector_; }  // norms, biases
  void embedding_row(int64_t row, float* out) const;         // tables

 private:
  LargeBlock block_;
  PackedMatrix packed_;
  const uint8_t* rows_ = nullptr;  // rows in the file's order, if this table is not packed
  std::vector<float> vector_;
};

}  // namespace dunlin::cpu
