// Matrix products by OpenCV: those of float64, and of float32 in a build without oneDNN.
#pragma once
#include <opencv2/core.hpp>

#include "gemm_float.hpp"

namespace ijepa {

template <class T>
void opencv_gemm(MatrixView<const T> a, MatrixView<const T> b, Transpose which, MatrixView<T> c) {
  const auto as_mat = [](MatrixView<const T> x) {
    // cv::Mat has no view of const memory.
    return cv::Mat(static_cast<int>(x.rows), static_cast<int>(x.cols), cv::DataType<T>::type,
                   const_cast<T*>(x.data));
  };
  auto out = as_mat({c.data, c.rows, c.cols});
  cv::gemm(as_mat(a), as_mat(b), 1, cv::noArray(), 0, out,
           which == Transpose::first ? cv::GEMM_1_T : cv::GEMM_2_T);
}

}  // namespace ijepa
