// NullOps: does nothing. The code of a step runs on it to learn what memory the step needs.
#pragma once
#include "ijepa/device/ops.hpp"

namespace ijepa {

class NullOps final : public Ops {
 public:
  void upload(const void*, Tensor) override {}
  void download(Tensor, void*) override {}
  void synchronize() override {}
  void fill_zero(Tensor) override {}
  void copy(Tensor, Tensor) override {}
  void linear_forward(Tensor, Tensor, Tensor, Tensor) override {}
  void linear_backward_input(Tensor, Tensor, Tensor) override {}
  void linear_backward_params(Tensor, Tensor, Tensor, Tensor, Write) override {}
  void layer_norm_forward(const BranchSum&, Tensor, Tensor, double, Tensor, Tensor,
                          Tensor) override {}
  void layer_norm_backward(Tensor, Tensor, Tensor, Tensor, Tensor, const BranchGradient&, Tensor,
                           Tensor, Write) override {}
  void attention_forward(const AttentionRows&, std::int64_t, Groups, Tensor, Tensor) override {}
  void attention_backward(Tensor, const AttentionRows&, Tensor, Tensor, std::int64_t, Groups,
                          const AttentionRows&) override {}
  void gelu_forward(Tensor, Tensor) override {}
  void gelu_backward(Tensor, Tensor) override {}
  void add(Tensor, Tensor, Tensor) override {}
  void add_scaled_rows(Tensor, Tensor, Tensor, Tensor, Tensor) override {}
  void gather_patches(Tensor, PatchGrid, const Normalisation&, Tensor, Tensor) override {}
  void add_table_rows(Tensor, Tensor, Tensor) override {}
  void gather_rows(Tensor, Tensor, Tensor) override {}
  void scatter_rows(Tensor, Tensor, Tensor) override {}
  void scatter_add_rows(Tensor, Tensor, Tensor) override {}
  void gather_sum_rows(Tensor, Tensor, Tensor, Tensor) override {}
  void gather_rows_or_token(Tensor, Tensor, Tensor, Tensor, Tensor) override {}
  void sum_rows(Tensor, Tensor, Tensor, Write) override {}
  void smooth_l1(Tensor, const TargetRows&, double, Tensor, Tensor) override {}
  void sum_squares(Tensor, Tensor) override {}
  void adamw_ema(const OptimizerRange&, const AdamWStep&) override {}
};

}  // namespace ijepa
