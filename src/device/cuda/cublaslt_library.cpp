#include "cublaslt_library.hpp"

#include <dlfcn.h>

#include "ijepa/core/error.hpp"
#include "ijepa/device/vendor_library.hpp"

namespace ijepa::cuda {
namespace {

template <class Function>
void find(void* library, const char* name, Function& function) {
  void* symbol = dlsym(library, name);
  check(symbol != nullptr, "The cuBLASLt library has no function {}: install CUDA {} or newer.",
        name, CUBLAS_VER_MAJOR);
  function = reinterpret_cast<Function>(symbol);
}

}  // namespace

CublasLt open_cublaslt() {
  void* library = open_vendor_library(fmt::format("libcublasLt.so.{}", CUBLAS_VER_MAJOR),
                                      fmt::format("the CUDA {} libraries", CUBLAS_VER_MAJOR));
  CublasLt lt{};
  find(library, "cublasLtCreate", lt.create);
  find(library, "cublasLtDestroy", lt.destroy);
  find(library, "cublasLtGetStatusString", lt.status_string);
  find(library, "cublasLtMatmul", lt.matmul);
  find(library, "cublasLtMatmulAlgoGetHeuristic", lt.get_heuristic);
  find(library, "cublasLtMatmulDescCreate", lt.desc_create);
  find(library, "cublasLtMatmulDescDestroy", lt.desc_destroy);
  find(library, "cublasLtMatmulDescSetAttribute", lt.desc_set);
  find(library, "cublasLtMatrixLayoutCreate", lt.layout_create);
  find(library, "cublasLtMatrixLayoutDestroy", lt.layout_destroy);
  find(library, "cublasLtMatmulPreferenceCreate", lt.preference_create);
  find(library, "cublasLtMatmulPreferenceDestroy", lt.preference_destroy);
  find(library, "cublasLtMatmulPreferenceSetAttribute", lt.preference_set);
  return lt;
}

}  // namespace ijepa::cuda
