// ReferenceOps: every operation as the naive loop over its definition, in double, on one thread.
// All floating operands are float64. Devices are compared with it.
#pragma once
#include <cmath>
#include <cstring>
#include <vector>

#include "ijepa/device/ops.hpp"

namespace ijepa::test {

class ReferenceOps final : public Ops {
 public:
  void upload(const void* host, Tensor dst) override { std::memcpy(dst.data, host, dst.bytes()); }
  void upload_input(const void* host, Tensor dst) override { upload(host, dst); }
  void download(Tensor src, void* host) override { std::memcpy(host, src.data, src.bytes()); }
  void synchronize() override {}

  void fill_zero(Tensor y) override {
    for (std::int64_t i = 0; i < y.numel(); ++i) at(y, i) = 0;
  }
  void copy(Tensor x, Tensor y) override {
    for (std::int64_t i = 0; i < y.numel(); ++i) at(y, i) = at(x, i);
  }

  void linear_forward(Tensor x, Tensor w, Tensor b, Tensor y) override {
    for (std::int64_t i = 0; i < y.rows(); ++i)
      for (std::int64_t j = 0; j < y.cols(); ++j) {
        at(y, i, j) = b.empty() ? 0 : at(b, j);
        for (std::int64_t k = 0; k < x.cols(); ++k) at(y, i, j) += at(x, i, k) * at(w, j, k);
      }
  }
  void linear_gelu_forward(Tensor x, Tensor w, Tensor b, Tensor pre, Tensor y) override {
    const Tensor product = pre.empty() ? y : pre;
    linear_forward(x, w, b, product);
    gelu_forward(product, y);
  }
  void linear_backward_input_gelu(Tensor dy, Tensor w, Tensor pre, Tensor dx, Tensor y) override {
    linear_backward_input(dy, w, dx);
    gelu_backward(pre, dx);
    gelu_forward(pre, y);
  }
  void linear_backward_input(Tensor dy, Tensor w, Tensor dx) override {
    for (std::int64_t i = 0; i < dx.rows(); ++i)
      for (std::int64_t k = 0; k < dx.cols(); ++k) {
        at(dx, i, k) = 0;
        for (std::int64_t j = 0; j < dy.cols(); ++j) at(dx, i, k) += at(dy, i, j) * at(w, j, k);
      }
  }
  void linear_backward_params(Tensor dy, Tensor x, Tensor dw, Tensor db, Write mode) override {
    for (std::int64_t j = 0; j < dw.rows(); ++j)
      for (std::int64_t k = 0; k < dw.cols(); ++k) {
        if (mode == Write::overwrite) at(dw, j, k) = 0;
        for (std::int64_t i = 0; i < x.rows(); ++i) at(dw, j, k) += at(dy, i, j) * at(x, i, k);
      }
    if (!db.empty()) sum_rows(dy, {}, db, mode);
  }

  void layer_norm_forward(const BranchSum& s, Tensor w, Tensor b, double epsilon, Tensor y,
                          Tensor mean, Tensor rstd) override {
    const Tensor x = s.sum;
    for (std::int64_t i = 0; i < x.rows() && !s.branch.empty(); ++i)
      for (std::int64_t j = 0; j < x.cols(); ++j)
        at(x, i, j) = at(s.residual, i, j) + factor(s, i) * at(s.branch, i, j);
    const auto d = static_cast<double>(x.cols());
    for (std::int64_t i = 0; i < x.rows(); ++i) {
      double sum = 0, squares = 0;
      for (std::int64_t j = 0; j < x.cols(); ++j) sum += at(x, i, j);
      for (std::int64_t j = 0; j < x.cols(); ++j) squares += std::pow(at(x, i, j) - sum / d, 2);
      at(mean, i) = sum / d;
      at(rstd, i) = 1 / std::sqrt(squares / d + epsilon);
      for (std::int64_t j = 0; j < x.cols(); ++j)
        at(y, i, j) = (at(x, i, j) - at(mean, i)) * at(rstd, i) * (w.empty() ? 1 : at(w, j)) +
                      (b.empty() ? 0 : at(b, j));
    }
  }
  void layer_norm_backward(Tensor dy, Tensor x, Tensor w, Tensor mean, Tensor rstd,
                           const BranchGradient& g, Tensor dw, Tensor db, Write mode) override {
    if (mode == Write::overwrite) {
      fill_zero(dw);
      fill_zero(db);
    }
    const auto d = static_cast<double>(x.cols());
    for (std::int64_t i = 0; i < x.rows(); ++i) {
      const auto normal = [&](std::int64_t j) { return (at(x, i, j) - at(mean, i)) * at(rstd, i); };
      double sum = 0, product = 0;
      for (std::int64_t j = 0; j < x.cols(); ++j) {
        sum += at(dy, i, j) * at(w, j);
        product += at(dy, i, j) * at(w, j) * normal(j);
        at(dw, j) += at(dy, i, j) * normal(j);
        at(db, j) += at(dy, i, j);
      }
      for (std::int64_t j = 0; j < x.cols(); ++j)
        at(g.dsum_accum, i, j) +=
            at(rstd, i) * (at(dy, i, j) * at(w, j) - sum / d - normal(j) * product / d);
      for (std::int64_t j = 0; j < x.cols() && !g.dbranch.empty(); ++j)
        at(g.dbranch, i, j) = factor(g, i) * at(g.dsum_accum, i, j);
    }
  }

