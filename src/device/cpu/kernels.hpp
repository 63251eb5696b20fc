// Kernels: the inner loops of CpuOps, single-threaded and on ranges, compiled once per instruction
// set. CpuOps checks operands, cuts the work and calls these on its threads.
#pragma once
#include <cstdint>
#include <string>

#include "attention_rows.hpp"
#include "ijepa/core/adamw.hpp"
#include "ijepa/device/ops.hpp"

namespace ijepa::cpu {

struct Range {
  std::int64_t begin = 0, end = 0;
};

/// What happens to c = a b (+ bias) before it is stored.
enum class Then : std::uint8_t {
  store,       // c = it
  accumulate,  // c += it
  gelu,        // extra = it, unless that is null, c = gelu(it as stored)
  gelu_slope   // c = it, as stored, times gelu'(extra); also = gelu(extra)
};

/// c (m, n) = a (m, k) b (k, n), with element (i, l) of a at a[i * a_row + l * a_col].
struct Product {
  std::int64_t m, n, k;
  DType type;  // of a and b
  const void* a;
  std::int64_t a_row, a_col;
  const void* b;
  std::int64_t b_row, b_col;
  void* c;  // row-major, as are extra and also, which have its type
  DType c_type;
  Then then = Then::store;
  const void* bias = nullptr;  // (n), parameter type; may be null
  void *extra = nullptr, *also = nullptr;
};

/// One head of one sequence: its rows and columns in the packed tensors.
struct Head {
  std::int64_t row, length;     // first row and number of rows of k and v
  std::int64_t query, queries;  // the same of q, out and lse
  std::int64_t column, dim;     // first column of each part, and number of columns
  std::int64_t width, heads;    // D, and heads in it
};

/// Operands of layer norm rows. float64 operands do not mix with others.
struct NormRows {
  std::int64_t cols;
  Tensor x, w, b, mean, rstd;  // w, b may be empty
  BranchSum sum{};             // forms x, if it has a branch
};

/// An OptimizerRange with weights of type C; null: left out.
template <class C>
struct AdamWRange {
  C *weight, *m, *v;
  const C* gradient;
  C* target;
  BFloat16 *working, *target_working;
  const float* decay;
};

/// Matrix products: b is packed whole, then rows of c are made.
class ProductKernels {
 public:
  /// Bytes of b packed, and of the workspace a thread needs for a block of `rows` rows.
  virtual std::int64_t packed_bytes(const Product& p) const = 0;
  virtual std::int64_t workspace_bytes(const Product& p, std::int64_t rows) const = 0;
  /// Packed panels of b: so many, each of so many columns.
  virtual std::int64_t panels(const Product& p) const = 0;
  virtual void pack(const Product& p, Range panels, void* packed) const = 0;
  virtual void multiply(const Product& p, Range rows, Range panels, const void* packed,
                        void* workspace) const = 0;

 protected:
  ~ProductKernels() = default;  // never owned through the base
};

class Kernels : public ProductKernels {
 public:
  virtual const char* name() const = 0;

  // ---- attention: one head of one sequence; type is that of all but lse ----
  /// Bytes of workspace for forward or backward of sequences up to `length`.
  virtual std::int64_t attention_bytes(DType type, std::int64_t length, std::int64_t dim) const = 0;
  virtual void attention_forward(DType type, const Head& head, const AttentionParts<void>& x,
                                 void* workspace, void* out, void* lse) const = 0;
  virtual void attention_backward(DType type, const Head& head, const void* dout,
                                  const AttentionParts<void>& x, const void* lse, void* workspace,
                                  const AttentionParts<void>& dx) const = 0;

  // ---- rows and elements ----
  virtual void gelu_forward(const Tensor& x, const Tensor& y, Range elements) const = 0;
  /// dy *= gelu'(x); y = gelu(x), of dy's type, where it is not empty.
  virtual void gelu_backward(const Tensor& x, const Tensor& dy, const Tensor& y,
                             Range elements) const = 0;
  virtual void layer_norm_forward(const NormRows& n, double epsilon, const Tensor& y,
                                  Range rows) const = 0;
  /// Adds to dx; dw and db (cols, parameter type) are added to as well.
  virtual void layer_norm_backward(const NormRows& n, const Tensor& dy, const Tensor& dx,
                                   Range rows, void* dw, void* db) const = 0;
  /// sum (cols, parameter type) = the sum of `rows` of x, counted in index where it is not null.
  virtual void sum_rows(const Tensor& x, const std::int32_t* index, Range rows,
                        void* sum) const = 0;
  virtual double sum_squares(const Tensor& x, Range elements) const = 0;
  /// y = a x + b y, not reading y where b is 0.
  virtual void scaled_sum(double a, const Tensor& x, double b, const Tensor& y,
                          Range elements) const = 0;
  /// The sum of smooth_l1(prediction - target) over a row, target being (cols) of parameter type;
  /// writes its gradient times scale.
  virtual double smooth_l1(const Tensor& prediction, std::int64_t row, const void* target,
                           double scale, const Tensor& dprediction) const = 0;
  virtual void adamw_ema(const AdamWRange<float>& r, const AdamWFactors<float>& f,
                         Range chunks) const = 0;
  virtual void adamw_ema(const AdamWRange<double>& r, const AdamWFactors<double>& f,
                         Range chunks) const = 0;

 protected:
  ~Kernels() = default;  // never owned through the base
};

/// Kernels, and what else multiplies.
struct KernelChoice {
  const Kernels& kernels;
  bool onednn;                              // where it is faster
  const ProductKernels* float16 = nullptr;  // all float32 products
};

/// What of the processor decides which kernels run.
struct Processor {
  bool avx512 = false, fp16 = false;
};

/// "avx2", "avx512", "onednn" (AVX-512 kernels and some products by oneDNN), or "auto": the last of
/// these that the processor can run and the build has. "float16": AVX-512 kernels and float32
/// products in float16. An Error for what the processor cannot run or the build has not.
KernelChoice choose_kernels(const std::string& name, const Processor& processor);

const Kernels& avx2_kernels();
const Kernels& avx512_kernels();
/// Products of float32 operands in float16; null where the compiler did not know the instructions.
const ProductKernels* float16_products();

}  // namespace ijepa::cpu
