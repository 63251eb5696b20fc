// Any number of ranks trains the model that one rank trains, and goes on from the checkpoint of any
// other number.
#include "tests/mpi/ranked_run.hpp"

namespace ijepa::test {
namespace {

TEST_F(RankedRun, HasTheLossesOfOneRankWithAnyMicroBatch) {
  constexpr int steps = 100;
  train_alone(recipe("alone"), steps);
  for (const int micro : {0, 2}) {
    PretrainRecipe r = recipe("ranks" + std::to_string(micro));
    r.optim.micro_batch = micro;
    train(r, steps);
    if (first())
      expect_close_losses(losses(run_folder("alone")), losses(r.run.dir), 1e-5, r.run.dir);
  }
}

TEST_F(RankedRun, HasTheLossesOfOneRankWithoutTruncationAndWithDropPath) {
  constexpr int steps = 40;  // weights must grow before a dropped branch is felt
  const auto changed = [&](const char* run) {
    PretrainRecipe r = recipe(run);
    r.mask.truncate_group = 1;
    r.model.encoder.drop_path = r.model.predictor.drop_path = 0.5;
    r.optim.start_lr = r.optim.lr;
    return r;
  };
  train_alone(changed("alone"), steps);
  train(changed("ranks"), steps);
  if (!first()) return;
  expect_close_losses(losses(run_folder("alone")), losses(run_folder("ranks")), 1e-5, "losses");
  expect_close_losses(column(run_folder("alone"), "mask-A"), column(run_folder("ranks"), "mask-A"),
                      1e-5, "context tokens");
}

TEST_F(RankedRun, HasThePooledLossesOfOneRankWithAnyMicroBatch) {
  constexpr int steps = 40;
  const auto pooled = [&](const std::string& run) {
    PretrainRecipe r = recipe(run);
    r.loss = {1, 1, 0, 1, TargetScaling::centred};
    r.loss.pixel_epochs = 2.5;  // the first 10 steps
    r.model.predictor.joint = true;
    r.optim.start_lr = r.optim.lr;
    return r;
  };
  train_alone(pooled("alone"), steps);
  for (const int micro : {0, 2}) {
    PretrainRecipe r = pooled("ranks" + std::to_string(micro));
    r.optim.micro_batch = micro;
    train(r, steps);
    if (first())
      expect_close_losses(losses(run_folder("alone")), losses(r.run.dir), 1e-5, r.run.dir);
  }
}

TEST_F(RankedRun, MuonGoesAlikeOnEveryRank) {
  constexpr int steps = 20;
  const auto changed = [&](const char* run) {
    PretrainRecipe r = recipe(run);
    r.optim.optimizer = MatrixOptimizer::muon;
    r.optim.start_lr = r.optim.lr;
    return r;
  };
  train_alone(changed("alone"), steps);
  train(changed("ranks"), steps);
  if (first())
    expect_close_losses(losses(run_folder("alone")), losses(run_folder("ranks")), 1e-4, "losses");
}

TEST_F(RankedRun, ClipsTheGradientOfAllRanksTogether) {
  constexpr int steps = 40;
  const auto changed = [&](const char* run) {
    PretrainRecipe r = recipe(run);
    r.optim.clip_grad = 0.02;
    r.optim.eps = 1e-3;  // AdamW hardly notices the scale of a gradient that is above its epsilon
    r.optim.start_lr = r.optim.lr = 0.05;
    return r;
  };
  train_alone(changed("alone"), steps);
  train(changed("ranks"), steps);
  train(changed("one_step"), 1);
  if (!first()) return;
  expect_close_losses(losses(run_folder("alone")), losses(run_folder("ranks")), 1e-5, "losses");
  EXPECT_NEAR(gradient_of_first_step(changed("one_step")), 0.02, 1e-6);
}

TEST_F(RankedRun, ResumesWithTheBitsOfAnUninterruptedRun) {
  constexpr int steps = 9;
  for (const auto& [name, precision] : {std::pair{"f32", DType::f32}, {"bf16", DType::bf16}}) {
    const auto changed = [&](const std::string& run) {
      PretrainRecipe r = recipe(name + run);
      r.compute.precision = precision;
      return r;
    };
    train(changed("straight"), steps);
    for (const int part : {1, 3, 8, steps}) train(changed("parts"), part);
    if (first()) expect_same_run(changed("straight").run.dir, changed("parts").run.dir, "resumed");
  }
}

TEST_F(RankedRun, GoesOnWhereAnotherNumberOfRanksStopped) {
  constexpr int steps = 60, part = 25;
  train_alone(recipe("alone"), steps);
  train_alone(recipe("grown"), part);
  train(recipe("grown"), steps);
  train(recipe("shrunk"), part);
  train_alone(recipe("shrunk"), steps);
  if (!first()) return;
  for (const char* run : {"grown", "shrunk"})
    expect_close_losses(losses(run_folder("alone")), losses(run_folder(run)), 1e-5, run);
}

TEST_F(RankedRun, RefusesABatchThatRanksCannotShare) {
  IJEPA_RANKS(2, 4);
  PretrainRecipe r = recipe("uneven");
  r.optim.global_batch = 9;
  r.mask.truncate_group = 1;
  std::string message;
  try {
    train_on(ranks(), r, 1);
  } catch (const AgreedError& e) {
    message = e.what();
  }
  EXPECT_EQ(message, "optim.global_batch = 9 must be a multiple of the number of ranks, " +
                         std::to_string(ranks().size()) + ".");
}

}  // namespace
}  // namespace ijepa::test