  void attention_forward(const AttentionRows& x, std::int64_t heads, Groups groups, Tensor out,
                         Tensor lse) override {
    const auto width = out.cols(), dim = width / heads;
    const Parts parts(x, width);
    for_each_query(groups, heads, [&](Query q) {
      const auto scores = scores_of(parts, q, dim);
      double sum = 0;
      for (const double s : scores) sum += std::exp(s);
      at(lse, q.row, q.head) = std::log(sum);
      for (std::int64_t c = q.head * dim; c < (q.head + 1) * dim; ++c) {
        at(out, q.row, c) = 0;
        for (std::int64_t j = 0; j < q.length; ++j)
          at(out, q.row, c) +=
              std::exp(scores[static_cast<std::size_t>(j)]) / sum * parts.v(q.start + j, c);
      }
    });
  }
  void attention_backward(Tensor dout, const AttentionRows& x, Tensor out, Tensor lse,
                          std::int64_t heads, Groups groups, const AttentionRows& dx) override {
    const auto width = out.cols(), dim = width / heads;
    const double scale = 1 / std::sqrt(static_cast<double>(dim));
    const Parts parts(x, width), d(dx, width);
    for (const Tensor& t : {dx.qkv, dx.q, dx.kv}) fill_zero(t);
    for_each_query(groups, heads, [&](Query q) {
      const auto scores = scores_of(parts, q, dim);
      for (std::int64_t j = 0; j < q.length; ++j) {
        const double p = std::exp(scores[static_cast<std::size_t>(j)] - at(lse, q.row, q.head));
        double dp = 0;
        for (std::int64_t c = q.head * dim; c < (q.head + 1) * dim; ++c)
          dp += at(dout, q.row, c) * (parts.v(q.start + j, c) - at(out, q.row, c));
        for (std::int64_t c = q.head * dim; c < (q.head + 1) * dim; ++c) {
          d.q(q.row, c) += scale * p * dp * parts.k(q.start + j, c);
          d.k(q.start + j, c) += scale * p * dp * parts.q(q.row, c);
          d.v(q.start + j, c) += p * at(dout, q.row, c);
        }
      }
    });
  }

  void gelu_forward(Tensor x, Tensor y) override {
    for (std::int64_t i = 0; i < x.numel(); ++i)
      at(y, i) = at(x, i) * 0.5 * std::erfc(-at(x, i) / std::sqrt(2.0));
  }
  void gelu_backward(Tensor x, Tensor dy_inout) override {
    for (std::int64_t i = 0; i < x.numel(); ++i) {
      const double z = at(x, i), density = std::exp(-z * z / 2) / std::sqrt(2 * M_PI);
      at(dy_inout, i) *= 0.5 * std::erfc(-z / std::sqrt(2.0)) + z * density;
    }
  }
  void add(Tensor a, Tensor b, Tensor y) override {
    for (std::int64_t i = 0; i < y.numel(); ++i) at(y, i) = at(a, i) + at(b, i);
  }
  void add_scaled_rows(Tensor a, Tensor b, Tensor scale, Tensor row_sequence, Tensor y) override {
    for (std::int64_t i = 0; i < y.rows(); ++i)
      for (std::int64_t j = 0; j < y.cols(); ++j)
        at(y, i, j) =
            (a.empty() ? 0 : at(a, i, j)) + at(scale, index(row_sequence, i)) * at(b, i, j);
  }

