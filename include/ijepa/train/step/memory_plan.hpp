// MemoryPlan: the bytes a training step takes, by class, known before anything is allocated: the
// step is run on NullOps at the worst masks that the recipe can draw.
#pragma once
#include <cstddef>
#include <cstdint>
#include <map>
#include <vector>

#include "ijepa/model/ijepa.hpp"
#include "ijepa/nn/param_store.hpp"
#include "ijepa/train/recipe/recipe.hpp"

namespace ijepa {

struct MemoryPlan {
  ParamStore::Bytes state;
  std::size_t targets = 0;      // moments of centred targets
  std::size_t activations = 0;  // the arena, at the worst masks
  std::size_t images = 0;       // two micro-batches on the device, which take turns
  std::size_t libraries = 0;    // workspaces of a GPU's libraries and reductions
  std::size_t total() const { return state.total() + targets + activations + images + libraries; }
};

/// Number types of a recipe.
Precision precision_of(const ComputeSettings& compute);

/// One micro-batch with the plan's shapes, run on no device.
struct DryStep {
  std::size_t arena_bytes = 0;
  double flops = 0;  // of matrix products and attention, recomputation included
};
DryStep dry_step(const IJepa& model, Precision precision, const TokenPlan& plan,
                 Recompute recompute);

/// The plan of `micro_batch` images that takes the most memory of all that can be drawn.
TokenPlan worst_token_plan(const IJepa& model, const PretrainRecipe& recipe,
                           std::int64_t micro_batch);
/// Arena bytes of that plan: of a step, or of a look at the features of all tokens for their
/// health, which is made in the same memory.
std::size_t measure_worst_step(const IJepa& model, const PretrainRecipe& recipe,
                               std::int64_t micro_batch);

MemoryPlan plan_memory(const IJepa& model, const PretrainRecipe& recipe, std::int64_t micro_batch);

/// An Error when micro-batches of `micro_batch` images need more than the `free` bytes of a device
/// that holds its libraries' workspaces already; it names the largest divisor of `rank_batch` that
/// fits.
void expect_room(const IJepa& model, const PretrainRecipe& recipe, std::int64_t micro_batch,
                 std::int64_t rank_batch, std::size_t free);

/// The arithmetic of micro-batches by the lengths of their masks. Each set of lengths is gone
/// through once, on no device (dry_step()).
class StepFlops {
 public:
  StepFlops(const IJepa& model, Precision precision) : model_(model), precision_(precision) {}

  /// Floating-point operations of matrix products and attention, without recomputation.
  double of(const TokenPlan& plan);

 private:
  const IJepa& model_;
  Precision precision_;
  std::map<std::vector<std::int64_t>, double> known_;
};

}  // namespace ijepa
