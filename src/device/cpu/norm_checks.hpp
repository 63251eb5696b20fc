// What the operands of layer norms, and of the loss, which has one, must be on every device.
#pragma once
#include "checks.hpp"
#include "ijepa/device/ops.hpp"
#include "types.hpp"

namespace ijepa::cpu {

/// Operands of a forward norm.
inline void expect_norm(std::string_view op, const BranchSum& s, const Tensor& w, const Tensor& b,
                        const Tensor& y, const Tensor& mean, const Tensor& rstd) {
  const auto rows = s.sum.rows(), cols = s.sum.cols();
  const auto type = parameter_type(s.sum.dtype);
  if (!s.branch.empty()) {
    expect_matrix(op, "residual", s.residual, rows, cols);
    expect_type(op, "residual", s.residual, s.sum.dtype);
    expect_matrix(op, "branch", s.branch, rows, cols);
    expect_same_width(op, "branch", s.branch, s.sum);
  }
  if (!s.scale.empty()) {
    expect_type(op, "scale", s.scale, type);
    expect_vector(op, "row_sequence", s.row_sequence, DType::i32, rows);
  }
  expect_matrix(op, "y", y, rows, cols);
  expect_same_width(op, "y", y, s.sum);
  check(w.empty() == b.empty(), "{}: w and b must both be given or both left out.", op);
  if (!w.empty()) expect_vector(op, "w", w, type, cols);
  if (!b.empty()) expect_vector(op, "b", b, type, cols);
  expect_vector(op, "mean", mean, type, rows);
  expect_vector(op, "rstd", rstd, type, rows);
}

/// Operands of a backward norm.
inline void expect_norm_gradient(std::string_view op, const Tensor& dy, const Tensor& x,
                                 const Tensor& w, const Tensor& mean, const Tensor& rstd,
                                 const BranchGradient& d, const Tensor& dw, const Tensor& db) {
  const auto rows = x.rows(), cols = x.cols();
  const auto type = parameter_type(x.dtype);
  expect_matrix(op, "dy", dy, rows, cols);
  expect_same_width(op, "dy", dy, x);
  expect_matrix(op, "dx", d.dsum_accum, rows, cols);
  expect_type(op, "dx", d.dsum_accum, x.dtype);
  if (!d.dbranch.empty()) {
    expect_matrix(op, "dbranch", d.dbranch, rows, cols);
    expect_type(op, "dbranch", d.dbranch, dy.dtype);
  }
  if (!d.scale.empty()) {
    expect_type(op, "scale", d.scale, type);
    expect_vector(op, "row_sequence", d.row_sequence, DType::i32, rows);
  }
  expect_vector(op, "w", w, type, cols);
  expect_vector(op, "mean", mean, type, rows);
  expect_vector(op, "rstd", rstd, type, rows);
  expect_vector(op, "dw", dw, type, cols);
  expect_vector(op, "db", db, type, cols);
}

/// Operands of the loss.
inline void expect_loss(std::string_view op, const Tensor& prediction, const TargetRows& targets,
                        const Tensor& dprediction) {
  const auto rows = prediction.rows(), cols = prediction.cols();
  expect_matrix(op, "features", targets.features, targets.features.rows(), cols);
  expect_same_width(op, "features", targets.features, prediction);
  expect_vector(op, "rows", targets.rows, DType::i32, rows);
  expect_matrix(op, "dprediction", dprediction, rows, cols);
  expect_same_width(op, "dprediction", dprediction, prediction);
  if (targets.shift.empty()) return;
  const DType type = parameter_type(prediction.dtype);
  expect_matrix(op, "shift", targets.shift, targets.shift.rows(), cols);
  expect_type(op, "shift", targets.shift, type);
  expect_vector(op, "factor", targets.factor, type, cols);
}

}  // namespace ijepa::cpu
