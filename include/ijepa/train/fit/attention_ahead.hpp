// AttentionAhead: tells a device which attention the coming steps need, so that it is compiled
// before a step would wait for it. Masks follow from the seed and the step, so lengths are known.
#pragma once
#include <cstdint>
#include <thread>
#include <vector>

#include "ijepa/device/device.hpp"
#include "ijepa/train/recipe/recipe.hpp"

namespace ijepa {

/// Attention of one step of this rank: of the target encoder, the context encoder and the predictor
/// in every micro-batch, in order of need.
std::vector<AttentionUse> attention_of_step(const PretrainRecipe& recipe, const RunPlan& plan,
                                            std::int64_t step, int rank);

class AttentionAhead {
 public:
  /// Goes through `steps` steps from `first` on, on a thread; at once done where the device needs
  /// no telling. `device` must outlive this.
  AttentionAhead(const PretrainRecipe& recipe, const RunPlan& plan, int rank, std::int64_t first,
                 std::int64_t steps, Device& device);

 private:
  std::jthread thread_;
};

}  // namespace ijepa
