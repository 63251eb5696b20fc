// AttentionLibrary by cuDNN: a plan for each shape and pass, made when it is first met.
#include <cmath>
#include <map>

#include "attention_graphs.hpp"
#include "device_memory.hpp"
#include "status.hpp"

namespace ijepa::cuda {
namespace {

class CudnnAttention final : public AttentionLibrary {
 public:
  explicit CudnnAttention(cudaStream_t stream)
      : dnn_(open_cudnn()), workspace_(gpu_memory.attention) {
    dnn_.expect(dnn_.create(&handle_), "opening the library");
    dnn_.expect(dnn_.set_stream(handle_, stream), "choosing the stream");
  }
  ~CudnnAttention() override {
    forward_.clear();
    backward_.clear();
    dnn_.destroy(handle_);
  }
  CudnnAttention(const CudnnAttention&) = delete;
  CudnnAttention& operator=(const CudnnAttention&) = delete;

  void forward(const AttentionShape& s, const BFloat16* qkv, BFloat16* out, float* lse) override {
    const float scale = scale_of(s);
    plan_of(forward_, s, plan_attention_forward)
        .run(handle_,
             {{operand_q, qkv},
              {operand_k, qkv + s.width()},
              {operand_v, qkv + 2 * s.width()},
              {operand_out, out},
              {operand_lse, lse},
              {operand_scale, &scale}},
             workspace_.data);
  }

  void backward(const AttentionShape& s, const BFloat16* dout, const BFloat16* qkv,
                const BFloat16* out, const float* lse, BFloat16* dqkv) override {
    const float scale = scale_of(s), one = 1;
    const CudnnPlan& plan = plan_of(backward_, s, plan_attention_backward);
    auto* delta = static_cast<std::byte*>(workspace_.data) + delta_offset(plan);
    plan.run(handle_,
             {{operand_q, qkv},
              {operand_k, qkv + s.width()},
              {operand_v, qkv + 2 * s.width()},
              {operand_out, out},
              {operand_dout, dout},
              {operand_lse, lse},
              {operand_scale, &scale},
              {operand_one, &one},
              {operand_delta, delta},
              {operand_dq, dqkv},
              {operand_dk, dqkv + s.width()},
              {operand_dv, dqkv + 2 * s.width()}},
             workspace_.data);
  }

 private:
  using Plans = std::map<AttentionShape, CudnnPlan>;

  static float scale_of(const AttentionShape& s) {
    return static_cast<float>(1 / std::sqrt(static_cast<double>(s.dim)));
  }

  template <class Make>
  const CudnnPlan& plan_of(Plans& plans, const AttentionShape& s, Make make) {
    const auto found = plans.find(s);
    if (found != plans.end()) return found->second;
    const CudnnPlan& plan =
        plans.emplace(s, make(dnn_, s, CudnnTarget{.handle = handle_})).first->second;
    check(workspace_bytes(s, plan) <= gpu_memory.attention,
          "cuDNN asks for {} bytes of workspace where {} are set aside.", workspace_bytes(s, plan),
          gpu_memory.attention);
    return plan;
  }

  Cudnn dnn_;
  DeviceMemory workspace_;
  cudnnHandle_t handle_ = nullptr;
  Plans forward_, backward_;
};

}  // namespace

std::unique_ptr<AttentionLibrary> make_attention_library(cudaStream_t stream) {
  return std::make_unique<CudnnAttention>(stream);
}

}  // namespace ijepa::cuda
