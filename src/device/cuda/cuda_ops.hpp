// CudaOps: the operations on one GPU and one stream, but for inputs, which are copied on another.
// Calls return before the work is done; none allocates or waits, but for uploads when the staging
// memory is full.
#pragma once
#include <cuda_runtime_api.h>

#include <memory>

#include "attention_library.hpp"
#include "ijepa/device/ops.hpp"
#include "input_copies.hpp"
#include "staging.hpp"

namespace ijepa::cuda {

/// Device memory that kernels of one stream may use in turn, for what lives within one operation.
struct Workspace {
  void* data = nullptr;
  std::size_t bytes = 0;
};

struct GroupAt;
class Matmul;

class CudaOps final : public Ops {
 public:
  CudaOps(cudaStream_t stream, Staging& staging, InputCopies& inputs, Matmul& matmul,
          AttentionLibrary& attention, Workspace workspace)
      : stream_(stream),
        staging_(staging),
        inputs_(inputs),
        matmul_(matmul),
        attention_(attention),
        workspace_(workspace) {}

  void upload(const void* host, Tensor dst) override;
  void upload_input(const void* host, Tensor dst) override;
  void download(Tensor src, void* host) override;
  void synchronize() override;
  void fill_zero(Tensor y) override;
  void copy(Tensor x, Tensor y) override;

  void linear_forward(Tensor x, Tensor w, Tensor b, Tensor y) override;
  void linear_gelu_forward(Tensor x, Tensor w, Tensor b, Tensor pre, Tensor y) override;
  void linear_backward_input(Tensor dy, Tensor w, Tensor dx) override;
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
  void linear_backward_input_gelu(Tensor dy, Tensor w, Tensor pre, Tensor dx, Tensor y) override;
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
  /// b in the type of the product's result: itself, or a rounded copy in the workspace.
  Tensor bias_for(Tensor b, DType type);
  void library_backward(const GroupAt& group, Tensor dout, const AttentionRows& x, Tensor out,
                        Tensor lse, const AttentionRows& dx);

  cudaStream_t stream_;
  Staging& staging_;
  InputCopies& inputs_;
  Matmul& matmul_;
  AttentionLibrary& attention_;
  Workspace workspace_;
};

}  // namespace ijepa::cuda
