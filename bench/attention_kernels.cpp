// dunlin_attention_kernels [isa]: the attention of one layer of a 1.5B model (12 query heads of 128, 2 KV
// heads) by itself on one thread, for both KV types: one token over 4096 keys whose cache comes from memory,
// as in decoding, and a tile of a prompt over the same keys.
#include <algorithm>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <numeric>
#include <random>
#include <string>
#include <vector>

#include "backends/cpu/attention_units.h"
#include "core/base/aligned_buffer.h"
#include "platforms/clock.h"
#include "platforms/cpu_features.h"
#include "platforms/memory.h"

namespace {

using namespace dunlin;
using namespace dunlin::cpu;

constexpr int kHeads = 12;
constexpr int kKvHeads = 2;
constexpr int kHeadDim = 128;
constexpr int kKeys = 4096;
constexpr int kPages = kKeys / kKvBlockTokens;
constexpr int kLayers = 28;  // 64 to 115 MB of keys and values: no cache holds them
constexpr int kPasses = 9;

std::vector<float> random_floats(size_t n) {
  std::mt19937 random(1);
  std::normal_distribution<float> normal;
  std::vector<float> values(n);
  for (float& value : values) value = normal(random);
  return values;
}

class AttentionBench {
 public:
  static Result<AttentionBench> create(const VectorKernelTable& table, KvType type) {
    const KvLayout layout = make_kv_layout(type, kKvHeads, kHeadDim);
    DUNLIN_ASSIGN_OR_RETURN(
        LargeBlock cache,
        LargeBlock::allocate(size_t(kLayers) * kPages * size_t(layout.block_bytes), HugePages::kAdvise));
    return AttentionBench(table, layout, std::move(cache));
  }

  // One token, layer by layer.
  double decode_us_a_layer() {
    const AttentionCall last = call(0, kKeys - 1, 1);
    AlignedBuffer partials(attention_partials_bytes(kHeads, layout_, 1, kPages));
    float* const records = reinterpret_cast<float*>(partials.data());
    return median_us([&] {
             for (int layer = 0; layer < kLayers; ++layer) {
               const AttentionCall here = call(layer, last.position, 1);
               for (int head = 0; head < kKvHeads; ++head)
                 table_.attention_partial(&here, head, 0, kPages, records, scratch_.data());
               table_.attention_merge(&here, 0, kHeads, records);
             }
           }) /
           kLayers;
  }

  // The last tile of a prompt that fills the keys.
  double tile_us() {
    const int tokens = attention_tile_tokens(call(0, 0, 1));
    const AttentionCall tile = call(0, kKeys - tokens, tokens);
    return median_us([&] { table_.attention_tile(&tile, 0, 0, tokens, scratch_.data()); });
  }

  double bytes_a_layer() const { return double(kPages) * double(layout_.block_bytes); }
  // Of scores and outputs together.
  double tile_macs() const {
    return 2.0 * kHeads / kKvHeads * kKeys * kHeadDim * attention_tile_tokens(call(0, 0, 1));
  }

 private:
  AttentionBench(const VectorKernelTable& table, const KvLayout& layout, LargeBlock cache)
      : table_(table),
        layout_(layout),
        cache_(std::move(cache)),
        block_table_(kPages),
        q_(random_floats(size_t(kMostTokens) * kHeads * kHeadDim)),
        out_(q_.size()),
        scratch_(attention_scratch_bytes(kHeads, layout)) {
    std::iota(block_table_.begin(), block_table_.end(), 0);
    const std::vector<float> kv = random_floats(size_t(kKvHeads) * kHeadDim + kKeys);
    for (int64_t block = 0; block < int64_t(kLayers) * kPages; ++block) {
      for (int token = 0; token < kKvBlockTokens; ++token) {
        const float* const values = kv.data() + (block * kKvBlockTokens + token) % kKeys;
        table.kv_store(&layout_, cache_.data() + block * layout_.block_bytes, token, 0, kKvHeads, values,
                       values);
      }
    }
  }

  AttentionCall call(int layer, int position, int n_tokens) const {
    AttentionCall call{};
    call.layout = &layout_;
    call.n_heads = kHeads;
    call.scale = 1.0f / std::sqrt(float(kHeadDim));
    call.position = position;
    call.n_tokens = n_tokens;
    call.q = q_.data();
    call.out = const_cast<float*>(out_.data());
    call.q_stride = call.out_stride = kHeads * kHeadDim;
    call.kv_base = cache_.data() + layer * layout_.block_bytes;
    call.kv_block_stride = kLayers * layout_.block_bytes;
    call.block_table = block_table_.data();
    return call;
  }

  template <class Work>
  double median_us(Work work) {
    std::vector<double> us;
    for (int pass = 0; pass <= kPasses; ++pass) {  // the first touches the outputs
      const int64_t start = monotonic_ns();
      work();
      if (pass > 0) us.push_back(double(monotonic_ns() - start) * 1e-3);
    }
    std::sort(us.begin(), us.end());
    return us[us.size() / 2];
  }

  static constexpr int kMostTokens = 64;
  const VectorKernelTable& table_;
  KvLayout layout_;
  LargeBlock cache_;
  std::vector<int32_t> block_table_;
  std::vector<float> q_, out_;
  AlignedBuffer scratch_;
};

Status bench(std::string_view isa) {
  const VectorKernelTable* const table = find_vector_table(isa.data());
  if (table == nullptr || !can_run_isa(detect_cpu_features(), isa))
    return Status::unsupported("no kernels for '", isa, "' here");
  std::printf("| KV, %s | one token: us a layer | GB/s | prompt tile: us | GMAC/s |\n|---|---|---|---|---|\n",
              table->isa);
  for (const KvType type : {KvType::kF16, KvType::kQ8_0}) {
    DUNLIN_ASSIGN_OR_RETURN(AttentionBench attention, AttentionBench::create(*table, type));
    const double decode = attention.decode_us_a_layer();
    const double tile = attention.tile_us();
    std::printf("| %-4s | %7.1f | %5.1f | %7.1f | %6.1f |\n", kv_type_name(type), decode,
                attention.bytes_a_layer() * 1e-3 / decode, tile, attention.tile_macs() * 1e-3 / tile);
  }
  return Status::ok();
}

}  // namespace

int main(int argc, char** argv) {
  const std::string isa = argc > 1 ? argv[1] : std::string(runnable_isas(detect_cpu_features()).front());
  const Status status = bench(isa);
  if (status.is_ok()) return EXIT_SUCCESS;
  std::fprintf(stderr, "%s\nusage: %s [instruction set]\n", status.message().c_str(), argv[0]);
  return EXIT_FAILURE;
}