  void gather_patches(Tensor images, PatchGrid g, const Normalisation& normalisation, Tensor rows,
                      Tensor y) override {
    const auto height = g.rows * g.patch, width = g.cols * g.patch;
    for (std::int64_t i = 0; i < y.rows(); ++i)
      for (std::int64_t j = 0; j < y.cols(); ++j) {
        const auto token = rows.empty() ? i : index(rows, i);
        const auto image = token / g.tokens(), patch = token % g.tokens();
        const auto c = j / (g.patch * g.patch);
        const auto v = patch / g.cols * g.patch + j / g.patch % g.patch;
        const auto u = patch % g.cols * g.patch + j % g.patch;
        const auto channels = y.cols() / (g.patch * g.patch);
        const auto interleaved = ((image * height + v) * width + u) * channels + c;
        const auto channel = static_cast<std::size_t>(c);
        const auto normal = [&](double value) {
          return (value - normalisation.mean.at(channel)) / normalisation.std.at(channel);
        };
        if (images.dtype == DType::u8)
          at(y, i, j) = normal(images.as<std::uint8_t>()[interleaved] / 255.0);
        else if (images.dtype == DType::u16)
          at(y, i, j) = normal(images.as<std::uint16_t>()[interleaved] / 65535.0);
        else
          at(y, i, j) = at(images, ((image * channels + c) * height + v) * width + u);
      }
  }
  void add_table_rows(Tensor x_inout, Tensor table, Tensor rows) override {
    for (std::int64_t i = 0; i < x_inout.rows(); ++i)
      for (std::int64_t j = 0; j < x_inout.cols(); ++j)
        at(x_inout, i, j) += at(table, (rows.empty() ? i : index(rows, i)) % table.rows(), j);
  }
  void gather_rows(Tensor x, Tensor rows, Tensor y) override {
    for (std::int64_t i = 0; i < y.rows(); ++i)
      for (std::int64_t j = 0; j < y.cols(); ++j) at(y, i, j) = at(x, index(rows, i), j);
  }
  void scatter_rows(Tensor x, Tensor rows, Tensor y) override {
    fill_zero(y);
    for (std::int64_t i = 0; i < x.rows(); ++i)
      for (std::int64_t j = 0; j < x.cols(); ++j) at(y, index(rows, i), j) = at(x, i, j);
  }
  void scatter_add_rows(Tensor x, Tensor rows, Tensor y_inout) override {
    for (std::int64_t i = 0; i < x.rows(); ++i)
      for (std::int64_t j = 0; j < x.cols(); ++j) at(y_inout, index(rows, i), j) += at(x, i, j);
  }
  void gather_sum_rows(Tensor x, Tensor rows, Tensor begin, Tensor y) override {
    fill_zero(y);
    const auto first = [&](std::int64_t i) {
      return begin.empty() ? i * (rows.numel() / y.rows()) : index(begin, i);
    };
    for (std::int64_t i = 0; i < y.rows(); ++i)
      for (std::int64_t u = first(i); u < first(i + 1); ++u)
        for (std::int64_t j = 0; j < y.cols(); ++j) at(y, i, j) += at(x, index(rows, u), j);
  }
  void gather_rows_or_token(Tensor x, Tensor token, Tensor table, Tensor rows, Tensor y) override {
    for (std::int64_t i = 0; i < y.rows(); ++i)
      for (std::int64_t j = 0; j < y.cols(); ++j)
        at(y, i, j) = index(rows, i) >= 0 ? at(x, index(rows, i), j)
                                          : at(token, j) + at(table, -1 - index(rows, i), j);
  }
  void sum_rows(Tensor x, Tensor rows, Tensor y, Write mode) override {
    if (mode == Write::overwrite) fill_zero(y);
    for (std::int64_t i = 0; i < (rows.empty() ? x.rows() : rows.numel()); ++i)
      for (std::int64_t j = 0; j < x.cols(); ++j)
        at(y, j) += at(x, rows.empty() ? i : index(rows, i), j);
  }

