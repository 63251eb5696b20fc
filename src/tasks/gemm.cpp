#include "gemm.hpp"

#include <oneapi/dnnl/dnnl.h>

#include <opencv2/core.hpp>

#include "ijepa/core/error.hpp"

namespace ijepa {
namespace {

enum class Transpose : std::uint8_t { first, second };

void gemm(MatrixView<const float> a, MatrixView<const float> b, Transpose which,
          MatrixView<float> c) {
  const bool first = which == Transpose::first;
  const auto status =
      dnnl_sgemm(first ? 'T' : 'N', first ? 'N' : 'T', c.rows, c.cols, first ? a.rows : a.cols, 1,
                 a.data, a.cols, b.data, b.cols, 0, c.data, c.cols);
  check(status == dnnl_success, "A matrix product of the probe failed (oneDNN status {}).",
        static_cast<int>(status));
}

cv::Mat as_mat(MatrixView<const double> x) {
  return {static_cast<int>(x.rows), static_cast<int>(x.cols), CV_64F,
          const_cast<double*>(x.data)};  // cv::Mat has no view of const memory
}

void gemm(MatrixView<const double> a, MatrixView<const double> b, Transpose which,
          MatrixView<double> c) {
  auto out = as_mat(c);
  cv::gemm(as_mat(a), as_mat(b), 1, cv::noArray(), 0, out,
           which == Transpose::first ? cv::GEMM_1_T : cv::GEMM_2_T);
}

}  // namespace

template <class T>
void multiply_transposed(MatrixView<const T> a, MatrixView<const T> b, MatrixView<T> c) {
  gemm(a, b, Transpose::second, c);
}

template <class T>
void transposed_multiply(MatrixView<const T> a, MatrixView<const T> b, MatrixView<T> c) {
  gemm(a, b, Transpose::first, c);
}

template void multiply_transposed(MatrixView<const float>, MatrixView<const float>,
                                  MatrixView<float>);
template void multiply_transposed(MatrixView<const double>, MatrixView<const double>,
                                  MatrixView<double>);
template void transposed_multiply(MatrixView<const float>, MatrixView<const float>,
                                  MatrixView<float>);
template void transposed_multiply(MatrixView<const double>, MatrixView<const double>,
                                  MatrixView<double>);

}  // namespace ijepa
