// Ops: what a device can compute. Layers and the whole training step are written once against it.
// Calls may be asynchronous on the device's one compute stream; operands must stay valid until
// synchronize(). Every operand is contiguous. `_inout` is read and overwritten, `_accum` is added
// to.
#pragma once
#include <cstdint>
#include <span>
#include <vector>

#include "ijepa/core/scalar.hpp"
#include "ijepa/core/tensor.hpp"

namespace ijepa {

enum class Write : std::uint8_t { overwrite, accumulate };

/// `count` consecutive sequences of `length` rows each, in a packed token tensor. In attention
/// `asking` rows of each may have queries; 0: all of them.
struct SequenceGroup {
  std::int64_t count = 0, length = 0, asking = 0;
  std::int64_t queries() const { return asking > 0 ? asking : length; }
};
using Groups = std::span<const SequenceGroup>;

/// Queries, keys and values of packed rows, each with its heads contiguous. All T rows ask: qkv
/// (T, 3 D) with rows [q | k | v]. Where groups say how many rows of a sequence ask: q (Tq, D) of
/// these, sequence by sequence, and kv (T, 2 D) with rows [k | v].
struct AttentionRows {
  Tensor qkv{}, q{}, kv{};
};

/// Where the patches of an image tensor lie. Grid rows and columns are independent (H and W).
struct PatchGrid {
  std::int64_t rows = 0, cols = 0, patch = 0;
  std::int64_t tokens() const { return rows * cols; }
};

/// Normalisation of images of whole numbers: (value / largest - mean) / std, by channel. largest is
/// 255 of uint8 and 65535 of uint16.
struct Normalisation {
  std::vector<double> mean{0.485, 0.456, 0.406}, std{0.229, 0.224, 0.225};
};

/// sum = residual + scale[row_sequence[i]] * branch, row by row, (M, D) each: how a branch enters
/// the residual stream. sum and residual have the residual type, branch the compute type; scale has
/// the statistics type, row_sequence (M) int32. scale may be empty: then the branch is not scaled.
/// branch may be empty: then sum is given, not formed. sum may be residual.
struct BranchSum {
  Tensor residual{}, branch{}, scale{}, row_sequence{}, sum{};
};

/// Its gradient: dbranch = scale[row_sequence[i]] * dsum in the compute type, where dsum (residual
/// type) has been added to before. dbranch may be empty: then it is not formed, or is dsum itself.
struct BranchGradient {
  Tensor dsum_accum{}, scale{}, row_sequence{}, dbranch{};

  /// What the backward of the branch starts from, once it is formed.
  Tensor branch() const { return dbranch.empty() ? dsum_accum : dbranch; }
};

/// Targets of predictions (M, D): row i is row rows[i] (int32) of features (T, D), residual type,
/// less its mean and divided by its deviation: the second norm, without affine part. With a shift
/// it is (features + shift[rows[i] mod N]) * factor instead.
struct TargetRows {
  Tensor features{}, rows{};
  double epsilon = 0;
  Tensor shift{}, factor{};  // (N, D) and (D), statistics type, both or neither
};

/// One contiguous range of the flat parameter buffers for the optimizer. All tensors have the same
/// length; `target`, `working` and `target_working` may be empty. decay holds 0 or 1 a chunk.
struct OptimizerRange {
  Tensor weight, m, v, gradient;   // parameter type (float32 or float64)
  Tensor target;                   // EMA weights, parameter type; empty: no EMA here
  Tensor working, target_working;  // bfloat16 copies written in the same pass; may be empty
  Tensor decay;                    // (length / chunk) float32
};

/// What scaled_sum divides by at the least.
constexpr double least_divisor = 1e-20;

/// Elements that share one weight-decay flag; every parameter starts on a multiple of it.
constexpr std::int64_t parameter_chunk = 256;

struct Operation;

/// Devices override every operation. Ops itself only describes them (ops.cpp: operands with their
/// access, floating-point operations) and hands the description to perform(): a wrapper that
/// measures, counts or checks overrides that alone. So a new operation is a declaration here with
/// its description, and its implementations.
class Ops {
 public:
  virtual ~Ops() = default;

  // ---- memory ----
  /// dst <- host bytes. The host memory may be reused when the call returns.
  virtual void upload(const void* host, Tensor dst);
  /// upload of what only operations given later read. A device may copy beside the operations given
  /// before, so two buffers take turns: none given since the last upload_input may use dst.
  virtual void upload_input(const void* host, Tensor dst);
  /// host <- src. The host memory holds the values after synchronize().
  virtual void download(Tensor src, void* host);
  virtual void synchronize() = 0;
  virtual void fill_zero(Tensor y);
  /// y = x, converting between floating types (round to nearest even).
  virtual void copy(Tensor x, Tensor y);

  // ---- linear: x (M, K), w (N, K), b (N) in the parameter type, y (M, N) ----
  // x, w, y share the compute type. Accumulation is at least float32. A device may round b to the
  // compute type.
  /// y = x w^T + b. b may be empty.
  virtual void linear_forward(Tensor x, Tensor w, Tensor b, Tensor y);
  /// pre = x w^T + b, which may be empty: not kept; y = gelu(pre) of the value that it keeps.
  virtual void linear_gelu_forward(Tensor x, Tensor w, Tensor b, Tensor pre, Tensor y);
  /// dx = dy w.
  virtual void linear_backward_input(Tensor dy, Tensor w, Tensor dx);
  /// dx = (dy w) gelu'(pre), of the product as dx stores it; y = gelu(pre), which forward need not
  /// keep.
  virtual void linear_backward_input_gelu(Tensor dy, Tensor w, Tensor pre, Tensor dx, Tensor y);
  /// dw (+)= dy^T x, db (+)= column sums of dy. dw, db in the parameter type. db may be empty.
  virtual void linear_backward_params(Tensor dy, Tensor x, Tensor dw, Tensor db, Write mode);

