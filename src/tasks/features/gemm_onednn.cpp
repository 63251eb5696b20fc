#include <oneapi/dnnl/dnnl.h>

#include "gemm_float.hpp"
#include "ijepa/core/error.hpp"

namespace ijepa {

void gemm(MatrixView<const float> a, MatrixView<const float> b, Transpose which,
          MatrixView<float> c) {
  const bool first = which == Transpose::first;
  const auto status =
      dnnl_sgemm(first ? 'T' : 'N', first ? 'N' : 'T', c.rows, c.cols, first ? a.rows : a.cols, 1,
                 a.data, a.cols, b.data, b.cols, 0, c.data, c.cols);
  check(status == dnnl_success, "A matrix product of the probe failed (oneDNN status {}).",
        static_cast<int>(status));
}

}  // namespace ijepa
