// What every operation is to a wrapper: its class and floating-point operations, its operands with
// their access, and the same call on another device.
#include "ijepa/device/ops.hpp"

#include "ijepa/device/operation.hpp"

namespace ijepa {
namespace {

Operand reads(std::string_view name, const Tensor& t) {
  return {name, t, Access::reads};
}
/// As many elements as `like` has, of those of t.
Operand reads(std::string_view name, const Tensor& t, const Tensor& like) {
  return {name, t, Access::reads, t.empty() ? 0 : like.numel()};
}
Operand writes(std::string_view name, const Tensor& t) {
  return {name, t, Access::writes};
}
Operand updates(std::string_view name, const Tensor& t) {
  return {name, t, Access::updates};
}
Operand updates(std::string_view name, const Tensor& t, const Tensor& like) {
  return {name, t, Access::updates, like.numel()};
}
Operand writes(Write mode, std::string_view name, const Tensor& t) {
  return mode == Write::accumulate ? updates(name, t) : writes(name, t);
}

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

void Ops::perform(const Operation& operation) {
  fail("This device has no operation {}.", operation.name);
}

// ---- memory ----

void Ops::upload(const void* host, Tensor dst) {
  perform(Operation("upload", OpClass::token, 0, {writes("dst", dst)},
                    [&](Ops& o) { o.upload(host, dst); }));
}
void Ops::upload_input(const void* host, Tensor dst) {
  perform(Operation("upload_input", OpClass::token, 0, {writes("dst", dst)},
                    [&](Ops& o) { o.upload_input(host, dst); }));
}
void Ops::download(Tensor src, void* host) {
  perform(Operation("download", OpClass::token, 0, {reads("src", src)},
                    [&](Ops& o) { o.download(src, host); }));
}
void Ops::fill_zero(Tensor y) {
  perform(Operation("fill_zero", OpClass::element, 0, {writes("y", y)},
                    [&](Ops& o) { o.fill_zero(y); }));
}
void Ops::copy(Tensor x, Tensor y) {
  perform(Operation("copy", OpClass::element, 0, {reads("x", x), writes("y", y)},
                    [&](Ops& o) { o.copy(x, y); }));
}

// ---- linear ----

void Ops::linear_forward(Tensor x, Tensor w, Tensor b, Tensor y) {
  perform(Operation("linear_forward", OpClass::linear, 2 * times(x.rows(), x.cols(), w.rows()),
                    {reads("x", x), reads("w", w), reads("b", b), writes("y", y)},
                    [&](Ops& o) { o.linear_forward(x, w, b, y); }));
}
void Ops::linear_gelu_forward(Tensor x, Tensor w, Tensor b, Tensor pre, Tensor y) {
  perform(
      Operation("linear_gelu_forward", OpClass::linear, 2 * times(x.rows(), x.cols(), w.rows()),
                {reads("x", x), reads("w", w), reads("b", b), writes("pre", pre), writes("y", y)},
                [&](Ops& o) { o.linear_gelu_forward(x, w, b, pre, y); }));
}
void Ops::linear_backward_input(Tensor dy, Tensor w, Tensor dx) {
  perform(Operation("linear_backward_input", OpClass::linear,
                    2 * times(dy.rows(), dy.cols(), w.cols()),
                    {reads("dy", dy), reads("w", w), writes("dx", dx)},
                    [&](Ops& o) { o.linear_backward_input(dy, w, dx); }));
}
void Ops::linear_backward_input_gelu(Tensor dy, Tensor w, Tensor pre, Tensor dx, Tensor y) {
  perform(Operation(
      "linear_backward_input_gelu", OpClass::linear, 2 * times(dy.rows(), dy.cols(), w.cols()),
      {reads("dy", dy), reads("w", w), reads("pre", pre), writes("dx", dx), writes("y", y)},
      [&](Ops& o) { o.linear_backward_input_gelu(dy, w, pre, dx, y); }));
}
void Ops::linear_backward_params(Tensor dy, Tensor x, Tensor dw, Tensor db, Write mode) {
  perform(Operation(
      "linear_backward_params", OpClass::linear, 2 * times(dy.rows(), dy.cols(), x.cols()),
      {reads("dy", dy), reads("x", x), writes(mode, "dw", dw), writes(mode, "db", db)},
      [&](Ops& o) { o.linear_backward_params(dy, x, dw, db, mode); }));
}

// ---- layer norm ----

void Ops::layer_norm_forward(const BranchSum& s, Tensor w, Tensor b, double epsilon, Tensor y,
                             Tensor mean, Tensor rstd) {
  const double added = s.branch.empty() ? 0 : s.scale.empty() ? 1 : 2;
  perform(Operation("layer_norm_forward", OpClass::layer_norm, (8 + added) * elements(y),
                    {reads("residual", s.residual), reads("branch", s.branch),
                     reads("scale", s.scale), reads("row_sequence", s.row_sequence),
                     s.branch.empty() ? reads("sum", s.sum) : writes("sum", s.sum), reads("w", w),
                     reads("b", b), writes("mean", mean), writes("rstd", rstd), writes("y", y)},
                    [&](Ops& o) { o.layer_norm_forward(s, w, b, epsilon, y, mean, rstd); }));
}
void Ops::layer_norm_backward(Tensor dy, Tensor x, Tensor w, Tensor mean, Tensor rstd,
                              const BranchGradient& d, Tensor dw, Tensor db, Write mode) {
  perform(Operation("layer_norm_backward", OpClass::layer_norm,
                    (d.scale.empty() ? 14 : 15) * elements(x),
                    {reads("dy", dy), reads("x", x), reads("w", w), reads("mean", mean),
                     reads("rstd", rstd), reads("scale", d.scale),
                     reads("row_sequence", d.row_sequence), updates("dsum", d.dsum_accum),
                     writes("dbranch", d.dbranch), writes(mode, "dw", dw), writes(mode, "db", db)},
                    [&](Ops& o) { o.layer_norm_backward(dy, x, w, mean, rstd, d, dw, db, mode); }));
}

// ---- attention ----

// Two products of head_dim a score and head.
void Ops::attention_forward(const AttentionRows& x, std::int64_t heads, Groups groups, Tensor out,
                            Tensor lse) {
  perform(Operation("attention_forward", OpClass::attention,
                    4 * scores(groups) * static_cast<double>(out.cols()),
                    {reads("qkv", x.qkv), reads("q", x.q), reads("kv", x.kv), writes("lse", lse),
                     writes("out", out)},
                    [&](Ops& o) { o.attention_forward(x, heads, groups, out, lse); }));
}
// Five products: the scores again, dp, dv, dq and dk.
void Ops::attention_backward(Tensor dout, const AttentionRows& x, Tensor out, Tensor lse,
                             std::int64_t heads, Groups groups, const AttentionRows& dx) {
  perform(Operation("attention_backward", OpClass::attention,
                    10 * scores(groups) * static_cast<double>(out.cols()),
                    {reads("dout", dout), reads("qkv", x.qkv), reads("q", x.q), reads("kv", x.kv),
                     reads("out", out), reads("lse", lse), writes("dqkv", dx.qkv),
                     writes("dq", dx.q), writes("dkv", dx.kv)},
                    [&](Ops& o) { o.attention_backward(dout, x, out, lse, heads, groups, dx); }));
}

// ---- element-wise ----

void Ops::gelu_forward(Tensor x, Tensor y) {
  perform(Operation("gelu_forward", OpClass::element, elements(x), {reads("x", x), writes("y", y)},
                    [&](Ops& o) { o.gelu_forward(x, y); }));
}
void Ops::gelu_backward(Tensor x, Tensor dy_inout) {
  perform(Operation("gelu_backward", OpClass::element, elements(x),
                    {reads("x", x), updates("dy", dy_inout)},
                    [&](Ops& o) { o.gelu_backward(x, dy_inout); }));
}
void Ops::add(Tensor a, Tensor b, Tensor y) {
  perform(Operation("add", OpClass::element, elements(y),
                    {reads("a", a), reads("b", b), writes("y", y)},
                    [&](Ops& o) { o.add(a, b, y); }));
}
void Ops::scaled_sum(double a, Tensor x, Tensor squares, double b, Tensor y) {
  perform(Operation(
      "scaled_sum", OpClass::element, (b == 0 ? 1 : 3) * elements(y),
      {reads("x", x), reads("squares", squares), b == 0 ? writes("y", y) : updates("y", y)},
      [&](Ops& o) { o.scaled_sum(a, x, squares, b, y); }));
}
void Ops::add_scaled_rows(Tensor a, Tensor b, Tensor scale, Tensor row_sequence, Tensor y) {
  perform(Operation("add_scaled_rows", OpClass::element, 2 * elements(y),
                    {reads("a", a), reads("b", b), reads("scale", scale),
                     reads("row_sequence", row_sequence), writes("y", y)},
                    [&](Ops& o) { o.add_scaled_rows(a, b, scale, row_sequence, y); }));
}

// ---- tokens ----

void Ops::gather_patches(Tensor images, PatchGrid grid, const Normalisation& normalisation,
                         Tensor rows, Tensor y) {
  perform(Operation("gather_patches", OpClass::token, 0,
                    {reads("images", images, y), reads("rows", rows), writes("y", y)},
                    [&](Ops& o) { o.gather_patches(images, grid, normalisation, rows, y); }));
}
void Ops::add_table_rows(Tensor x_inout, Tensor table, Tensor rows) {
  perform(Operation("add_table_rows", OpClass::token, elements(x_inout),
                    {updates("x", x_inout), reads("table", table), reads("rows", rows)},
                    [&](Ops& o) { o.add_table_rows(x_inout, table, rows); }));
}
void Ops::gather_rows(Tensor x, Tensor rows, Tensor y) {
  perform(Operation("gather_rows", OpClass::token, 0,
                    {reads("x", x, y), reads("rows", rows), writes("y", y)},
                    [&](Ops& o) { o.gather_rows(x, rows, y); }));
}
void Ops::scatter_rows(Tensor x, Tensor rows, Tensor y) {
  perform(Operation("scatter_rows", OpClass::token, 0,
                    {reads("x", x), reads("rows", rows), writes("y", y)},
                    [&](Ops& o) { o.scatter_rows(x, rows, y); }));
}
void Ops::scatter_add_rows(Tensor x, Tensor rows, Tensor y_inout) {
  perform(Operation("scatter_add_rows", OpClass::token, elements(x),
                    {reads("x", x), reads("rows", rows), updates("y", y_inout, x)},
                    [&](Ops& o) { o.scatter_add_rows(x, rows, y_inout); }));
}
void Ops::gather_sum_rows(Tensor x, Tensor rows, Tensor begin, Tensor y) {
  perform(Operation("gather_sum_rows", OpClass::token, static_cast<double>(rows.numel() * y.cols()),
                    {reads("x", x), reads("rows", rows), reads("begin", begin), writes("y", y)},
                    [&](Ops& o) { o.gather_sum_rows(x, rows, begin, y); }));
}
void Ops::gather_rows_or_token(Tensor x, Tensor token, Tensor table, Tensor rows, Tensor y) {
  perform(Operation("gather_rows_or_token", OpClass::token, elements(y),
                    {reads("x", x), reads("token", token), reads("table", table),
                     reads("rows", rows), writes("y", y)},
                    [&](Ops& o) { o.gather_rows_or_token(x, token, table, rows, y); }));
}
void Ops::sum_rows(Tensor x, Tensor rows, Tensor y, Write mode) {
  perform(Operation("sum_rows", OpClass::token,
                    static_cast<double>((rows.empty() ? x.rows() : rows.numel()) * x.cols()),
                    {reads("x", x), reads("rows", rows), writes(mode, "y", y)},
                    [&](Ops& o) { o.sum_rows(x, rows, y, mode); }));
}

// ---- loss and optimizer ----

void Ops::smooth_l1(Tensor prediction, const TargetRows& targets, double scale, Tensor loss_accum,
                    Tensor dprediction) {
  perform(Operation(
      "smooth_l1", OpClass::element, 11 * elements(prediction),
      {reads("prediction", prediction), reads("features", targets.features, prediction),
       reads("rows", targets.rows), reads("shift", targets.shift), reads("factor", targets.factor),
       updates("loss", loss_accum), writes("dprediction", dprediction)},
      [&](Ops& o) { o.smooth_l1(prediction, targets, scale, loss_accum, dprediction); }));
}
void Ops::sum_squares(Tensor x, Tensor result_accum) {
  perform(Operation("sum_squares", OpClass::element, 2 * elements(x),
                    {reads("x", x), updates("result", result_accum)},
                    [&](Ops& o) { o.sum_squares(x, result_accum); }));
}
void Ops::adamw_ema(const OptimizerRange& r, const AdamWStep& step) {
  perform(Operation(
      "adamw_ema", OpClass::optimizer, (r.target.empty() ? 12 : 15) * elements(r.weight),
      {updates("weight", r.weight), updates("m", r.m), updates("v", r.v),
       reads("gradient", r.gradient), updates("target", r.target), writes("working", r.working),
       writes("target_working", r.target_working), reads("decay", r.decay)},
      [&](Ops& o) { o.adamw_ema(r, step); }));
}

}  // namespace ijepa
