// PooledTerms: the losses on the mean of each image's context features, beside that of the
// predicted blocks: their variance and covariance over the global batch, and a linear map of them
// that predicts the mean of the target's features. Both keep small networks from features that say
// little of the image.
#pragma once
#include <functional>

#include "ijepa/model/config.hpp"
#include "ijepa/model/device_plan.hpp"
#include "ijepa/model/pooled_sums.hpp"
#include "ijepa/nn/linear.hpp"

namespace ijepa {

class PooledTerms {
 public:
  /// The linear map, if it is wanted, is the group "pooled".
  PooledTerms(ParamLayout& layout, const LossConfig& config, std::int64_t width);

  struct Saved {
    Matrix<double> means, goals;  // (S, D) of each context sequence: of its context, of the target
    Tensor scale, rows;           // (S) 1 / length, statistics type; 0, 1, 2, ... int32
  };

  /// context (Tc, D) compute type in the plan's sequences; features (B N, D) residual type, not
  /// looked at without pooled prediction. Returns this micro-batch's part of the step's sums. Waits
  /// for the device.
  PooledSums forward(Pass& p, Tensor context, Tensor features, const TokenPlan& plan,
                     Saved& s) const;
  /// `sums` of the whole step. Adds this micro-batch's share of the losses to loss_accum (1) and
  /// returns their gradient with respect to each sequence's context tokens, (S, D) statistics type,
  /// in the caller's scratch scope.
  Tensor backward(Pass& p, const PooledSums& sums, Tensor loss_accum, const Saved& s) const;
  /// Instead of both, in a step without these losses: no gradient of the linear map.
  void leave_out(Pass& p) const {
    for (const Linear& map : map_) map.leave_out(p);
  }
  /// dcontext (Tc, D) compute type += that gradient, for every token of a sequence.
  static void spread(Pass& p, Tensor dmeans, const DevicePlan& rows, Tensor dcontext_inout);

 private:
  double predict(Pass& p, Tensor means, const PooledSums& sums, const Saved& s,
                 Tensor dmeans) const;

  LossConfig config_;
  std::vector<Linear> map_;  // one or none
};

}  // namespace ijepa
