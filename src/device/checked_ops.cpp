#include "ijepa/device/checked_ops.hpp"

#include <cmath>
#include <cstring>
#include <vector>

namespace ijepa {
namespace {

double value_at(const std::vector<std::byte>& bytes, DType type, std::int64_t i) {
  const auto read = [&]<class T>(T) {
    T value;
    std::memcpy(static_cast<void*>(&value), bytes.data() + i * static_cast<std::int64_t>(sizeof(T)),
                sizeof(T));
    return static_cast<double>(static_cast<float>(value));
  };
  if (type == DType::f64) {
    double value = 0;
    std::memcpy(&value, bytes.data() + i * 8, 8);
    return value;
  }
  return type == DType::f32 ? read(float{}) : read(BFloat16{});
}

}  // namespace

void CheckedOps::expect_finite(std::string_view op, std::string_view role, const Named& operand) {
  const Tensor& t = operand.tensor;
  if (t.empty() || t.dtype == DType::i32 || t.dtype == DType::u8) return;
  std::vector<std::byte> host(t.bytes());
  inner_.download(t, host.data());
  inner_.synchronize();
  for (std::int64_t i = 0; i < t.numel(); ++i) {
    const double value = value_at(host, t.dtype, i);
    check(std::isfinite(value), "{}: the {} {}, {}, has {} at row {}, column {}.", op, role,
          operand.name, describe(t), value, i / t.cols(), i % t.cols());
  }
}

template <class Call>
void CheckedOps::checked(std::string_view op, std::initializer_list<Named> inputs,
                         std::initializer_list<Named> outputs, Call&& call) {
  for (const auto& input : inputs) expect_finite(op, "input", input);
  call();
  for (const auto& output : outputs) expect_finite(op, "result", output);
}

void CheckedOps::copy(Tensor x, Tensor y) {
  checked("copy", {{"x", x}}, {{"y", y}}, [&] { inner_.copy(x, y); });
}

void CheckedOps::linear_forward(Tensor x, Tensor w, Tensor b, Tensor y) {
  checked("linear_forward", {{"x", x}, {"w", w}, {"b", b}}, {{"y", y}},
          [&] { inner_.linear_forward(x, w, b, y); });
}
void CheckedOps::linear_gelu_forward(Tensor x, Tensor w, Tensor b, Tensor pre, Tensor y) {
  checked("linear_gelu_forward", {{"x", x}, {"w", w}, {"b", b}}, {{"pre", pre}, {"y", y}},
          [&] { inner_.linear_gelu_forward(x, w, b, pre, y); });
}
void CheckedOps::linear_backward_input(Tensor dy, Tensor w, Tensor dx) {
  checked("linear_backward_input", {{"dy", dy}, {"w", w}}, {{"dx", dx}},
          [&] { inner_.linear_backward_input(dy, w, dx); });
}
void CheckedOps::linear_backward_input_gelu(Tensor dy, Tensor w, Tensor pre, Tensor dx, Tensor y) {
  checked("linear_backward_input_gelu", {{"dy", dy}, {"w", w}, {"pre", pre}},
          {{"dx", dx}, {"y", y}}, [&] { inner_.linear_backward_input_gelu(dy, w, pre, dx, y); });
}
void CheckedOps::linear_backward_params(Tensor dy, Tensor x, Tensor dw, Tensor db, Write mode) {
  checked("linear_backward_params", {{"dy", dy}, {"x", x}}, {{"dw", dw}, {"db", db}},
          [&] { inner_.linear_backward_params(dy, x, dw, db, mode); });
}

void CheckedOps::layer_norm_forward(const BranchSum& s, Tensor w, Tensor b, double epsilon,
                                    Tensor y, Tensor mean, Tensor rstd) {
  const Tensor given = s.branch.empty() ? s.sum : Tensor{};
  checked("layer_norm_forward",
          {{"sum", given},
           {"residual", s.residual},
           {"branch", s.branch},
           {"scale", s.scale},
           {"w", w},
           {"b", b}},
          {{"sum", s.sum}, {"mean", mean}, {"rstd", rstd}, {"y", y}},
          [&] { inner_.layer_norm_forward(s, w, b, epsilon, y, mean, rstd); });
}
void CheckedOps::layer_norm_backward(Tensor dy, Tensor x, Tensor w, Tensor mean, Tensor rstd,
                                     const BranchGradient& d, Tensor dw, Tensor db, Write mode) {
  checked("layer_norm_backward",
          {{"dy", dy},
           {"x", x},
           {"w", w},
           {"mean", mean},
           {"rstd", rstd},
           {"dsum", d.dsum_accum},
           {"scale", d.scale}},
          {{"dsum", d.dsum_accum}, {"dbranch", d.dbranch}, {"dw", dw}, {"db", db}},
          [&] { inner_.layer_norm_backward(dy, x, w, mean, rstd, d, dw, db, mode); });
}

void CheckedOps::attention_forward(const AttentionRows& x, std::int64_t heads, Groups groups,
                                   Tensor out, Tensor lse) {
  checked("attention_forward", {{"qkv", x.qkv}, {"q", x.q}, {"kv", x.kv}},
          {{"lse", lse}, {"out", out}},
          [&] { inner_.attention_forward(x, heads, groups, out, lse); });
}
void CheckedOps::attention_backward(Tensor dout, const AttentionRows& x, Tensor out, Tensor lse,
                                    std::int64_t heads, Groups groups, const AttentionRows& dx) {
  checked("attention_backward",
          {{"dout", dout}, {"qkv", x.qkv}, {"q", x.q}, {"kv", x.kv}, {"out", out}, {"lse", lse}},
          {{"dqkv", dx.qkv}, {"dq", dx.q}, {"dkv", dx.kv}},
          [&] { inner_.attention_backward(dout, x, out, lse, heads, groups, dx); });
}

void CheckedOps::gelu_forward(Tensor x, Tensor y) {
  checked("gelu_forward", {{"x", x}}, {{"y", y}}, [&] { inner_.gelu_forward(x, y); });
}
void CheckedOps::gelu_backward(Tensor x, Tensor dy_inout) {
  checked("gelu_backward", {{"x", x}, {"dy", dy_inout}}, {{"dy", dy_inout}},
          [&] { inner_.gelu_backward(x, dy_inout); });
}
void CheckedOps::add(Tensor a, Tensor b, Tensor y) {
  checked("add", {{"a", a}, {"b", b}}, {{"y", y}}, [&] { inner_.add(a, b, y); });
}
void CheckedOps::add_scaled_rows(Tensor a, Tensor b, Tensor scale, Tensor row_sequence, Tensor y) {
  checked("add_scaled_rows", {{"a", a}, {"b", b}, {"scale", scale}}, {{"y", y}},
          [&] { inner_.add_scaled_rows(a, b, scale, row_sequence, y); });
}

void CheckedOps::gather_patches(Tensor images, PatchGrid grid, const Normalisation& normalisation,
                                Tensor rows, Tensor y) {
  checked("gather_patches", {{"images", images}}, {{"y", y}},
          [&] { inner_.gather_patches(images, grid, normalisation, rows, y); });
}
void CheckedOps::add_table_rows(Tensor x_inout, Tensor table, Tensor rows) {
  checked("add_table_rows", {{"x", x_inout}, {"table", table}}, {{"x", x_inout}},
          [&] { inner_.add_table_rows(x_inout, table, rows); });
}
void CheckedOps::gather_rows(Tensor x, Tensor rows, Tensor y) {
  checked("gather_rows", {{"x", x}}, {{"y", y}}, [&] { inner_.gather_rows(x, rows, y); });
}
void CheckedOps::scatter_rows(Tensor x, Tensor rows, Tensor y) {
  checked("scatter_rows", {{"x", x}}, {{"y", y}}, [&] { inner_.scatter_rows(x, rows, y); });
}
void CheckedOps::scatter_add_rows(Tensor x, Tensor rows, Tensor y_inout) {
  checked("scatter_add_rows", {{"x", x}, {"y", y_inout}}, {{"y", y_inout}},
          [&] { inner_.scatter_add_rows(x, rows, y_inout); });
}
void CheckedOps::gather_sum_rows(Tensor x, Tensor rows, Tensor begin, Tensor y) {
  checked("gather_sum_rows", {{"x", x}}, {{"y", y}},
          [&] { inner_.gather_sum_rows(x, rows, begin, y); });
}
void CheckedOps::gather_rows_or_token(Tensor x, Tensor token, Tensor table, Tensor rows, Tensor y) {
  checked("gather_rows_or_token", {{"x", x}, {"token", token}, {"table", table}}, {{"y", y}},
          [&] { inner_.gather_rows_or_token(x, token, table, rows, y); });
}
void CheckedOps::sum_rows(Tensor x, Tensor rows, Tensor y, Write mode) {
  checked("sum_rows", {{"x", x}}, {{"y", y}}, [&] { inner_.sum_rows(x, rows, y, mode); });
}

void CheckedOps::smooth_l1(Tensor prediction, const TargetRows& targets, double scale,
                           Tensor loss_accum, Tensor dprediction) {
  checked("smooth_l1",
          {{"prediction", prediction},
           {"features", targets.features},
           {"shift", targets.shift},
           {"factor", targets.factor}},
          {{"loss", loss_accum}, {"dprediction", dprediction}},
          [&] { inner_.smooth_l1(prediction, targets, scale, loss_accum, dprediction); });
}
void CheckedOps::sum_squares(Tensor x, Tensor result_accum) {
  checked("sum_squares", {{"x", x}}, {{"result", result_accum}},
          [&] { inner_.sum_squares(x, result_accum); });
}
void CheckedOps::adamw_ema(const OptimizerRange& r, const AdamWStep& step) {
  checked("adamw_ema", {{"weight", r.weight}, {"m", r.m}, {"v", r.v}, {"gradient", r.gradient}},
          {{"weight", r.weight}, {"m", r.m}, {"v", r.v}, {"target", r.target}},
          [&] { inner_.adamw_ema(r, step); });
}

}  // namespace ijepa
