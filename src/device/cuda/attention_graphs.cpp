#include "attention_graphs.hpp"

#include <fmt/format.h>

namespace ijepa::cuda {
namespace {

constexpr auto bf16 = CUDNN_DATA_BFLOAT16, f32 = CUDNN_DATA_FLOAT;

/// Layouts of one shape: batch, head, row, column.
struct Layouts {
  AttentionShape s;

  std::int64_t q() const { return s.queries(); }

  CudnnLayout queries() const {
    return {{s.count, s.heads, q(), s.dim}, {q() * s.q_stride(), s.dim, s.q_stride(), 1}};
  }
  CudnnLayout keys() const {  // and values
    return {{s.count, s.heads, s.length, s.dim},
            {s.length * s.kv_stride(), s.dim, s.kv_stride(), 1}};
  }
  CudnnLayout keys_transposed() const {
    return {{s.count, s.heads, s.dim, s.length},
            {s.length * s.kv_stride(), s.dim, 1, s.kv_stride()}};
  }
  CudnnLayout rows() const {  // out
    return {{s.count, s.heads, q(), s.dim}, {q() * s.width(), s.dim, s.width(), 1}};
  }
  CudnnLayout contiguous() const {
    return {{s.count, s.heads, q(), s.dim}, {q() * s.width(), q() * s.dim, s.dim, 1}};
  }
  CudnnLayout lse() const {  // (rows, heads)
    return {{s.count, s.heads, q(), 1}, {q() * s.heads, 1, s.heads, 1}};
  }
  CudnnLayout row_sums() const {  // (sequence, head, row)
    return {{s.count, s.heads, q(), 1}, {q() * s.heads, q(), 1, 1}};
  }
  CudnnLayout scores() const {
    return {{s.count, s.heads, q(), s.length},
            {s.heads * q() * s.length, q() * s.length, s.length, 1}};
  }
  CudnnLayout scores_transposed() const {
    return {{s.count, s.heads, s.length, q()},
            {s.heads * q() * s.length, q() * s.length, 1, s.length}};
  }
};

std::string describe(const char* pass, const AttentionShape& s) {
  return fmt::format(
      "{} of {} sequences of {} rows, {} of them asking, with {} heads of {} features in bfloat16",
      pass, s.count, s.length, s.queries(), s.heads, s.dim);
}

}  // namespace

CudnnPlan plan_attention_forward(const Cudnn& dnn, const AttentionShape& shape,
                                 const CudnnTarget& target) {
  const Layouts at{shape};
  CudnnGraph g(dnn);
  const auto q = g.tensor(operand_q, bf16, at.queries()), k = g.tensor(operand_k, bf16, at.keys()),
             v = g.tensor(operand_v, bf16, at.keys()), out = g.tensor(operand_out, bf16, at.rows()),
             lse = g.tensor(operand_lse, f32, at.lse());
  g.operation(CUDNN_BACKEND_OPERATION_SDPA_FWD_DESCRIPTOR,
              {{CUDNN_ATTR_OPERATION_SDPA_FWD_QDESC, q},
               {CUDNN_ATTR_OPERATION_SDPA_FWD_KDESC, k},
               {CUDNN_ATTR_OPERATION_SDPA_FWD_VDESC, v},
               {CUDNN_ATTR_OPERATION_SDPA_FWD_ODESC, out},
               {CUDNN_ATTR_OPERATION_SDPA_FWD_STATSDESC, lse},
               {CUDNN_ATTR_OPERATION_SDPA_FWD_SCALEDESC, g.scalar(operand_scale)}});
  return g.build(target, describe("attention forward", shape));
}

// The pattern that the library knows as attention backward: its own descriptor for it is not
// accepted by cuDNN 9.19. With p = exp(scale q k^T - lse) and delta = the sum of dout * out:
// dv = p^T dout, ds = scale p (dout v^T - delta), dq = ds k, dk = ds^T q (Dao, arXiv 2307.08691).
CudnnPlan plan_attention_backward(const Cudnn& dnn, const AttentionShape& shape,
                                  const CudnnTarget& target) {
  const Layouts at{shape};
  CudnnGraph g(dnn);
  const auto rows = [&](std::int64_t id) { return g.tensor(id, bf16, at.rows()); };
  const auto keys = [&](std::int64_t id) { return g.tensor(id, bf16, at.keys()); };
  const auto scores = [&] { return g.between(f32, at.scores()); };
  const auto transposed = [&](CudnnGraph::Node x) {
    const auto y = g.between(bf16, at.scores_transposed());
    g.reshape(x, y);
    return y;
  };
  const auto q = g.tensor(operand_q, bf16, at.queries()),
             kt = g.tensor(operand_k, bf16, at.keys_transposed()),
             vt = g.tensor(operand_v, bf16, at.keys_transposed()), out = rows(operand_out),
             dout = rows(operand_dout), lse = g.tensor(operand_lse, f32, at.lse()),
             scale = g.scalar(operand_scale);

  const auto products = g.between(f32, at.contiguous()), sums = g.between(f32, at.row_sums()),
             delta = g.tensor(operand_delta, f32, at.row_sums());
  g.pointwise(CUDNN_POINTWISE_MUL, dout, out, products);
  g.sum(products, sums);
  g.pointwise(CUDNN_POINTWISE_MUL, sums, g.scalar(operand_one), delta);

  const auto raw = scores(), scaled = scores(), shifted = scores(), p = scores();
  g.matmul(q, kt, raw);
  g.pointwise(CUDNN_POINTWISE_MUL, raw, scale, scaled);
  g.pointwise(CUDNN_POINTWISE_SUB, scaled, lse, shifted);
  g.pointwise(CUDNN_POINTWISE_EXP, shifted, nullptr, p);
  g.matmul(transposed(p), dout, keys(operand_dv));

  const auto dp = scores(), centred = scores(), weighted = scores(), ds = scores();
  g.matmul(dout, vt, dp);
  g.pointwise(CUDNN_POINTWISE_SUB, dp, delta, centred);
  g.pointwise(CUDNN_POINTWISE_MUL, centred, p, weighted);
  g.pointwise(CUDNN_POINTWISE_MUL, weighted, scale, ds);
  g.matmul(transposed(ds), q, keys(operand_dk));
  const auto k = g.between(bf16, at.keys());
  g.reshape(kt, k);
  g.matmul(ds, k, g.tensor(operand_dq, bf16, at.queries()));
  return g.build(target, describe("attention backward", shape));
}

}  // namespace ijepa::cuda
