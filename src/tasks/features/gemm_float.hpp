// Matrix products of float32: by oneDNN, or by OpenCV in a build without it.
#pragma once
#include <cstdint>

#include "ijepa/core/matrix.hpp"

namespace ijepa {

enum class Transpose : std::uint8_t { first, second };

/// c = a^T b or a b^T.
void gemm(MatrixView<const float> a, MatrixView<const float> b, Transpose which,
          MatrixView<float> c);

}  // namespace ijepa
