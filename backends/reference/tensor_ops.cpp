#include "backends/reference/tensor_ops.h"

#include <Eigen/Core>
#include <algorithm>
#include <cmath>
#include <vector>

namespace dunlin::reference {

void embed_row(std::span<const float> table, int64_t n_features, int32_t token, float* out) {
  std::copy_n(table.data() + int64_t(token) * n_features, n_features, out);
}

void rms_norm_row(std::span<const float> x, std::span<const float> weight, float eps, float* out) {
  for (size_t group = 0; group < x.size(); group += weight.size()) {
    double sum = 0;
    for (size_t i = 0; i < weight.size(); ++i) sum += double(x[group + i]) * double(x[group + i]);
    const double scale = 1 / std::sqrt(sum / double(weight.size()) + double(eps));
    for (size_t i = 0; i < weight.size(); ++i)
      out[group + i] = float(double(x[group + i]) * scale * double(weight[i]));
  }
}

void linear(const float* x, int64_t n_rows, std::span<const float> w, int64_t n_in, int64_t n_out,
            std::span<const float> bias, const float* residual, float* out) {
  using Matrix = Eigen::Matrix<double, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor>;
  using FloatMap = Eigen::Map<const Eigen::Matrix<float, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor>>;
  const Matrix xd = FloatMap(x, n_rows, n_in).cast<double>();
  // In slices of rows of w, so that the double copy stays small.
  constexpr int64_t kSlice = 256;
  for (int64_t first = 0; first < n_out; first += kSlice) {
    const int64_t count = std::min(kSlice, n_out - first);
    const Matrix wd = FloatMap(w.data() + first * n_in, count, n_in).cast<double>();
    const Matrix y = xd * wd.transpose();
    for (int64_t t = 0; t < n_rows; ++t) {
      for (int64_t n = 0; n < count; ++n) {
        double value = y(t, n);
        if (!bias.empty()) value += double(bias[size_t(first + n)]);
        if (residual != nullptr) value += double(residual[t * n_out + first + n]);
        out[t * n_out + first + n] = float(value);
      }
    }
  }
}

void rope_row(std::span<const float> x, int32_t position, std::span<const float> inv_freq,
              const RopeAttrs& attrs, float* out) {
  const int64_t half = attrs.n_rot / 2;
  std::copy(x.begin(), x.end(), out);
  for (int64_t head = 0; head < int64_t(x.size()); head += attrs.head_dim) {
    for (int64_t i = 0; i < half; ++i) {
      const double theta = double(position) * double(inv_freq[size_t(i)]);
      const double c = std::cos(theta) * double(attrs.magnitude);
      const double s = std::sin(theta) * double(attrs.magnitude);
      const double a = double(x[size_t(head + i)]);
      const double b = double(x[size_t(head + i + half)]);
      out[head + i] = float(a * c - b * s);
      out[head + i + half] = float(a * s + b * c);
    }
  }
}

namespace {

double activate(double x, Activation activation) {
  switch (activation) {
    case Activation::kSilu:
      return x / (1 + std::exp(-x));
    case Activation::kGeluTanh:
      return 0.5 * x * (1 + std::tanh(0.7978845608028654 * (x + 0.044715 * x * x * x)));
  }
  return x;
}

}  // namespace

void glu(std::span<const float> gate, std::span<const float> up, Activation activation, float* out) {
  for (size_t i = 0; i < gate.size(); ++i)
    out[i] = float(activate(double(gate[i]), activation) * double(up[i]));
}

void attention_row(const AttentionRow& row, const AttentionAttrs& attrs, float* out) {
  const int64_t head_dim = attrs.head_dim;
  const int64_t group = attrs.n_head / attrs.n_head_kv;
  std::vector<double> scores(size_t(row.n_keys));
  std::vector<double> sum_v(static_cast<size_t>(head_dim));
  for (int64_t h = 0; h < attrs.n_head; ++h) {
    const float* q = row.q + h * head_dim;
    const int64_t kv_offset = h / group * head_dim;
    double max_score = -INFINITY;
    for (int64_t i = 0; i < row.n_keys; ++i) {
      double dot = 0;
      for (int64_t d = 0; d < head_dim; ++d) dot += double(q[d]) * double(row.keys[i][kv_offset + d]);
      scores[size_t(i)] = dot * double(attrs.scale);
      max_score = std::max(max_score, scores[size_t(i)]);
    }
    double sum = 0;
    std::fill(sum_v.begin(), sum_v.end(), 0.0);
    for (int64_t i = 0; i < row.n_keys; ++i) {
      const double p = std::exp(scores[size_t(i)] - max_score);
      sum += p;
      for (int64_t d = 0; d < head_dim; ++d) sum_v[size_t(d)] += p * double(row.values[i][kv_offset + d]);
    }
    for (int64_t d = 0; d < head_dim; ++d) out[h * head_dim + d] = float(sum_v[size_t(d)] / sum);
  }
}

}  // namespace dunlin::reference
