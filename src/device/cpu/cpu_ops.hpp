// CpuOps: the operations on host memory. Calls finish before they return.
#pragma once
#include <array>
#include <optional>

#include "ijepa/device/ops.hpp"
#include "kernels.hpp"
#include "onednn.hpp"
#include "scratch.hpp"

namespace ijepa::cpu {

class CpuOps final : public Ops {
 public:
  CpuOps(int threads, const KernelChoice& choice)
      : threads_(threads), kernels_(choice.kernels), float16_(choice.float16) {
    if (choice.onednn) onednn_.emplace(threads, choice.kernels);
  }

  void upload(const void* host, Tensor dst) override;
  void upload_input(const void* host, Tensor dst) override { upload(host, dst); }
  void download(Tensor src, void* host) override;
  void synchronize() override {}
  void fill_zero(Tensor y) override;
  void copy(Tensor x, Tensor y) override;

  void linear_forward(Tensor x, Tensor w, Tensor b, Tensor y) override;
  void linear_gelu_forward(Tensor x, Tensor w, Tensor b, Tensor pre, Tensor y) override;
  void linear_backward_input(Tensor dy, Tensor w, Tensor dx) override;
  void linear_backward_input_gelu(Tensor dy, Tensor w, Tensor pre, Tensor dx, Tensor y) override;
  void linear_backward_params(Tensor dy, Tensor x, Tensor dw, Tensor db, Write mode) override;

  void layer_norm_forward(const BranchSum& s, Tensor w, Tensor b, double epsilon, Tensor y,
                          Tensor mean, Tensor rstd) override;
  void layer_norm_backward(Tensor dy, Tensor x, Tensor w, Tensor mean, Tensor rstd,
                           const BranchGradient& d, Tensor dw, Tensor db, Write mode) override;

  void attention_forward(const AttentionRows& x, std::int64_t heads, Groups groups, Tensor out,
                         Tensor lse) override;
  void attention_backward(Tensor dout, const AttentionRows& x, Tensor out, Tensor lse,
                          std::int64_t heads, Groups groups, const AttentionRows& dx) override;

  void gelu_forward(Tensor x, Tensor y) override;
  void gelu_backward(Tensor x, Tensor dy_inout) override;
  void add(Tensor a, Tensor b, Tensor y) override;
  void scaled_sum(double a, Tensor x, Tensor squares, double b, Tensor y) override;
  void add_scaled_rows(Tensor a, Tensor b, Tensor scale, Tensor row_sequence, Tensor y) override;

  void gather_patches(Tensor images, PatchGrid grid, const Normalisation& normalisation,
                      Tensor rows, Tensor y) override;
  void add_table_rows(Tensor x_inout, Tensor table, Tensor rows) override;
  void gather_rows(Tensor x, Tensor rows, Tensor y) override;
  void scatter_rows(Tensor x, Tensor rows, Tensor y) override;
  void scatter_add_rows(Tensor x, Tensor rows, Tensor y_inout) override;
  void gather_sum_rows(Tensor x, Tensor rows, Tensor begin, Tensor y) override;
  void gather_rows_or_token(Tensor x, Tensor token, Tensor table, Tensor rows, Tensor y) override;
  void sum_rows(Tensor x, Tensor rows, Tensor y, Write mode) override;

  void smooth_l1(Tensor prediction, const TargetRows& targets, double scale, Tensor loss_accum,
                 Tensor dprediction) override;
  void sum_squares(Tensor x, Tensor result_accum) override;
  void adamw_ema(const OptimizerRange& range, const AdamWStep& step) override;

 private:
  /// y = a + scale[row_sequence[i]] * b of some rows. a empty: 0; scale empty: 1.
  static void add_rows(Tensor a, Tensor b, Tensor scale, Tensor row_sequence, Tensor y, Range rows);
  static void check_linear(std::string_view op, Tensor x, Tensor w, Tensor b, Tensor y);
  void forward(Product p, Tensor x, Tensor w, Tensor b);
  void multiply(const Product& p);
  template <class F>
  void for_each_head(DType type, std::int64_t heads, std::int64_t width, Groups groups, F&& f);

  template <class T>
  T* scratch(std::size_t slot, std::int64_t count) {
    return scratch_[slot].of<T>(count);
  }

  int threads_;
  const Kernels& kernels_;
  const ProductKernels* float16_;  // of float32 operands; null: none
  std::optional<OneDnn> onednn_;
  std::array<Scratch, 4> scratch_;
};

}  // namespace ijepa::cpu
