// The loss with its gradient, and sums of squares: sums over all elements in double, made of
// partial sums whose extent does not depend on the number of threads.
#include <numeric>
#include <vector>

#include "cpu_ops.hpp"
#include "norm_checks.hpp"
#include "parallel.hpp"
#include "types.hpp"

namespace ijepa::cpu {
namespace {

constexpr std::int64_t elements_of_sum = 1 << 14, rows_of_sum = 16;

/// The sum over [0, n) of f(piece, range), which covers `extent` at a time. A piece has one thread.
template <class F>
double sum_ranges(int threads, std::int64_t n, std::int64_t extent, F&& f) {
  const auto ranges = (n + extent - 1) / extent;
  std::vector<double> partial(static_cast<std::size_t>(ranges));
  parallel_pieces(threads, ranges, 1,
                  [&](std::int64_t piece, std::int64_t begin, std::int64_t end) {
                    for (auto i = begin; i < end; ++i)
                      partial[static_cast<std::size_t>(i)] =
                          f(piece, Range{i * extent, std::min(n, (i + 1) * extent)});
                  });
  return std::accumulate(partial.begin(), partial.end(), 0.0);
}

void add_to_scalar(Tensor scalar, double value) {
  on_floats(
      [&](auto* s) {
        *s = convert<std::remove_reference_t<decltype(*s)>>(convert<double>(*s) + value);
      },
      scalar);
}

Tensor row_of(const Tensor& x, std::int64_t row) {
  const auto bytes = static_cast<std::int64_t>(size_of(x.dtype)) * x.cols();
  return make_tensor(static_cast<std::byte*>(x.data) + row * bytes, x.dtype, {1, x.cols()});
}

/// What predictions of one row are compared with, each in a buffer of its own.
template <class C>
class TargetRow {
 public:
  TargetRow(const TargetRows& targets, const Kernels& kernels, DType type, C* buffer)
      : targets_(targets), kernels_(kernels), type_(type), buffer_(buffer) {}

  /// Numbers of the buffer that a row of `cols` takes.
  static std::int64_t room(std::int64_t cols) {
    return aligned((cols + 2) * static_cast<std::int64_t>(sizeof(C))) /
           static_cast<std::int64_t>(sizeof(C));
  }

  const C* of(std::int32_t row) {
    if (targets_.shift.empty()) {
      normalise(row);
    } else {
      on_floats([&](const auto* features) { centre(features, row); }, targets_.features);
    }
    return buffer_;
  }

 private:
  void normalise(std::int32_t row) {
    const auto cols = targets_.features.cols();
    const Tensor mean = make_tensor(buffer_ + cols, type_, {1}),
                 rstd = make_tensor(buffer_ + cols + 1, type_, {1});
    const NormRows n{cols, row_of(targets_.features, row), {}, {}, mean, rstd};
    kernels_.layer_norm_forward(n, targets_.epsilon, make_tensor(buffer_, type_, {1, cols}),
                                {0, 1});
  }

  template <class T>
  void centre(const T* features, std::int32_t row) {
    const auto cols = targets_.features.cols();
    const T* feature = features + row * cols;
    const C* shift = targets_.shift.as<C>() + row % targets_.shift.rows() * cols;
    const C* factor = targets_.factor.as<C>();
    for (std::int64_t j = 0; j < cols; ++j)
      buffer_[j] = (convert<C>(feature[j]) + shift[j]) * factor[j];
  }

  const TargetRows& targets_;
  const Kernels& kernels_;
  DType type_;
  C* buffer_;
};

}  // namespace

void CpuOps::smooth_l1(Tensor prediction, const TargetRows& targets, double scale,
                       Tensor loss_accum, Tensor dprediction) {
  expect_loss("smooth_l1", prediction, targets, dprediction);
  const auto cols = prediction.cols();
  const auto* rows = targets.rows.as<std::int32_t>();
  double sum = 0;
  const auto add_up = [&]<class C>(C) {
    const auto own = TargetRow<C>::room(cols);
    C* buffers = scratch<C>(0, own * threads_);
    sum =
        sum_ranges(threads_, prediction.rows(), rows_of_sum, [&](std::int64_t piece, Range range) {
          TargetRow<C> target(targets, kernels_, parameter_type(prediction.dtype),
                              buffers + piece * own);
          double part = 0;
          for (auto i = range.begin; i < range.end; ++i)
            part += kernels_.smooth_l1(prediction, i, target.of(rows[i]), scale, dprediction);
          return part;
        });
  };
  prediction.dtype == DType::f64 ? add_up(double{}) : add_up(float{});
  add_to_scalar(loss_accum, scale * sum);
}

void CpuOps::sum_squares(Tensor x, Tensor result_accum) {
  const double sum =
      sum_ranges(threads_, x.numel(), elements_of_sum,
                 [&](std::int64_t, Range range) { return kernels_.sum_squares(x, range); });
  add_to_scalar(result_accum, sum);
}

}  // namespace ijepa::cpu
