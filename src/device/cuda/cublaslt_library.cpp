#include "cublaslt_library.hpp"

#include <fmt/format.h>

#include "ijepa/device/vendor_library.hpp"

namespace ijepa::cuda {

CublasLt open_cublaslt() {
  const VendorLibrary library(fmt::format("libcublasLt.so.{}", CUBLAS_VER_MAJOR),
                              fmt::format("the CUDA {} libraries", CUBLAS_VER_MAJOR));
  CublasLt lt{};
  const auto find = [&]<class F>(const char* name, F& function) {
    function = library.find<F>(name);
  };
  find("cublasLtCreate", lt.create);
  find("cublasLtDestroy", lt.destroy);
  find("cublasLtGetVersion", lt.version);
  find("cublasLtGetStatusString", lt.status_string);
  find("cublasLtMatmul", lt.matmul);
  find("cublasLtMatmulAlgoGetHeuristic", lt.get_heuristic);
  find("cublasLtMatmulAlgoCheck", lt.algorithm_check);
  find("cublasLtMatmulAlgoConfigGetAttribute", lt.algorithm_get);
  find("cublasLtMatmulDescCreate", lt.desc_create);
  find("cublasLtMatmulDescDestroy", lt.desc_destroy);
  find("cublasLtMatmulDescSetAttribute", lt.desc_set);
  find("cublasLtMatrixLayoutCreate", lt.layout_create);
  find("cublasLtMatrixLayoutDestroy", lt.layout_destroy);
  find("cublasLtMatmulPreferenceCreate", lt.preference_create);
  find("cublasLtMatmulPreferenceDestroy", lt.preference_destroy);
  find("cublasLtMatmulPreferenceSetAttribute", lt.preference_set);
  return lt;
}

}  // namespace ijepa::cuda
