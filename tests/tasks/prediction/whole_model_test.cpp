#include "ijepa/tasks/prediction/whole_model.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <functional>
#include <set>

#include "ijepa/tasks/network/pretrained.hpp"
#include "ijepa/train/step/running_targets.hpp"
#include "tests/support/temporary_folder.hpp"
#include "tests/tasks/tiny_checkpoint.hpp"

namespace ijepa::test {
namespace {

using Change = std::function<void(PretrainRecipe&)>;

/// Of a run with the same weights always, where its recipe is changed and its targets have moments
/// of this variance.
std::string identity_of(const Change& change, float variance = 4) {
  const TemporaryFolder folder;
  const auto run = (folder.path() / "run").string();
  const auto comm = local_communicator();
  PretrainRecipe recipe = tiny_checkpoint_recipe(run);
  change(recipe);
  TinyEncoder network(2);
  RunState state(*network.device, network.store, {Role::weight, Role::target});
  auto tensors = state.tensors();
  const RunningTargets moments(*network.device, recipe.model.encoder, DType::f32);
  const auto more = moments.tensors();  // in the host's memory
  std::fill_n(static_cast<float*>(more[2].data), recipe.model.encoder.width, variance);
  tensors.insert(tensors.end(), more.begin(), more.end());
  CheckpointStore(run, {}).save(*comm, {7, {{"config", recipe_text(recipe)}}}, tensors);
  return WholeModel(find_checkpoint(run, "", *comm, Log(1)), 1, *comm, Log(1)).identity();
}

void centre(PretrainRecipe& r) {
  r.loss.targets = TargetScaling::centred;
}

// Whatever changes what is predicted of a picture, or what that is compared with, without a weight.
TEST(WholeModelIdentity, IsOfAllThatPredictionsDependOn) {
  const auto nothing = [](PretrainRecipe&) {};
  const auto own = identity_of(nothing);
  EXPECT_EQ(identity_of(nothing), own);
  EXPECT_EQ(identity_of([](PretrainRecipe& r) { r.mask.num_contexts = 2; }), own);
  const std::vector<Change> changes{[](PretrainRecipe& r) { r.model.encoder.heads = 4; },
                                    [](PretrainRecipe& r) { r.model.predictor.joint = true; },
                                    [](PretrainRecipe& r) { r.loss.target_blocks = 2; },
                                    [](PretrainRecipe& r) { r.data.mean[1] = 0.5; },
                                    [](PretrainRecipe& r) { r.data.std[2] = 0.5; },
                                    centre};
  std::set<std::string> all{own, identity_of(centre, 5)};
  for (const auto& change : changes) all.insert(identity_of(change));
  EXPECT_EQ(all.size(), changes.size() + 2);
}

}  // namespace
}  // namespace ijepa::test
