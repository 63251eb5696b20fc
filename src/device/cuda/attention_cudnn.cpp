// AttentionLibrary by cuDNN: a plan for each shape and pass, compiled ahead of need where it was
// prepared, else when it is first met.
#include <fmt/format.h>

#include <cmath>
#include <map>
#include <utility>

#include "attention_graphs.hpp"
#include "attention_plans.hpp"
#include "device_memory.hpp"
#include "status.hpp"

namespace ijepa::cuda {
namespace {

class CudnnAttention final : public AttentionLibrary {
 public:
  CudnnAttention(cudaStream_t stream, const AttentionPlanning& planning)
      : dnn_(open_cudnn()),
        workspace_(gpu_memory.attention),
        log_(planning.log),
        properties_(device_properties(dnn_, current_gpu())),
        plans_(planning, fmt::format("{}, cuDNN {}", planning.gpu, dnn_.get_version()),
               [this](const AttentionPlanKey& key) {
                 return make(key, CudnnTarget{.properties = properties_}).text();
               }) {
    dnn_.expect(dnn_.create(&handle_), "opening the library");
    dnn_.expect(dnn_.set_stream(handle_, stream), "choosing the stream");
  }
  ~CudnnAttention() override {
    ready_.clear();
    dnn_.destroy(handle_);
  }
  CudnnAttention(const CudnnAttention&) = delete;
  CudnnAttention& operator=(const CudnnAttention&) = delete;

  void forward(const AttentionShape& s, const LibraryRows& x, BFloat16* out, float* lse) override {
    const float scale = scale_of(s);
    plan_of({false, s})
        .run(handle_,
             {{operand_q, x.q},
              {operand_k, x.k},
              {operand_v, x.v},
              {operand_out, out},
              {operand_lse, lse},
              {operand_scale, &scale}},
             workspace_.data);
  }

  void backward(const AttentionShape& s, const BFloat16* dout, const LibraryRows& x,
                const BFloat16* out, const float* lse, const LibraryRows& dx) override {
    const float scale = scale_of(s), one = 1;
    const CudnnPlan& plan = plan_of({true, s});
    auto* delta = static_cast<std::byte*>(workspace_.data) + delta_offset(plan);
    plan.run(handle_,
             {{operand_q, x.q},
              {operand_k, x.k},
              {operand_v, x.v},
              {operand_out, out},
              {operand_dout, dout},
              {operand_lse, lse},
              {operand_scale, &scale},
              {operand_one, &one},
              {operand_delta, delta},
              {operand_dq, dx.q},
              {operand_dk, dx.k},
              {operand_dv, dx.v}},
             workspace_.data);
  }

  void prepare(const AttentionShape& s, bool backward) override { plans_.prepare({backward, s}); }

 private:
  static float scale_of(const AttentionShape& s) {
    return static_cast<float>(1 / std::sqrt(static_cast<double>(s.dim)));
  }
  static int current_gpu() {
    int index = 0;
    check_cuda(cudaGetDevice(&index), "asking for the GPU");
    return index;
  }

  CudnnPlan make(const AttentionPlanKey& key, const CudnnTarget& target) const {
    return key.backward ? plan_attention_backward(dnn_, key.shape, target)
                        : plan_attention_forward(dnn_, key.shape, target);
  }

  const CudnnPlan& plan_of(const AttentionPlanKey& key) {
    const auto found = ready_.find(key);
    if (found != ready_.end()) return found->second;
    const CudnnPlan& plan = ready_.emplace(key, compiled(key)).first->second;
    check(workspace_bytes(key.shape, plan) <= gpu_memory.attention,
          "cuDNN asks for {} bytes of workspace where {} are set aside.",
          workspace_bytes(key.shape, plan), gpu_memory.attention);
    return plan;
  }

  /// Threads compile for the GPU's description and know no handle; what the library then does not
  /// take is compiled with the handle.
  CudnnPlan compiled(const AttentionPlanKey& key) {
    const CudnnTarget here{.handle = handle_};
    try {
      return read_plan(dnn_, plans_.take(key), here);
    } catch (const Error& e) {
      if (!std::exchange(warned_, true))
        log_.warn("{} Attention is compiled when it is first met.", e.what());
      return make(key, here);
    }
  }

  Cudnn dnn_;
  DeviceMemory workspace_;
  Log log_;
  bool warned_ = false;
  std::string properties_;
  cudnnHandle_t handle_ = nullptr;
  std::map<AttentionPlanKey, CudnnPlan> ready_;
  AttentionPlans plans_;
};

}  // namespace

std::unique_ptr<AttentionLibrary> make_attention_library(cudaStream_t stream,
                                                         const AttentionPlanning& planning) {
  return std::make_unique<CudnnAttention>(stream, planning);
}

}  // namespace ijepa::cuda
