// Matrix products of the probes: float32 by oneDNN where the build has it, else, and float64 (tests
// against reference numbers), by OpenCV.
#pragma once
#include "ijepa/core/matrix.hpp"

namespace ijepa {

/// c (M, N) = a (M, K) b^T with b (N, K).
template <class T>
void multiply_transposed(MatrixView<const T> a, MatrixView<const T> b, MatrixView<T> c);

/// c (M, N) = a^T b with a (K, M), b (K, N).
template <class T>
void transposed_multiply(MatrixView<const T> a, MatrixView<const T> b, MatrixView<T> c);

}  // namespace ijepa
