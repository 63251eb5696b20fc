#include "gemm.hpp"

#include "gemm_opencv.hpp"

namespace ijepa {
namespace {

void gemm(MatrixView<const double> a, MatrixView<const double> b, Transpose which,
          MatrixView<double> c) {
  opencv_gemm(a, b, which, c);
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