  // ---- layer norm of x = s.sum (M, D), as it is stored; mean, rstd (M) statistics type ----
  /// y = (x - mean) * rstd * w + b; w and b empty: no affine part. y in any floating type.
  virtual void layer_norm_forward(const BranchSum& s, Tensor w, Tensor b, double epsilon, Tensor y,
                                  Tensor mean, Tensor rstd);
  /// d.dsum_accum += d loss / dx, then d.dbranch (dy's type) of that as it was stored; dw, db (+)=
  /// their gradients (not empty).
  virtual void layer_norm_backward(Tensor dy, Tensor x, Tensor w, Tensor mean, Tensor rstd,
                                   const BranchGradient& d, Tensor dw, Tensor db, Write mode);

  // ---- attention on packed rows: out (Tq, D), lse (Tq, heads) statistics type ----
  // Scores scale by head_dim^-0.5. Either all groups say how many rows ask, or none does.
  /// out = softmax(q k^T) v inside each sequence; lse = log of the sum of exponentials.
  virtual void attention_forward(const AttentionRows& x, std::int64_t heads, Groups groups,
                                 Tensor out, Tensor lse);
  virtual void attention_backward(Tensor dout, const AttentionRows& x, Tensor out, Tensor lse,
                                  std::int64_t heads, Groups groups, const AttentionRows& dx);

  // ---- element-wise ----
  virtual void gelu_forward(Tensor x, Tensor y);
  /// dy_inout *= gelu'(x).
  virtual void gelu_backward(Tensor x, Tensor dy_inout);
  /// y = a + b. y may be a. Types may differ; the sum is made in the wider one.
  virtual void add(Tensor a, Tensor b, Tensor y);
  /// y = a x / |s| + b y, where |s| is the root of squares (1), statistics type, at least 1e-20; 1
  /// where squares is empty. y is not read where b is 0. The sum is made in the wider type.
  virtual void scaled_sum(double a, Tensor x, Tensor squares, double b, Tensor y);
  /// y (M, D) = a + scale[row_sequence[i]] * b, row by row. scale: statistics type; indices int32.
  /// a may be empty (then y = scale * b) and y may be a.
  virtual void add_scaled_rows(Tensor a, Tensor b, Tensor scale, Tensor row_sequence, Tensor y);

  // ---- tokens ----
  /// Patches of `images` at token rows `rows` (T) int32 = image * tokens + patch (empty: all), to
  /// y (T, C p p) in (channel, y, x) order. images: uint8 (B, H, W, 3) or uint16 (B, H, W, C),
  /// normalised on the way, or floating (B, C, H, W), taken as it is.
  virtual void gather_patches(Tensor images, PatchGrid grid, const Normalisation& normalisation,
                              Tensor rows, Tensor y);
  /// x (T, D) += table[rows[i] mod table rows]. rows empty: rows[i] = i.
  virtual void add_table_rows(Tensor x_inout, Tensor table, Tensor rows);
  /// y[i] = x[rows[i]], converting types.
  virtual void gather_rows(Tensor x, Tensor rows, Tensor y);
  /// y = 0, then y[rows[i]] = x[i], converting types. Rows must not repeat.
  virtual void scatter_rows(Tensor x, Tensor rows, Tensor y);
  /// y[rows[i]] += x[i], the sum in the wider type. Rows must not repeat.
  virtual void scatter_add_rows(Tensor x, Tensor rows, Tensor y_inout);
  /// y[i] = sum over begin[i] <= j < begin[i + 1] of x[rows[j]], begin (y.rows() + 1) int32 from 0
  /// to rows.numel(): the backward of a gather, without atomics. begin empty: begin[i] is i *
  /// rows.numel() / y.rows().
  virtual void gather_sum_rows(Tensor x, Tensor rows, Tensor begin, Tensor y);
  /// y[i] = rows[i] >= 0 ? x[rows[i]] : token + table[-1 - rows[i]].  (mask tokens among others)
  virtual void gather_rows_or_token(Tensor x, Tensor token, Tensor table, Tensor rows, Tensor y);
  /// y (D) (+)= sum over i of x[rows[i]] (rows empty: all rows of x), y in the parameter type.
  virtual void sum_rows(Tensor x, Tensor rows, Tensor y, Write mode);

  // ---- loss and optimizer ----
  /// loss (1) statistics type += scale * sum smooth_l1(prediction - targets);
  /// dprediction = scale * smooth_l1'. prediction, dprediction (M, D) compute type.
  virtual void smooth_l1(Tensor prediction, const TargetRows& targets, double scale,
                         Tensor loss_accum, Tensor dprediction);
  /// result (1) statistics type += sum of squares of x.
  virtual void sum_squares(Tensor x, Tensor result_accum);
  /// AdamW, EMA and working copies in one pass over a range. The EMA sees
  /// the updated weight (Assran et al. 2023, section 3).
  virtual void adamw_ema(const OptimizerRange& range, const AdamWStep& step);

 private:
  /// What an operation does that is not overridden: an Error, for a device that lacks it.
  virtual void perform(const Operation& operation);
};

}  // namespace ijepa
