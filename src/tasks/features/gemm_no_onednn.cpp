#include "gemm_opencv.hpp"

namespace ijepa {

void gemm(MatrixView<const float> a, MatrixView<const float> b, Transpose which,
          MatrixView<float> c) {
  opencv_gemm(a, b, which, c);
}

}  // namespace ijepa
