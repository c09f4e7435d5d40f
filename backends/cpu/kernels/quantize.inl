// Activations into the layouts of activation.h.

// One block of kN values: q, and the scale d. A NaN or infinity makes d one, and so every result that reads
// the block.
template <class V, int kN>
float quantize_block(const float* x, int8_t* q) {
  auto magnitude = V::broadcast(0);
  for (int i = 0; i < kN; i += V::kCount) magnitude = V::max_magnitude(magnitude, V::load_f32(x + i));
  const float a = __builtin_bit_cast(float, V::reduce_max(magnitude));
  if (a < kSmallestAmax) {
    __builtin_memset(q, 0, kN);
    return 0.0f;
  }
  const auto scale = V::splat(127.0f / a);
  for (int i = 0; i < kN; i += V::kCount) V::store_i8(q + i, V::round(V::mul(V::load_f32(x + i), scale)));
  return a / 127.0f;
}

template <class V>
void quantize_a256(const QuantizeArgs& args) {
  const int64_t row_bytes = activation_row_bytes(ActivationLayout::kA256, args.k);
  for (int64_t t = args.token_begin; t < args.token_end; ++t) {
    auto* blocks = reinterpret_cast<A256Block*>(args.dst + t * row_bytes);
    for (int64_t b = 0; b < args.k / 256; ++b) {
      A256Block& block = blocks[b];
      block.d = quantize_block<V, 256>(args.x + t * args.x_stride + 256 * b, block.q);
      for (int j = 0; j < 16; ++j) {
        const int32_t sum = V::sum16(block.q + 16 * j);
        block.sum16[j] = int16_t(sum);
        block.centers[j] = V::center(block.q + 16 * j, sum);
      }
      for (int j = 0; j < 8; ++j) block.sum32[j] = int16_t(block.sum16[2 * j] + block.sum16[2 * j + 1]);
      __builtin_memset(block.unused, 0, sizeof block.unused);
    }
  }
}

template <class V>
void quantize_a32(const QuantizeArgs& args) {
  const int64_t row_bytes = activation_row_bytes(ActivationLayout::kA32, args.k);
  for (int64_t t = args.token_begin; t < args.token_end; ++t) {
    auto* blocks = reinterpret_cast<A32Block*>(args.dst + t * row_bytes);
    for (int64_t b = 0; b < args.k / 32; ++b) {
      A32Block& block = blocks[b];
      block.d = quantize_block<V, 32>(args.x + t * args.x_stride + 32 * b, block.q);
      const int32_t sum = V::sum16(block.q) + V::sum16(block.q + 16);
      block.minus8_sum = -8 * sum;
      block.minus16_sum = -16 * sum;
      block.minus128_sum = -128 * sum;
    }
  }
}

void copy_f32(const QuantizeArgs& args) {
  for (int64_t t = args.token_begin; t < args.token_end; ++t)
    __builtin_memcpy(args.dst + t * args.k * int64_t(sizeof(float)), args.x + t * args.x_stride,
                     size_t(args.k) * sizeof(float));
}
