// The double of cuBLASLt: column-major products in double precision on the emulated stream, with
// the library's rules for operands checked, and algorithms that differ by what they ask and take.
#include <cuda_emulation.hpp>
#include <numeric>
#include <vector>

#include "control.hpp"
#include "ijepa/core/error.hpp"
#include "ijepa/core/scalar.hpp"
#include "src/device/cuda/cublaslt_library.hpp"

namespace emulation {

Products& products() {
  static Products here;
  return here;
}

namespace {

using ijepa::BFloat16;
using ijepa::check;

struct Operation {
  cublasOperation_t a = CUBLAS_OP_N, b = CUBLAS_OP_N;
  cublasLtEpilogue_t epilogue = CUBLASLT_EPILOGUE_DEFAULT;
  void* bias = nullptr;
};

/// Column-major.
struct Layout {
  cudaDataType_t type;
  std::uint64_t rows, cols;
  std::int64_t stride;  // between columns

  std::size_t element_bytes() const { return type == CUDA_R_32F ? 4 : 2; }
  std::size_t bytes() const {
    return (static_cast<std::size_t>(stride) * (cols - 1) + rows) * element_bytes();
  }
};

struct Preference {
  std::uint64_t workspace = 0;
  std::uint32_t schemes = CUBLASLT_REDUCTION_SCHEME_MASK;
  std::uint32_t alignment[4] = {256, 256, 256, 256};  // of a, b, c, d
};

Operation& operation(cublasLtMatmulDesc_t p) {
  return *reinterpret_cast<Operation*>(p);
}
Layout& layout(cublasLtMatrixLayout_t p) {
  return *reinterpret_cast<Layout*>(p);
}
Preference& preference(cublasLtMatmulPreference_t p) {
  return *reinterpret_cast<Preference*>(p);
}

template <class T>
void assign(T& to, const void* from, std::size_t bytes) {
  check(bytes == sizeof to, "cuBLASLt is given {} bytes of an attribute of {}.", bytes, sizeof to);
  std::memcpy(&to, from, bytes);
}

const ProductAlgorithm* find(const cublasLtMatmulAlgo_t& algorithm) {
  for (const auto& known : products().algorithms)
    if (known.id == algorithm.data[0]) return &known;
  return nullptr;
}

/// A product as it goes on the stream: what the descriptors said when it was put there.
struct Job {
  Operation operation;
  Layout a, b, c;
  bool accumulate;
  const void *a_data, *b_data;
  void* c_data;
  double microseconds;
};

std::uint64_t inner(const Operation& o, const Layout& a) {
  return o.a == CUBLAS_OP_N ? a.cols : a.rows;
}

void expect_rules(const Job& j) {
  for (const Layout* l : {&j.a, &j.b, &j.c})
    check(l->rows > 0 && l->cols > 0 && l->stride >= static_cast<std::int64_t>(l->rows),
          "cuBLASLt refuses a matrix of ({}, {}), {} apart.", l->rows, l->cols, l->stride);
  const auto rows = j.operation.a == CUBLAS_OP_N ? j.a.rows : j.a.cols;
  const auto cols = j.operation.b == CUBLAS_OP_N ? j.b.cols : j.b.rows;
  const auto depth = j.operation.b == CUBLAS_OP_N ? j.b.rows : j.b.cols;
  check(rows == j.c.rows && cols == j.c.cols && depth == inner(j.operation, j.a),
        "cuBLASLt refuses ({}, {}) times ({}, {}) as ({}, {}).", rows, inner(j.operation, j.a),
        depth, cols, j.c.rows, j.c.cols);
  check(j.a.type == j.b.type && (j.c.type == j.a.type || j.c.type == CUDA_R_32F),
        "cuBLASLt refuses a product of types {} and {} with a result of type {}.",
        static_cast<int>(j.a.type), static_cast<int>(j.b.type), static_cast<int>(j.c.type));
  check((j.operation.epilogue != CUBLASLT_EPILOGUE_DEFAULT) == (j.operation.bias != nullptr),
        "A product with a bias or its gradient needs its address, and only that.");
  check(j.operation.epilogue != CUBLASLT_EPILOGUE_BGRADB || !j.accumulate,
        "A gradient of a bias overwrites; here the product is added to.");
  check_aligned(j.a_data, j.a.element_bytes());
  check_aligned(j.b_data, j.b.element_bytes());
  // The library's own kernels store results and biases in vectors of at least this.
  check_aligned(j.c_data, 16);
  check_aligned(j.operation.bias, 16);
}

double element(const void* data, cudaDataType_t type, std::size_t i) {
  if (type == CUDA_R_32F) return static_cast<const float*>(data)[i];
  return static_cast<float>(static_cast<const BFloat16*>(data)[i]);
}

void set_element(void* data, cudaDataType_t type, std::size_t i, double value) {
  if (type == CUDA_R_32F)
    static_cast<float*>(data)[i] = static_cast<float>(value);
  else
    static_cast<BFloat16*>(data)[i] = BFloat16(static_cast<float>(value));
}

/// The rows of op(matrix) one after the other, or its columns.
std::vector<double> in_lines(const void* data, const Layout& l, bool columns) {
  std::vector<double> values;
  values.reserve(l.rows * l.cols);
  const auto stride = static_cast<std::size_t>(l.stride);
  for (std::size_t line = 0; line < (columns ? l.cols : l.rows); ++line)
    for (std::size_t i = 0; i < (columns ? l.rows : l.cols); ++i)
      values.push_back(element(data, l.type, columns ? line * stride + i : i * stride + line));
  return values;
}

void multiply(const Job& j) {
  const Operation& o = j.operation;
  check_range(j.a_data, j.a.bytes(), false);
  check_range(j.b_data, j.b.bytes(), false);
  const bool biased = o.epilogue == CUBLASLT_EPILOGUE_BIAS;
  if (biased) check_range(o.bias, j.c.rows * j.c.element_bytes(), false);
  if (j.accumulate) check_range(j.c_data, j.c.bytes(), false);
  check_range(j.c_data, j.c.bytes(), true);
  const auto rows = in_lines(j.a_data, j.a, o.a == CUBLAS_OP_T);
  const auto cols = in_lines(j.b_data, j.b, o.b == CUBLAS_OP_N);
  const std::size_t depth = inner(o, j.a);
  for (std::size_t col = 0; col < j.c.cols; ++col)
    for (std::size_t row = 0; row < j.c.rows; ++row) {
      const std::size_t at = col * static_cast<std::size_t>(j.c.stride) + row;
      double sum = biased ? element(o.bias, j.c.type, row) : 0;
      if (j.accumulate) sum += element(j.c_data, j.c.type, at);
      const double *x = rows.data() + row * depth, *y = cols.data() + col * depth;
      for (std::size_t t = 0; t < depth; ++t) sum += x[t] * y[t];
      set_element(j.c_data, j.c.type, at, sum);
    }
  if (o.epilogue == CUBLASLT_EPILOGUE_BGRADB) {
    check_range(o.bias, j.c.cols * j.c.element_bytes(), true);
    for (std::size_t col = 0; col < j.c.cols; ++col) {
      const auto first = cols.begin() + static_cast<std::ptrdiff_t>(col * depth);
      set_element(o.bias, j.c.type, col,
                  std::accumulate(first, first + static_cast<std::ptrdiff_t>(depth), 0.0));
    }
  }
  take_time(j.microseconds);
}

// ---- the functions of the library ----

cublasStatus_t create(cublasLtHandle_t* handle) {
  static int here;
  *handle = reinterpret_cast<cublasLtHandle_t>(&here);
  return CUBLAS_STATUS_SUCCESS;
}

cublasStatus_t destroy(cublasLtHandle_t) {
  return CUBLAS_STATUS_SUCCESS;
}

std::size_t version() {
  return products().version;
}

const char* status_string(cublasStatus_t) {
  return "an emulated error";
}

cublasStatus_t desc_create(cublasLtMatmulDesc_t* out, cublasComputeType_t, cudaDataType_t) {
  *out = reinterpret_cast<cublasLtMatmulDesc_t>(new Operation);
  return CUBLAS_STATUS_SUCCESS;
}

cublasStatus_t desc_destroy(cublasLtMatmulDesc_t p) {
  delete &operation(p);
  return CUBLAS_STATUS_SUCCESS;
}

cublasStatus_t desc_set(cublasLtMatmulDesc_t p, cublasLtMatmulDescAttributes_t attribute,
                        const void* value, std::size_t bytes) {
  Operation& o = operation(p);
  switch (attribute) {
    case CUBLASLT_MATMUL_DESC_TRANSA:
      assign(o.a, value, bytes);
      break;
    case CUBLASLT_MATMUL_DESC_TRANSB:
      assign(o.b, value, bytes);
      break;
    case CUBLASLT_MATMUL_DESC_EPILOGUE:
      assign(o.epilogue, value, bytes);
      break;
    case CUBLASLT_MATMUL_DESC_BIAS_POINTER:
      assign(o.bias, value, bytes);
      break;
    default:
      return CUBLAS_STATUS_NOT_SUPPORTED;
  }
  return CUBLAS_STATUS_SUCCESS;
}

cublasStatus_t layout_create(cublasLtMatrixLayout_t* out, cudaDataType type, std::uint64_t rows,
                             std::uint64_t cols, std::int64_t stride) {
  *out = reinterpret_cast<cublasLtMatrixLayout_t>(new Layout{type, rows, cols, stride});
  return CUBLAS_STATUS_SUCCESS;
}

cublasStatus_t layout_destroy(cublasLtMatrixLayout_t p) {
  delete &layout(p);
  return CUBLAS_STATUS_SUCCESS;
}

cublasStatus_t preference_create(cublasLtMatmulPreference_t* out) {
  *out = reinterpret_cast<cublasLtMatmulPreference_t>(new Preference);
  return CUBLAS_STATUS_SUCCESS;
}

cublasStatus_t preference_destroy(cublasLtMatmulPreference_t p) {
  delete &preference(p);
  return CUBLAS_STATUS_SUCCESS;
}

cublasStatus_t preference_set(cublasLtMatmulPreference_t p,
                              cublasLtMatmulPreferenceAttributes_t attribute, const void* value,
                              std::size_t bytes) {
  Preference& wish = preference(p);
  switch (attribute) {
    case CUBLASLT_MATMUL_PREF_MAX_WORKSPACE_BYTES:
      assign(wish.workspace, value, bytes);
      break;
    case CUBLASLT_MATMUL_PREF_REDUCTION_SCHEME_MASK:
      assign(wish.schemes, value, bytes);
      break;
    case CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_A_BYTES:
    case CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_B_BYTES:
    case CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_C_BYTES:
    case CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_D_BYTES:
      assign(wish.alignment[attribute - CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_A_BYTES], value, bytes);
      break;
    default:
      return CUBLAS_STATUS_NOT_SUPPORTED;
  }
  return CUBLAS_STATUS_SUCCESS;
}

/// Our rows are the columns of the library's result, or what it sums over.
bool takes_rows(const ProductAlgorithm& known, const Operation& o, const Layout& a,
                const Layout& c) {
  const auto rows = o.b == CUBLAS_OP_T ? inner(o, a) : c.cols;
  return rows % known.rows_multiple == 0;
}

cublasStatus_t get_heuristic(cublasLtHandle_t, cublasLtMatmulDesc_t o, cublasLtMatrixLayout_t a,
                             cublasLtMatrixLayout_t, cublasLtMatrixLayout_t c,
                             cublasLtMatrixLayout_t, cublasLtMatmulPreference_t p, int most,
                             cublasLtMatmulHeuristicResult_t* results, int* found) {
  ++products().suggestions;
  if (!products().has_epilogues && operation(o).epilogue != CUBLASLT_EPILOGUE_DEFAULT)
    return CUBLAS_STATUS_NOT_SUPPORTED;
  const Preference& wish = preference(p);
  *found = 0;
  for (const auto& known : products().algorithms) {
    bool fits = known.workspace <= wish.workspace && (known.reduction & ~wish.schemes) == 0 &&
                takes_rows(known, operation(o), layout(a), layout(c));
    for (const std::uint32_t alignment : wish.alignment)
      fits = fits && alignment >= known.alignment;
    if (!fits || *found == most) continue;
    auto& result = results[(*found)++];
    result = {};
    result.algo.data[0] = known.id;
    result.workspaceSize = known.workspace;
  }
  return CUBLAS_STATUS_SUCCESS;
}

cublasStatus_t algorithm_check(cublasLtHandle_t, cublasLtMatmulDesc_t o, cublasLtMatrixLayout_t a,
                               cublasLtMatrixLayout_t, cublasLtMatrixLayout_t c,
                               cublasLtMatrixLayout_t, const cublasLtMatmulAlgo_t* algorithm,
                               cublasLtMatmulHeuristicResult_t* result) {
  const auto* known = find(*algorithm);
  if (known == nullptr) return CUBLAS_STATUS_INVALID_VALUE;
  if (!takes_rows(*known, operation(o), layout(a), layout(c))) return CUBLAS_STATUS_NOT_SUPPORTED;
  result->workspaceSize = known->workspace;
  return CUBLAS_STATUS_SUCCESS;
}

cublasStatus_t algorithm_get(const cublasLtMatmulAlgo_t* algorithm,
                             cublasLtMatmulAlgoConfigAttributes_t attribute, void* value,
                             std::size_t bytes, std::size_t* written) {
  const auto* known = find(*algorithm);
  if (known == nullptr || attribute != CUBLASLT_ALGO_CONFIG_REDUCTION_SCHEME)
    return CUBLAS_STATUS_INVALID_VALUE;
  check(bytes == sizeof known->reduction, "cuBLASLt gives 4 bytes of a scheme, not {}.", bytes);
  std::memcpy(value, &known->reduction, bytes);
  *written = bytes;
  return CUBLAS_STATUS_SUCCESS;
}

cublasStatus_t matmul(cublasLtHandle_t, cublasLtMatmulDesc_t o, const void* alpha, const void* a,
                      cublasLtMatrixLayout_t a_layout, const void* b,
                      cublasLtMatrixLayout_t b_layout, const void* beta, const void* c,
                      cublasLtMatrixLayout_t c_layout, void* d, cublasLtMatrixLayout_t d_layout,
                      const cublasLtMatmulAlgo_t* algorithm, void* workspace, std::size_t bytes,
                      cudaStream_t stream) {
  check(c == d && c_layout == d_layout && *static_cast<const float*>(alpha) == 1,
        "The double of cuBLASLt knows products in place, of factor 1.");
  const auto* known = find(*algorithm);
  if (known == nullptr || !known->starts || bytes < known->workspace || workspace == nullptr)
    return CUBLAS_STATUS_NOT_SUPPORTED;
  for (const void* address : {a, b, c})
    if (reinterpret_cast<std::uintptr_t>(address) % known->alignment != 0)
      return CUBLAS_STATUS_NOT_SUPPORTED;
  const Job job{operation(o),
                layout(a_layout),
                layout(b_layout),
                layout(d_layout),
                *static_cast<const float*>(beta) != 0,
                a,
                b,
                d,
                known->microseconds + (operation(o).epilogue == CUBLASLT_EPILOGUE_DEFAULT
                                           ? 0
                                           : products().epilogue_microseconds)};
  expect_rules(job);
  ++products().runs[known->id];
  enqueue("matrix product", stream, Where::current(), [job] { multiply(job); });
  return CUBLAS_STATUS_SUCCESS;
}

}  // namespace
}  // namespace emulation

namespace ijepa::cuda {

CublasLt open_cublaslt() {
  using namespace emulation;
  return {.create = create,
          .destroy = destroy,
          .version = version,
          .status_string = status_string,
          .matmul = emulation::matmul,
          .get_heuristic = get_heuristic,
          .algorithm_check = algorithm_check,
          .algorithm_get = algorithm_get,
          .desc_create = desc_create,
          .desc_destroy = desc_destroy,
          .desc_set = desc_set,
          .layout_create = layout_create,
          .layout_destroy = layout_destroy,
          .preference_create = preference_create,
          .preference_destroy = preference_destroy,
          .preference_set = preference_set};
}

}  // namespace ijepa::cuda
