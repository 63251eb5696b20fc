// CountingOps: counts the floating-point operations and the bytes of every call, by class of
// operation, and forwards to another Ops (NullOps for a dry run). Shapes decide, so counts are
// exact for the step's own masks.
#pragma once
#include "ijepa/device/ops.hpp"

namespace ijepa {

enum class OpClass : std::uint8_t { linear, attention, layer_norm, element, token, optimizer };
constexpr std::array<OpClass, 6> op_classes{OpClass::linear,     OpClass::attention,
                                            OpClass::layer_norm, OpClass::element,
                                            OpClass::token,      OpClass::optimizer};
const char* name_of(OpClass c);

struct OpCount {
  std::int64_t calls = 0;
  double flops = 0;  // multiply-adds count as two; element-wise work counts one an element and term
  double bytes = 0;  // every operand once, as often as it is read or written

  OpCount& operator+=(const OpCount& other);
};

class CountingOps final : public Ops {
 public:
  explicit CountingOps(Ops& inner) : inner_(inner) {}

  const OpCount& count(OpClass c) const { return counts_[static_cast<std::size_t>(c)]; }
  OpCount total() const;
  void reset() { counts_ = {}; }

  void upload(const void* host, Tensor dst) override;
  void upload_input(const void* host, Tensor dst) override;
  void download(Tensor src, void* host) override;
  void synchronize() override;
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
  void note(OpClass c, double flops, std::initializer_list<Tensor> operands);

  Ops& inner_;
  std::array<OpCount, op_classes.size()> counts_{};
};

}  // namespace ijepa
