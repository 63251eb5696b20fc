// CheckedOps: forwards every call to another Ops, then looks for NaN and infinity in what it wrote.
// The trainer repeats a step that went wrong on it, to name the first operation at fault.
#pragma once
#include <string_view>

#include "ijepa/device/ops.hpp"

namespace ijepa {

/// Every call throws an Error naming the operation, the tensor and the first bad element. Slow:
/// each output is copied to the host. Inputs that are bad already are named as such.
class CheckedOps final : public Ops {
 public:
  explicit CheckedOps(Ops& inner) : inner_(inner) {}

  void upload(const void* host, Tensor dst) override { inner_.upload(host, dst); }
  void upload_input(const void* host, Tensor dst) override { inner_.upload_input(host, dst); }
  void download(Tensor src, void* host) override { inner_.download(src, host); }
  void synchronize() override { inner_.synchronize(); }
  void fill_zero(Tensor y) override { inner_.fill_zero(y); }
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
  struct Named {
    std::string_view name;
    Tensor tensor;
  };
  /// Checks inputs, runs the call, checks outputs. Operands left out are empty tensors.
  template <class Call>
  void checked(std::string_view op, std::initializer_list<Named> inputs,
               std::initializer_list<Named> outputs, Call&& call);
  void expect_finite(std::string_view op, std::string_view role, const Named& operand);

  Ops& inner_;
};

}  // namespace ijepa
