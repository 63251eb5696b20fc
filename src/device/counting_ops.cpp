#include "ijepa/device/counting_ops.hpp"

namespace ijepa {
namespace {

double elements(const Tensor& t) {
  return static_cast<double>(t.numel());
}

double times(std::int64_t a, std::int64_t b, std::int64_t c) {
  return static_cast<double>(a) * static_cast<double>(b) * static_cast<double>(c);
}

/// Scores of all sequences: the sum of queries x keys.
double scores(Groups groups) {
  double n = 0;
  for (const auto& g : groups) n += times(g.count, g.queries(), g.length);
  return n;
}

}  // namespace

const char* name_of(OpClass c) {
  constexpr std::array names{"linear", "attention", "layer norm", "element", "token", "optimizer"};
  return names.at(static_cast<std::size_t>(c));
}

OpCount& OpCount::operator+=(const OpCount& other) {
  calls += other.calls;
  flops += other.flops;
  bytes += other.bytes;
  return *this;
}

OpCount CountingOps::total() const {
  OpCount sum;
  for (const auto& c : counts_) sum += c;
  return sum;
}

void CountingOps::note(OpClass c, double flops, std::initializer_list<Tensor> operands) {
  OpCount one{1, flops, 0};
  for (const auto& t : operands) one.bytes += static_cast<double>(t.bytes());
  counts_[static_cast<std::size_t>(c)] += one;
}

void CountingOps::upload(const void* host, Tensor dst) {
  note(OpClass::token, 0, {dst});
  inner_.upload(host, dst);
}
void CountingOps::upload_input(const void* host, Tensor dst) {
  note(OpClass::token, 0, {dst});
  inner_.upload_input(host, dst);
}
void CountingOps::download(Tensor src, void* host) {
  note(OpClass::token, 0, {src});
  inner_.download(src, host);
}
void CountingOps::synchronize() {
  inner_.synchronize();
}
void CountingOps::fill_zero(Tensor y) {
  note(OpClass::element, 0, {y});
  inner_.fill_zero(y);
}
void CountingOps::copy(Tensor x, Tensor y) {
  note(OpClass::element, 0, {x, y});
  inner_.copy(x, y);
}

void CountingOps::linear_forward(Tensor x, Tensor w, Tensor b, Tensor y) {
  note(OpClass::linear, 2 * times(x.rows(), x.cols(), w.rows()), {x, w, b, y});
  inner_.linear_forward(x, w, b, y);
}
void CountingOps::linear_gelu_forward(Tensor x, Tensor w, Tensor b, Tensor pre, Tensor y) {
  note(OpClass::linear, 2 * times(x.rows(), x.cols(), w.rows()), {x, w, b, pre, y});
  inner_.linear_gelu_forward(x, w, b, pre, y);
}
void CountingOps::linear_backward_input(Tensor dy, Tensor w, Tensor dx) {
  note(OpClass::linear, 2 * times(dy.rows(), dy.cols(), w.cols()), {dy, w, dx});
  inner_.linear_backward_input(dy, w, dx);
}
void CountingOps::linear_backward_input_gelu(Tensor dy, Tensor w, Tensor pre, Tensor dx, Tensor y) {
  note(OpClass::linear, 2 * times(dy.rows(), dy.cols(), w.cols()), {dy, w, pre, dx, y});
  inner_.linear_backward_input_gelu(dy, w, pre, dx, y);
}
void CountingOps::linear_backward_params(Tensor dy, Tensor x, Tensor dw, Tensor db, Write mode) {
  const bool again = mode == Write::accumulate;
  note(OpClass::linear, 2 * times(dy.rows(), dy.cols(), x.cols()),
       {dy, x, dw, db, again ? dw : Tensor{}, again ? db : Tensor{}});
  inner_.linear_backward_params(dy, x, dw, db, mode);
}

void CountingOps::layer_norm_forward(const BranchSum& s, Tensor w, Tensor b, double epsilon,
                                     Tensor y, Tensor mean, Tensor rstd) {
  const double added = s.branch.empty() ? 0 : s.scale.empty() ? 1 : 2;
  note(OpClass::layer_norm, (8 + added) * elements(y),
       {s.residual, s.branch, s.scale, s.row_sequence, s.sum, w, b, y, mean, rstd});
  inner_.layer_norm_forward(s, w, b, epsilon, y, mean, rstd);
}
void CountingOps::layer_norm_backward(Tensor dy, Tensor x, Tensor w, Tensor mean, Tensor rstd,
                                      const BranchGradient& d, Tensor dw, Tensor db, Write mode) {
  note(OpClass::layer_norm, (d.scale.empty() ? 14 : 15) * elements(x),
       {dy, x, w, mean, rstd, d.dsum_accum, d.dsum_accum, d.scale, d.row_sequence, d.dbranch, dw,
        db});
  inner_.layer_norm_backward(dy, x, w, mean, rstd, d, dw, db, mode);
}

void CountingOps::attention_forward(const AttentionRows& x, std::int64_t heads, Groups groups,
                                    Tensor out, Tensor lse) {
  // Two products of head_dim a score and head.
  note(OpClass::attention, 4 * scores(groups) * static_cast<double>(out.cols()),
       {x.qkv, x.q, x.kv, out, lse});
  inner_.attention_forward(x, heads, groups, out, lse);
}
void CountingOps::attention_backward(Tensor dout, const AttentionRows& x, Tensor out, Tensor lse,
                                     std::int64_t heads, Groups groups, const AttentionRows& dx) {
  // Five products: the scores again, dp, dv, dq and dk.
  note(OpClass::attention, 10 * scores(groups) * static_cast<double>(out.cols()),
       {dout, x.qkv, x.q, x.kv, out, lse, dx.qkv, dx.q, dx.kv});
  inner_.attention_backward(dout, x, out, lse, heads, groups, dx);
}

void CountingOps::gelu_forward(Tensor x, Tensor y) {
  note(OpClass::element, elements(x), {x, y});
  inner_.gelu_forward(x, y);
}
void CountingOps::gelu_backward(Tensor x, Tensor dy_inout) {
  note(OpClass::element, elements(x), {x, dy_inout, dy_inout});
  inner_.gelu_backward(x, dy_inout);
}
void CountingOps::add(Tensor a, Tensor b, Tensor y) {
  note(OpClass::element, elements(y), {a, b, y});
  inner_.add(a, b, y);
}
void CountingOps::add_scaled_rows(Tensor a, Tensor b, Tensor scale, Tensor row_sequence, Tensor y) {
  note(OpClass::element, 2 * elements(y), {a, b, scale, row_sequence, y});
  inner_.add_scaled_rows(a, b, scale, row_sequence, y);
}

void CountingOps::gather_patches(Tensor images, PatchGrid grid, const Normalisation& normalisation,
                                 Tensor rows, Tensor y) {
  Tensor read = y;  // as many image elements as are written, in the images' type
  read.dtype = images.dtype;
  note(OpClass::token, 0, {read, rows, y});
  inner_.gather_patches(images, grid, normalisation, rows, y);
}
void CountingOps::add_table_rows(Tensor x_inout, Tensor table, Tensor rows) {
  note(OpClass::token, elements(x_inout), {x_inout, x_inout, table, rows});
  inner_.add_table_rows(x_inout, table, rows);
}
void CountingOps::gather_rows(Tensor x, Tensor rows, Tensor y) {
  Tensor read = y;
  read.dtype = x.dtype;
  note(OpClass::token, 0, {read, rows, y});
  inner_.gather_rows(x, rows, y);
}
void CountingOps::scatter_rows(Tensor x, Tensor rows, Tensor y) {
  note(OpClass::token, 0, {x, rows, y});
  inner_.scatter_rows(x, rows, y);
}
void CountingOps::scatter_add_rows(Tensor x, Tensor rows, Tensor y_inout) {
  Tensor touched = x;  // as many elements of y as x has, read and written
  touched.dtype = y_inout.dtype;
  note(OpClass::token, elements(x), {x, rows, touched, touched});
  inner_.scatter_add_rows(x, rows, y_inout);
}
void CountingOps::gather_sum_rows(Tensor x, Tensor rows, Tensor begin, Tensor y) {
  note(OpClass::token, static_cast<double>(rows.numel() * y.cols()), {x, rows, begin, y});
  inner_.gather_sum_rows(x, rows, begin, y);
}
void CountingOps::gather_rows_or_token(Tensor x, Tensor token, Tensor table, Tensor rows,
                                       Tensor y) {
  note(OpClass::token, elements(y), {x, token, table, rows, y});
  inner_.gather_rows_or_token(x, token, table, rows, y);
}
void CountingOps::sum_rows(Tensor x, Tensor rows, Tensor y, Write mode) {
  note(OpClass::token, static_cast<double>((rows.empty() ? x.rows() : rows.numel()) * x.cols()),
       {x, rows, y});
  inner_.sum_rows(x, rows, y, mode);
}

void CountingOps::smooth_l1(Tensor prediction, const TargetRows& targets, double scale,
                            Tensor loss_accum, Tensor dprediction) {
  Tensor read = prediction;  // as many features as there are predictions, in their type
  read.dtype = targets.features.dtype;
  note(OpClass::element, 11 * elements(prediction),
       {prediction, read, targets.rows, targets.shift, targets.factor, loss_accum, dprediction});
  inner_.smooth_l1(prediction, targets, scale, loss_accum, dprediction);
}
void CountingOps::sum_squares(Tensor x, Tensor result_accum) {
  note(OpClass::element, 2 * elements(x), {x, result_accum});
  inner_.sum_squares(x, result_accum);
}
void CountingOps::adamw_ema(const OptimizerRange& r, const AdamWStep& step) {
  note(OpClass::optimizer, (r.target.empty() ? 12 : 15) * elements(r.weight),
       {r.weight, r.weight, r.m, r.m, r.v, r.v, r.gradient, r.target, r.target, r.working,
        r.target_working, r.decay});
  inner_.adamw_ema(r, step);
}

}  // namespace ijepa
