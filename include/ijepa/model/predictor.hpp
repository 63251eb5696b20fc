// Predictor: a narrow vision transformer that, from the context tokens and one mask token for each
// position of a target block, predicts the target encoder's features there (Assran et al., arXiv
// 2301.08243, section 3).
#pragma once
#include <vector>

#include "ijepa/model/config.hpp"
#include "ijepa/model/device_plan.hpp"
#include "ijepa/nn/drop_path.hpp"
#include "ijepa/nn/vit_stack.hpp"

namespace ijepa {

class Predictor {
 public:
  /// Heads are the encoder's. `positions` (N, P): the position table at the predictor's width.
  Predictor(ParamLayout& layout, const PredictorConfig& config, const EncoderConfig& encoder,
            std::span<const double> positions);

  struct Saved {
    Tensor context;  // (Tc, D) compute type, the encoder's output
    VitStack::Saved stack;
    Tensor normed;  // (Tt, P) compute type
    LayerNorm::Saved norm;
    StackSequences sequences;
  };

  const PredictorConfig& config() const { return config_; }

  /// The last block computes outputs of mask tokens alone: nobody reads the others.
  /// context (Tc, D) compute type -> predictions (Tt, D) compute type, in the plan's output order.
  Tensor forward(Pass& p, Tensor context, const TokenPlan& plan, const DevicePlan& rows,
                 std::vector<BranchScales> scales, Recompute recompute, Saved& s) const;
  /// dprediction (Tt, D) -> dcontext (Tc, D), compute type. dnormed (Tt, P) compute type: what
  /// others than the prediction give s.normed of gradient; may be empty.
  void backward(Pass& p, Tensor dprediction, Tensor dnormed, const DevicePlan& rows,
                Tensor dcontext, Recompute recompute, Saved& s, const ReadyCallback& ready) const;

 private:
  Tensor assemble(Pass& p, Tensor context, const DevicePlan& rows) const;
  Tensor stack_gradient(Pass& p, Tensor dprediction, Tensor dnormed_of_others,
                        const Saved& s) const;

  PredictorConfig config_;
  Linear embed_;
  Param mask_token_;
  Constant positions_;
  VitStack stack_;
  LayerNorm norm_;
  Linear proj_;
};

}  // namespace ijepa