  void smooth_l1(Tensor prediction, const TargetRows& targets, double scale, Tensor loss_accum,
                 Tensor dprediction) override {
    const auto cols = prediction.cols();
    std::vector<double> target(static_cast<std::size_t>(prediction.numel())),
        mean(static_cast<std::size_t>(prediction.rows())), rstd = mean;
    const Tensor normed = make_tensor(target.data(), DType::f64, {prediction.rows(), cols});
    gather_rows(targets.features, targets.rows, normed);
    layer_norm_forward({.sum = normed}, {}, {}, targets.epsilon, normed,
                       make_tensor(mean.data(), DType::f64, {prediction.rows()}),
                       make_tensor(rstd.data(), DType::f64, {prediction.rows()}));
    for (std::int64_t i = 0; i < (targets.shift.empty() ? 0 : prediction.rows()); ++i)
      for (std::int64_t j = 0; j < cols; ++j)
        at(normed, i, j) = (at(targets.features, index(targets.rows, i), j) +
                            at(targets.shift, index(targets.rows, i) % targets.shift.rows(), j)) *
                           at(targets.factor, j);
    for (std::int64_t i = 0; i < prediction.numel(); ++i) {
      const double d = at(prediction, i) - at(normed, i);
      at(loss_accum, 0) += scale * (std::abs(d) < 1 ? d * d / 2 : std::abs(d) - 0.5);
      at(dprediction, i) = scale * std::min(1.0, std::max(-1.0, d));
    }
  }
  void sum_squares(Tensor x, Tensor result_accum) override {
    for (std::int64_t i = 0; i < x.numel(); ++i) at(result_accum, 0) += at(x, i) * at(x, i);
  }
  void scaled_sum(double a, Tensor x, Tensor squares, double b, Tensor y) override {
    if (!squares.empty()) a /= std::max(std::sqrt(at(squares, 0)), least_divisor);
    for (std::int64_t i = 0; i < x.numel(); ++i)
      at(y, i) = a * at(x, i) + (b == 0 ? 0 : b * at(y, i));
  }
  void adamw_ema(const OptimizerRange& r, const AdamWStep& s) override {
    for (std::int64_t i = 0; i < r.weight.numel(); ++i) {
      const double g = s.gradient_scale * at(r.gradient, i);
      at(r.weight, i) -=
          s.learning_rate * s.weight_decay * at(r.decay, i / parameter_chunk) * at(r.weight, i);
      at(r.m, i) = s.beta1 * at(r.m, i) + (1 - s.beta1) * g;
      at(r.v, i) = s.beta2 * at(r.v, i) + (1 - s.beta2) * g * g;
      at(r.weight, i) -=
          s.learning_rate * (at(r.m, i) / s.bias1) / (std::sqrt(at(r.v, i) / s.bias2) + s.epsilon);
      if (!r.working.empty()) at(r.working, i) = at(r.weight, i);
      if (r.target.empty()) continue;
      at(r.target, i) = s.ema_momentum * at(r.target, i) + (1 - s.ema_momentum) * at(r.weight, i);
      if (!r.target_working.empty()) at(r.target_working, i) = at(r.target, i);
    }
  }

 private:
  /// The scale of row i of a BranchSum or BranchGradient.
  template <class Branch>
  static double factor(const Branch& b, std::int64_t i) {
    return b.scale.empty() ? 1 : at(b.scale, b.row_sequence.template as<std::int32_t>()[i]);
  }
  struct Query {
    std::int64_t row, start, length, head;  // its row among those that ask; its sequence's rows
  };
  /// Elements of q, k and v, wherever they lie.
  struct Parts {
    Parts(const AttentionRows& x, std::int64_t columns)
        : of_q(x.q.empty() ? x.qkv : x.q),
          of_kv(x.q.empty() ? x.qkv : x.kv),
          before_k(x.q.empty() ? columns : 0),
          width(columns) {}
    double& q(std::int64_t row, std::int64_t c) const { return at(of_q, row, c); }
    double& k(std::int64_t row, std::int64_t c) const { return at(of_kv, row, before_k + c); }
    double& v(std::int64_t row, std::int64_t c) const {
      return at(of_kv, row, before_k + width + c);
    }
    Tensor of_q, of_kv;
    std::int64_t before_k, width;
  };

  static double& at(const Tensor& x, std::int64_t i) { return x.as<double>()[i]; }
  static double& at(const Tensor& x, std::int64_t i, std::int64_t j) {
    return x.as<double>()[i * x.cols() + j];
  }
  static std::int64_t index(const Tensor& x, std::int64_t i) { return x.as<std::int32_t>()[i]; }

  template <class F>
  static void for_each_query(Groups groups, std::int64_t heads, F&& f) {
    std::int64_t start = 0, row = 0;
    for (const auto& g : groups)
      for (std::int64_t s = 0; s < g.count; ++s, start += g.length)
        for (std::int64_t i = 0; i < g.queries(); ++i, ++row)
          for (std::int64_t h = 0; h < heads; ++h) f(Query{row, start, g.length, h});
  }

  static std::vector<double> scores_of(const Parts& x, const Query& q, std::int64_t dim) {
    std::vector<double> scores;
    for (std::int64_t j = 0; j < q.length; ++j) {
      double s = 0;
      for (std::int64_t c = q.head * dim; c < (q.head + 1) * dim; ++c)
        s += x.q(q.row, c) * x.k(q.start + j, c);
      scores.push_back(s / std::sqrt(static_cast<double>(dim)));
    }
    return scores;
  }
};

}  // namespace ijepa::test
