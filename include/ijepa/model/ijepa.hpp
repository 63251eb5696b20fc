// IJepa: one step of the joint-embedding predictive architecture (Assran et al., arXiv 2301.08243):
// targets from the EMA encoder, context features, predictions, smooth-L1 loss, and every gradient.
#pragma once
#include <functional>
#include <memory>

#include "ijepa/model/encoder.hpp"
#include "ijepa/model/pixel_head.hpp"
#include "ijepa/model/pooled_terms.hpp"
#include "ijepa/model/predictor.hpp"
#include "ijepa/model/target_moments.hpp"

namespace ijepa {

/// What a step shows of itself while the tensors live (tests, health of the features).
struct StepObserver {
  /// (B N, D) after the target encoder's norm, and (Tt, D) its target rows, normalised; residual
  /// and parameter type.
  std::function<void(Tensor features, Tensor targets)> targets;
  /// (Tc, D) and (Tt, D), compute type.
  std::function<void(Tensor context, Tensor predictions)> predictions;
  /// (B N, D) residual type: what targets are made of, the features or the mean of several blocks.
  std::function<void(Tensor sources)> sources;
};

/// TargetMoments' shift (N, D) and factor (D) on the device, statistics type.
struct TargetScale {
  Tensor shift{}, factor{};
};

/// In one piece of memory (null while measuring): shift, then factor.
inline TargetScale target_scale(const EncoderConfig& c, DType type, void* memory) {
  const Tensor shift = make_tensor(memory, type, {c.tokens(), c.width});
  auto* behind = memory == nullptr ? nullptr : static_cast<std::byte*>(memory) + shift.bytes();
  return {shift, make_tensor(behind, type, {c.width})};
}

struct StepInput {
  ImageBatch images;
  const TokenPlan& plan;
  double loss_scale = 1;        // 1 / (target elements of the global batch): losses of parts add up
  DropPathDraw drop_path = {};  // without positions: nothing is dropped
  Recompute recompute = Recompute::none;
  /// Where pooled losses are on: makes this micro-batch's sums those of the whole step. Left out:
  /// it is the whole step.
  std::function<void(PooledSums& inout)> complete = {};
  /// Where targets are centred: by what, and who is told target_sums() of this micro-batch.
  TargetScale target_scale = {};
  std::function<void(const std::vector<double>&)> told_target_sums = {};

  /// 1 / (pixel values of the target patches of the global batch).
  double pixel_loss_scale(const EncoderConfig& c) const {
    return loss_scale * static_cast<double>(c.width) / static_cast<double>(c.patch_values());
  }
};

class IJepa {
 public:
  /// Builds the parameter layout: [encoder | predictor], then [pooled] and [pixels] where `loss`
  /// predicts means and pixels, be it in the first epochs.
  IJepa(const EncoderConfig& encoder, const PredictorConfig& predictor,
        const LossConfig& loss = {});
  IJepa(const IJepa&) = delete;
  IJepa& operator=(const IJepa&) = delete;

  const ParamLayout& layout() const { return layout_; }
  const Encoder& encoder() const { return *encoder_; }
  const Predictor& predictor() const { return *predictor_; }
  const LossConfig& loss() const { return loss_; }

  /// Adds this micro-batch's share to `loss_accum` (1) parameter type, and writes or adds gradients
  /// as online.write says, of a head that the plan leaves out zeros. The arena is left as it was
  /// found.
  void step(Pass& online, Pass& target, const StepInput& input, Tensor loss_accum,
            const StepObserver& observer, const ReadyCallback& ready) const;

  /// The sums of this micro-batch that pooled losses need of a step, ahead of it. The arena is left
  /// as found.
  PooledSums pooled_sums(Pass& online, Pass& target, const StepInput& input) const;

  /// What targets are made of, of every patch: Encoder::infer_targets() as the loss wants it.
  Tensor target_sources(Pass& target, const ImageBatch& images,
                        const std::function<void(Tensor features)>& final = {}) const {
    return encoder_->infer_targets(target, images, loss_.target_blocks, final);
  }

  /// The step without loss and gradients, for what the observer sees. The arena is left as found.
  void evaluate(Pass& online, Pass& target, const StepInput& input,
                const StepObserver& observer) const;

 private:
  struct Forward {
    DevicePlan rows;
    TargetRows targets;
    Tensor context, predictions;
    Encoder::Saved encoder;
    Predictor::Saved predictor;
  };

  /// The losses of a step.
  const LossConfig& loss_of(const StepInput& input) const {
    return input.plan.pixels_only ? pixel_loss_ : loss_;
  }
  Forward forward(Pass& online, Pass& target, const StepInput& input,
                  const StepObserver& observer) const;
  void predictor_backward(Pass& online, const StepInput& input, Forward& f, Tensor dcontext,
                          Tensor loss_accum, const ReadyCallback& ready) const;
  Tensor encode(Pass& online, const StepInput& input, Forward& f) const;
  void make_targets(Pass& target, const StepInput& input, const StepObserver& observer,
                    Forward& f) const;

  LossConfig loss_, pixel_loss_;
  ParamLayout layout_;
  std::unique_ptr<Encoder> encoder_;
  std::unique_ptr<Predictor> predictor_;
  std::unique_ptr<PooledTerms> pooled_;  // none without pooled losses
  std::unique_ptr<PixelHead> pixels_;    // none without a loss on pixels
};

}  // namespace ijepa
