// Tiny checkpoint: a run folder with one checkpoint of a tiny network, for the tests of programs
// that use one.
#pragma once
#include <string>

#include "ijepa/train/checkpoint/checkpoint.hpp"
#include "ijepa/train/checkpoint/run_state.hpp"
#include "ijepa/train/recipe/recipe.hpp"
#include "tests/tasks/tiny_encoder.hpp"

namespace ijepa::test {

inline PretrainRecipe tiny_checkpoint_recipe(const std::string& run) {
  PretrainRecipe recipe;
  recipe.model.encoder = TinyEncoder::encoder_config();
  recipe.model.predictor = TinyEncoder::predictor_config();
  recipe.mask.min_keep = 1;  // and larger targets: the grid has 16 patches
  recipe.mask.target_scale_min = 0.3;
  recipe.mask.target_scale_max = 0.5;
  recipe.data.shards = "shards";
  recipe.run.dir = run;
  recipe.compute.threads = 1;
  return recipe;
}

/// Both encoders start from `seed`, the context's weights `context_scale` times as large. The rank
/// that calls it writes it, with `more` tensors, as trained by that `loss`.
inline void write_tiny_checkpoint(const std::string& run, std::uint64_t seed = 2,
                                  float context_scale = 1, const LossConfig& loss = {},
                                  const std::vector<NamedTensor>& more = {}) {
  TinyEncoder network(seed);
  for (const ParamInfo& info : network.store.layout().infos()) {
    const Tensor values = network.store.values(Role::weight, info);
    for (std::int64_t i = 0; i < values.numel(); ++i) values.as<float>()[i] *= context_scale;
  }
  RunState state(*network.device, network.store, {Role::weight, Role::target});
  auto tensors = state.tensors();
  tensors.insert(tensors.end(), more.begin(), more.end());
  PretrainRecipe recipe = tiny_checkpoint_recipe(run);
  recipe.loss = loss;
  CheckpointStore(run, {}).save(*local_communicator(), {7, {{"config", recipe_text(recipe)}}},
                                tensors);
}

}  // namespace ijepa::test
