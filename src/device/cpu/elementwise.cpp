// Memory, element-wise operations and the loss.
#include <cstring>

#include "checks.hpp"
#include "cpu_ops.hpp"
#include "parallel.hpp"
#include "types.hpp"

namespace ijepa::cpu {
namespace {

constexpr std::int64_t element_grain = 1 << 14;
/// Elements a partial sum covers; fixed, so that sums do not depend on the number of threads.
constexpr std::int64_t sum_block = 1 << 14;

/// Sum over [0, n) of term(i), in double, block by block.
template <class F>
double block_sum(int threads, std::int64_t n, F&& term) {
  const auto blocks = (n + sum_block - 1) / sum_block;
  std::vector<double> partial(static_cast<std::size_t>(blocks));
  parallel_for(threads, blocks, 1, [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t block = begin; block < end; ++block) {
      double sum = 0;
      for (std::int64_t i = block * sum_block; i < std::min(n, (block + 1) * sum_block); ++i)
        sum += term(i);
      partial[static_cast<std::size_t>(block)] = sum;
    }
  });
  double total = 0;
  for (const double p : partial) total += p;
  return total;
}

void add_to_scalar(Tensor scalar, double value) {
  on_floats(
      [&](auto* s) {
        *s = convert<std::remove_reference_t<decltype(*s)>>(convert<double>(*s) + value);
      },
      scalar);
}

}  // namespace

// Where there is nothing to copy the addresses may be null, which memcpy must not be given.
void CpuOps::upload(const void* host, Tensor dst) {
  if (dst.bytes() > 0) std::memcpy(dst.data, host, dst.bytes());
}

void CpuOps::download(Tensor src, void* host) {
  if (src.bytes() > 0) std::memcpy(host, src.data, src.bytes());
}

void CpuOps::fill_zero(Tensor y) {
  auto* bytes = static_cast<std::byte*>(y.data);
  parallel_for(threads_, static_cast<std::int64_t>(y.bytes()), 1 << 16,
               [&](std::int64_t begin, std::int64_t end) {
                 std::memset(bytes + begin, 0, static_cast<std::size_t>(end - begin));
               });
}

void CpuOps::copy(Tensor x, Tensor y) {
  expect_same_size("copy", "y", y, x);
  on_floats(
      [&](const auto* xs, auto* ys) {
        parallel_for(threads_, x.numel(), element_grain, [&](std::int64_t begin, std::int64_t end) {
          for (auto i = begin; i < end; ++i)
            ys[i] = convert<std::remove_reference_t<decltype(*ys)>>(xs[i]);
        });
      },
      x, y);
}

void CpuOps::gelu_forward(Tensor x, Tensor y) {
  expect_same_size("gelu_forward", "y", y, x);
  expect_same_width("gelu_forward", "y", y, x);
  parallel_for(threads_, x.numel(), 1 << 11, [&](std::int64_t begin, std::int64_t end) {
    kernels_.gelu_forward(x, y, {begin, end});
  });
}

void CpuOps::gelu_backward(Tensor x, Tensor dy_inout) {
  expect_same_size("gelu_backward", "dy", dy_inout, x);
  expect_same_width("gelu_backward", "dy", dy_inout, x);
  parallel_for(threads_, x.numel(), 1 << 11, [&](std::int64_t begin, std::int64_t end) {
    kernels_.gelu_backward(x, dy_inout, {begin, end});
  });
}

void CpuOps::add(Tensor a, Tensor b, Tensor y) {
  expect_same_size("add", "b", b, a);
  expect_same_size("add", "y", y, a);
  on_floats(
      [&]<class A, class B, class Y>(A* as, B* bs, Y* ys) {
        using W = Wide<A, B>;
        parallel_for(threads_, a.numel(), element_grain, [&](std::int64_t begin, std::int64_t end) {
          for (auto i = begin; i < end; ++i)
            ys[i] = convert<Y>(convert<W>(as[i]) + convert<W>(bs[i]));
        });
      },
      a, b, y);
}

void CpuOps::add_scaled_rows(Tensor a, Tensor b, Tensor scale, Tensor row_sequence, Tensor y) {
  constexpr auto op = "add_scaled_rows";
  const auto rows = b.rows(), cols = b.cols();
  if (!a.empty()) expect_matrix(op, "a", a, rows, cols);
  expect_matrix(op, "y", y, rows, cols);
  expect_vector(op, "row_sequence", row_sequence, DType::i32, rows);
  parallel_for(threads_, rows, 16, [&](std::int64_t begin, std::int64_t end) {
    add_rows(a, b, scale, row_sequence, y, {begin, end});
  });
}

void CpuOps::add_rows(Tensor a, Tensor b, Tensor scale, Tensor row_sequence, Tensor y, Range rows) {
  const auto cols = b.cols();
  const Tensor first = a.empty() ? y : a;
  const auto* sequence = scale.empty() ? nullptr : row_sequence.as<std::int32_t>();
  on_floats(
      [&]<class A, class B, class S, class Y>(A* as, B* bs, S* scales, Y* ys) {
        using W = Wide<A, B, S>;
        for (auto i = rows.begin; i < rows.end; ++i) {
          const W s = sequence != nullptr ? convert<W>(scales[sequence[i]]) : W(1);
          for (auto j = i * cols; j < (i + 1) * cols; ++j) {
            const W base = a.empty() ? W(0) : convert<W>(as[j]);
            ys[j] = convert<Y>(base + s * convert<W>(bs[j]));
          }
        }
      },
      first, b, scale, y);
}

void CpuOps::smooth_l1(Tensor prediction, Tensor target, double scale, Tensor loss_accum,
                       Tensor dprediction) {
  expect_same_size("smooth_l1", "target", target, prediction);
  expect_same_size("smooth_l1", "dprediction", dprediction, prediction);
  double sum = 0;
  on_floats(
      [&]<class P, class T, class D>(P* p, T* t, D* dp) {
        using W = Wide<P, T>;
        sum = block_sum(threads_, prediction.numel(), [&](std::int64_t i) {
          const W d = convert<W>(p[i]) - convert<W>(t[i]);
          dp[i] = convert<D>(W(scale) * smooth_l1_gradient(d));
          return static_cast<double>(ijepa::smooth_l1(d));
        });
      },
      prediction, target, dprediction);
  add_to_scalar(loss_accum, scale * sum);
}

void CpuOps::sum_squares(Tensor x, Tensor result_accum) {
  double sum = 0;
  on_floats(
      [&](const auto* xs) {
        sum = block_sum(threads_, x.numel(), [&](std::int64_t i) {
          const auto value = convert<double>(xs[i]);
          return value * value;
        });
      },
      x);
  add_to_scalar(result_accum, sum);
}

}  // namespace ijepa::cpu
