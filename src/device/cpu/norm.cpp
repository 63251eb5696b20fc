// Layer norm, and the addition of a branch before it: threads take rows; row_kernel.hpp has the
// maths. With xh = (x - mean) rstd and g = w dy:
//   dx = rstd (g - mean(g) - xh mean(g xh)),  dw = sum dy xh,  db = sum dy.
#include "cpu_ops.hpp"
#include "norm_checks.hpp"
#include "parallel.hpp"
#include "types.hpp"

namespace ijepa::cpu {
namespace {

/// Rows whose dw and db are added up before blocks are; fixed, so sums ignore the thread count.
constexpr std::int64_t row_block = 64;
/// Rows that one step of an operation leaves in the cache for the next.
constexpr std::int64_t cached_rows = 16;

/// Calls f(Range) for `rows`, some at a time.
template <class F>
void for_cached_rows(Range rows, F&& f) {
  for (auto row = rows.begin; row < rows.end; row += cached_rows)
    f(Range{row, std::min(rows.end, row + cached_rows)});
}

template <class S>
void sum_blocks(const S* partial, std::int64_t blocks, std::int64_t stride, std::int64_t cols,
                Write mode, S* y) {
  if (mode == Write::overwrite) std::fill_n(y, cols, S(0));
  for (std::int64_t b = 0; b < blocks; ++b)
    for (std::int64_t j = 0; j < cols; ++j) y[j] += partial[b * stride + j];
}

}  // namespace

void CpuOps::layer_norm_forward(const BranchSum& s, Tensor w, Tensor b, double epsilon, Tensor y,
                                Tensor mean, Tensor rstd) {
  expect_norm("layer_norm_forward", s, w, b, y, mean, rstd);
  const NormRows n{s.sum.cols(), s.sum, w, b, mean, rstd, s};
  parallel_for(threads_, s.sum.rows(), 4, [&](std::int64_t begin, std::int64_t end) {
    kernels_.layer_norm_forward(n, epsilon, y, {begin, end});
  });
}

void CpuOps::layer_norm_backward(Tensor dy, Tensor x, Tensor w, Tensor mean, Tensor rstd,
                                 const BranchGradient& d, Tensor dw, Tensor db, Write mode) {
  expect_norm_gradient("layer_norm_backward", dy, x, w, mean, rstd, d, dw, db);
  const NormRows n{x.cols(), x, w, {}, mean, rstd};
  const auto rows = n.x.rows(), cols = n.cols;
  const auto blocks = (rows + row_block - 1) / row_block;
  on_parameters(dw, [&]<class S>(S* dws) {
    S* partial = scratch<S>(0, blocks * 2 * cols);
    parallel_for(threads_, blocks, 1, [&](std::int64_t begin, std::int64_t end) {
      for (auto block = begin; block < end; ++block) {
        S* sums = partial + block * 2 * cols;
        std::fill_n(sums, 2 * cols, S(0));
        for_cached_rows({block * row_block, std::min(rows, (block + 1) * row_block)}, [&](Range r) {
          kernels_.layer_norm_backward(n, dy, d.dsum_accum, r, sums, sums + cols);
          if (!d.dbranch.empty()) add_rows({}, d.dsum_accum, d.scale, d.row_sequence, d.dbranch, r);
        });
      }
    });
    sum_blocks(partial, blocks, 2 * cols, cols, mode, dws);
    sum_blocks(partial + cols, blocks, 2 * cols, cols, mode, db.as<S>());
  });
}

}  // namespace ijepa::cpu
