#include "core/exec/weight_store.h"

#include "platforms/clock.h"

namespace dunlin {
namespace {

// The weight of the file with the uses that the graph makes of it.
WeightSource describe(const Graph& graph, const WeightTable& table, size_t index) {
  const Weight& weight = table.at(graph.weight_names[index]);
  WeightSource source;
  source.name = weight.name;
  source.tensor = weight.tensor;
  for (const Node& node : graph.nodes) {
    for (const ValueId id : node.inputs) {
      const Value& v = graph.value(id);
      if (v.kind != ValueKind::kWeight || size_t(v.index) != index || v.shape.rank() != 2) continue;
      (node.op == OpKind::kEmbed ? source.for_embedding : source.for_linear) = true;
    }
  }
  if (weight.rows_are_permuted()) {
    const Shape& shape = weight.tensor.shape;
    const int64_t n_rows = shape.rank() == 1 ? shape[0] : shape.n_rows();
    for (int64_t r = 0; r < n_rows; ++r) source.row_order.push_back(int32_t(weight.source_row(r)));
  }
  return source;
}

}  // namespace

Status WeightStore::upload_all(const Graph& graph, const WeightTable& table, Device& device,
                               const LoadProgress& progress) {
  std::vector<WeightSource> sources;
  for (size_t i = 0; i < graph.weight_names.size(); ++i) sources.push_back(describe(graph, table, i));
  DUNLIN_RETURN_IF_ERROR(device.begin_uploads(sources));
  uint64_t done = 0;
  for (const WeightSource& source : sources) {
    DUNLIN_ASSIGN_OR_RETURN(auto weight, device.upload(source));
    weights_.push_back(std::move(weight));
    done += source.tensor.bytes();
    if (progress && !progress(done, file_bytes_)) return Status::cancelled("loading was stopped");
  }
  return device.finish_uploads();
}

Result<WeightStore> WeightStore::create(const Graph& graph, const WeightTable& table, Device& device,
                                        const LoadProgress& progress) {
  WeightStore store;
  for (const std::string& name : graph.weight_names) store.file_bytes_ += table.at(name).tensor.bytes();
  const int64_t begin_ns = monotonic_ns();
  if (Status uploaded = store.upload_all(graph, table, device, progress); !uploaded.is_ok()) {
    device.drop_uploads();
    return uploaded;
  }
  store.load_ns_ = monotonic_ns() - begin_ns;
  return store;
}

uint64_t WeightStore::bytes_needed(const Graph& graph, const WeightTable& table, const Device& device) {
  uint64_t bytes = 0;
  for (size_t i = 0; i < graph.weight_names.size(); ++i)
    bytes += device.weight_bytes(describe(graph, table, i));
  return bytes;
}

std::vector<const DeviceWeight*> WeightStore::bindings() const {
  std::vector<const DeviceWeight*> out;
  for (const auto& weight : weights_) out.push_back(weight.get());
  return out;
}

uint64_t WeightStore::bytes() const {
  uint64_t bytes = 0;
  for (const auto& weight : weights_) bytes += weight->bytes();
  return bytes;
}

}  // namespace dunlin
