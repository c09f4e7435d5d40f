#include "core/model/weights.h"

#include <algorithm>
#include <cmath>
#include <utility>

#include "core/base/check.h"
#include "core/model/printable.h"
#include "core/model/rope_factors.h"
#include "core/model/tensor_specs.h"
#include "core/quant/format.h"

namespace dunlin {
namespace {

constexpr size_t kMaxNamesInWarning = 8;

bool is_float(DType type) {
  return type == DType::kF32 || type == DType::kF16 || type == DType::kBF16;
}

std::string place(const NamedTensor& tensor) {
  return str_cat(tensor.source, ": tensor ", printable(tensor.name));
}

// Outermost dimensions of 1 carry nothing; some writers add them.
Shape without_leading_ones(const Shape& shape, int min_rank) {
  int first = 0;
  while (shape.rank() - first > min_rank && shape[first] == 1) ++first;
  Shape out;
  for (int i = first; i < shape.rank(); ++i) out.append(shape[i]);
  return out;
}

Status check_shape(const NamedTensor& tensor, const TensorSpec& spec) {
  if (without_leading_ones(tensor.tensor.shape, spec.shape.rank()) == spec.shape) return Status::ok();
  return Status::corrupt(place(tensor), " has shape ", tensor.tensor.shape.to_string(),
                         "; the config implies ", spec.shape.to_string());
}

Status check_type(const NamedTensor& tensor, const TensorSpec& spec) {
  if (spec.shape.rank() > 1 || is_float(tensor.tensor.type)) return Status::ok();
  return Status::unsupported(place(tensor), " has type ", dtype_name(tensor.tensor.type),
                             "; vectors must be F32, F16 or BF16");
}

// Angles are divided by these.
Result<std::vector<float>> read_rope_factors(const NamedTensor& tensor) {
  if (tensor.tensor.type != DType::kF32)
    return Status::unsupported(place(tensor), " has type ", dtype_name(tensor.tensor.type),
                               "; F32 is expected");
  std::vector<float> factors(size_t(tensor.tensor.shape.elements()));
  DUNLIN_RETURN_IF_ERROR(
      tensor.tensor.read(0, {reinterpret_cast<uint8_t*>(factors.data()), factors.size() * sizeof(float)}));
  for (size_t i = 0; i < factors.size(); ++i)
    if (!std::isfinite(factors[i]) || factors[i] <= 0.0f)
      return Status::corrupt(place(tensor), ": element ", i, " is ", factors[i],
                             "; rotary factors are positive");
  return factors;
}

bool is_ignored(const NamedTensor& tensor, const ModelConfig& config) {
  if (tensor.name.ends_with(".rotary_emb.inv_freq")) return true;  // recomputed from the config
  return config.tied_embeddings && tensor.name == "output.weight";
}

void warn_unknown(const std::vector<std::string>& names, const std::string& source, const Log& log) {
  if (names.empty()) return;
  std::string list;
  for (size_t i = 0; i < std::min(names.size(), kMaxNamesInWarning); ++i)
    list += str_cat(i == 0 ? "" : ", ", printable(names[i]));
  if (names.size() > kMaxNamesInWarning) list += ", ...";
  log.warning(source, ": ", names.size(), " tensors that the architecture does not use are ignored: ", list);
}

TensorSource source_of(const std::vector<float>& values) {
  return source_in_memory({DType::kF32,
                           Shape{int64_t(values.size())},
                           {reinterpret_cast<const uint8_t*>(values.data()), values.size() * sizeof(float)}});
}

}  // namespace

Result<WeightTable> WeightTable::build(const ModelConfig& config, std::vector<NamedTensor> tensors,
                                       bool permuted, const std::string& source, const Log& log) {
  std::sort(tensors.begin(), tensors.end(), [](const auto& a, const auto& b) { return a.name < b.name; });
  const auto twin = std::adjacent_find(tensors.begin(), tensors.end(),
                                       [](const auto& a, const auto& b) { return a.name == b.name; });
  if (twin != tensors.end()) return Status::corrupt(place(*twin), " occurs twice");

  WeightTable table;
  std::vector<std::string> unknown;
  const auto set_aside = [&](const NamedTensor& tensor) {
    if (!is_ignored(tensor, config)) unknown.push_back(tensor.name);
  };
  size_t at = 0;  // both lists are sorted: one walk over both
  for (const TensorSpec& spec : tensor_specs(config)) {
    for (; at < tensors.size() && tensors[at].name < spec.name; ++at) set_aside(tensors[at]);
    if (at == tensors.size() || tensors[at].name != spec.name) {
      if (spec.name == kRopeFreqs && config.rope.scaling == RopeScaling::kLlama3) {
        table.rope_freqs_ = llama3_rope_factors(config.rope);
        table.weights_.push_back({spec.name, source_of(table.rope_freqs_), "config"});
      } else if (spec.required) {
        return Status::corrupt(source, ": tensor ", printable(spec.name), " ", spec.shape.to_string(),
                               " is missing; the file is incomplete or not of architecture ",
                               config.architecture);
      }
      continue;
    }
    NamedTensor& tensor = tensors[at++];
    DUNLIN_RETURN_IF_ERROR(check_shape(tensor, spec));
    DUNLIN_RETURN_IF_ERROR(check_type(tensor, spec));
    if (spec.name == kRopeFreqs) {
      DUNLIN_ASSIGN_OR_RETURN(table.rope_freqs_, read_rope_factors(tensor));
    }
    tensor.tensor.shape = spec.shape;
    table.weights_.push_back({std::move(tensor.name), std::move(tensor.tensor), std::move(tensor.source),
                              permuted && spec.rotary_rows ? config.head_dim : 0});
  }
  for (; at < tensors.size(); ++at) set_aside(tensors[at]);
  warn_unknown(unknown, source, log);
  return table;
}

const Weight* WeightTable::find(std::string_view name) const {
  const auto at = std::lower_bound(weights_.begin(), weights_.end(), name,
                                   [](const Weight& w, std::string_view n) { return w.name < n; });
  return at != weights_.end() && at->name == name ? &*at : nullptr;
}

const Weight& WeightTable::at(std::string_view name) const {
  const Weight* weight = find(name);
  DUNLIN_CHECK_MSG(weight != nullptr, std::string(name).c_str());
  return *weight;
}

}  // namespace dunlin
