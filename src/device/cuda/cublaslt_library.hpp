// cuBLASLt, opened when a GPU is first used: the programs start on machines that lack it. The
// emulated device has a double of it behind the same table.
#pragma once
#include <cublasLt.h>

#include "ijepa/core/error.hpp"

namespace ijepa::cuda {

/// The functions that Matmul calls, by their own names without the prefix.
struct CublasLt {
  decltype(&cublasLtCreate) create;
  decltype(&cublasLtDestroy) destroy;
  decltype(&cublasLtGetVersion) version;
  decltype(&cublasLtGetStatusString) status_string;
  decltype(&cublasLtMatmul) matmul;
  decltype(&cublasLtMatmulAlgoGetHeuristic) get_heuristic;
  decltype(&cublasLtMatmulAlgoCheck) algorithm_check;
  decltype(&cublasLtMatmulAlgoConfigGetAttribute) algorithm_get;
  decltype(&cublasLtMatmulDescCreate) desc_create;
  decltype(&cublasLtMatmulDescDestroy) desc_destroy;
  decltype(&cublasLtMatmulDescSetAttribute) desc_set;
  decltype(&cublasLtMatrixLayoutCreate) layout_create;
  decltype(&cublasLtMatrixLayoutDestroy) layout_destroy;
  decltype(&cublasLtMatmulPreferenceCreate) preference_create;
  decltype(&cublasLtMatmulPreferenceDestroy) preference_destroy;
  decltype(&cublasLtMatmulPreferenceSetAttribute) preference_set;

  /// An Error naming `what` unless the status is success.
  void expect(cublasStatus_t status, const char* what) const {
    check(status == CUBLAS_STATUS_SUCCESS, "cuBLASLt failed at {}: {}.", what,
          status_string(status));
  }
};

/// An Error naming the file that the dynamic loader does not find.
CublasLt open_cublaslt();

}  // namespace ijepa::cuda
