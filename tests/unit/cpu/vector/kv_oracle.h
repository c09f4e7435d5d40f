// What lies in a KV block, read off the drawing in kv_layout.h byte by byte, and what storing a token must
// leave there. Independent of the kernels.
#pragma once

#include <cstdint>

#include "backends/cpu/kv_layout.h"

namespace dunlin::cpu {

// Writes one head's key and value [head_dim] at index 0..127 of a block, by the layout's rule.
void oracle_store(const KvLayout& layout, uint8_t* block, int index, int kv_head, const float* key,
                  const float* value);

// Dimension d of a stored key or value, exactly.
double oracle_key(const KvLayout& layout, const uint8_t* block, int index, int kv_head, int d);
double oracle_value(const KvLayout& layout, const uint8_t* block, int index, int kv_head, int d);
// Q8_0: the scale that the value has.
double oracle_value_scale(const KvLayout& layout, const uint8_t* block, int index, int kv_head, int d);

}  // namespace dunlin::cpu
