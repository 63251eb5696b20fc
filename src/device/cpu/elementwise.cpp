// Memory and element-wise operations.
#include <algorithm>
#include <cmath>
#include <cstring>

#include "checks.hpp"
#include "cpu_ops.hpp"
#include "parallel.hpp"
#include "types.hpp"

namespace ijepa::cpu {
namespace {

constexpr std::int64_t element_grain = 1 << 14;

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
    kernels_.gelu_backward(x, dy_inout, {}, {begin, end});
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

void CpuOps::scaled_sum(double a, Tensor x, Tensor squares, double b, Tensor y) {
  expect_same_size("scaled_sum", "y", y, x);
  expect_same_width("scaled_sum", "y", y, x);
  if (!squares.empty()) {
    expect_vector("scaled_sum", "squares", squares, parameter_type(x.dtype), 1);
    on_parameters(squares,
                  [&](const auto* s) { a /= std::max<double>(std::sqrt(*s), least_divisor); });
  }
  parallel_for(threads_, x.numel(), element_grain, [&](std::int64_t begin, std::int64_t end) {
    kernels_.scaled_sum(a, x, b, y, {begin, end});
  });
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
        if (cols == 1 && sequence != nullptr) {  // how elements are multiplied
          for (auto i = rows.begin; i < rows.end; ++i) {
            const W base = a.empty() ? W(0) : convert<W>(as[i]);
            ys[i] = convert<Y>(base + convert<W>(scales[sequence[i]]) * convert<W>(bs[i]));
          }
          return;
        }
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

}  // namespace ijepa::cpu
