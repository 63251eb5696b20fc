// A run on one rank: interrupted anywhere it ends with the bits of an undisturbed one, and a loss
// that is not finite stops it before it spoils a checkpoint.
#include "ijepa/train/fit/trainer.hpp"

#include <gmock/gmock.h>

#include <fstream>
#include <map>
#include <nlohmann/json.hpp>
#include <set>

#include "ijepa/core/file.hpp"
#include "ijepa/train/health/health.hpp"
#include "ijepa/train/logs/event_files.hpp"
#include "tests/support/devices.hpp"
#include "tests/support/send_signal.hpp"
#include "tests/support/temporary_folder.hpp"
#include "tests/support/tiny_run.hpp"

namespace ijepa::test {
namespace {

constexpr int total_steps = 9;  // an epoch has 4

class TrainerRun : public testing::Test {
 protected:
  TrainerRun() { write_tiny_shard(shards(), tiny_images); }

  std::string shards() const { return (folder_.path() / "shards").string(); }
  std::filesystem::path run_folder(const std::string& name) const { return folder_.path() / name; }
  PretrainRecipe recipe(const std::string& run) const {
    return tiny_recipe(shards(), run_folder(run).string());
  }

  /// Trains until `steps` are done, going on from what the folder holds.
  static Outcome train(PretrainRecipe recipe, std::int64_t steps) {
    recipe.optim.max_steps = steps;
    resolve(recipe);
    const auto comm = local_communicator();
    const StopSignal stop;
    return Trainer(recipe, {}, *comm, stop, Log(1)).run();
  }

 private:
  TemporaryFolder folder_;
};

std::int64_t count_of(std::string_view part, std::string_view text) {
  std::int64_t count = 0;
  for (auto at = text.find(part); at != text.npos; at = text.find(part, at + 1)) ++count;
  return count;
}

class ResumedRun : public TrainerRun, public testing::WithParamInterface<RecipeVariant> {};

TEST_P(ResumedRun, EqualsOneThatWasNeverInterrupted) {
  PretrainRecipe straight = recipe("straight"), parts = recipe("parts");
  GetParam().change(straight);
  GetParam().change(parts);
  EXPECT_EQ(train(straight, total_steps), Outcome::finished);
  // After the first step, within an epoch, at an epoch's end, and before the last step.
  for (const int steps : {1, 3, 4, 8, total_steps}) train(parts, steps);
  EXPECT_EQ(read_metrics(run_folder("straight")).size(), std::size_t{total_steps});
  expect_same_run(run_folder("straight"), run_folder("parts"), GetParam().name);
}

INSTANTIATE_TEST_SUITE_P(All, ResumedRun,
                         testing::Values(RecipeVariant{"float32", [](PretrainRecipe&) {}},
                                         RecipeVariant{"bfloat16",
                                                       [](PretrainRecipe& r) {
                                                         r.compute.precision = r.compute.residual =
                                                             DType::bf16;
                                                       }},
                                         RecipeVariant{"drop_path",
                                                       [](PretrainRecipe& r) {
                                                         r.model.encoder.drop_path = 0.3;
                                                         r.model.predictor.drop_path = 0.3;
                                                       }},
                                         RecipeVariant{"accumulation_recompute",
                                                       [](PretrainRecipe& r) {
                                                         r.optim.micro_batch = 4;
                                                         r.compute.recompute = Recompute::block;
                                                       }},
                                         RecipeVariant{"untruncated_two_contexts",
                                                       [](PretrainRecipe& r) {
                                                         r.mask.truncate_group = 1;
                                                         r.mask.num_contexts = 2;
                                                       }},
                                         RecipeVariant{"pooled_joint",
                                                       [](PretrainRecipe& r) {
                                                         r.model.encoder.start =
                                                             StartWeights::xavier;
                                                         r.model.predictor.joint = true;
                                                         r.mask.context_patches = 8;
                                                         r.loss = {1, 1, 0.5, 1};
                                                       }},
                                         RecipeVariant{"centred_targets_of_two_blocks",
                                                       [](PretrainRecipe& r) {
                                                         r.loss.targets = TargetScaling::centred;
                                                         r.loss.target_blocks = 2;
                                                         r.optim.micro_batch = 4;
                                                         r.run.health_every = 4;
                                                         r.run.health_images = 8;
                                                       }},
                                         RecipeVariant{"masked_autoencoder",
                                                       [](PretrainRecipe& r) {
                                                         r.mask.shape = MaskShape::random;
                                                         r.mask.num_targets = 1;
                                                         r.mask.context_patches = 9;
                                                         r.loss = {0, 0, 1, 0};
                                                         r.run.health_every = 4;
                                                         r.run.health_images = 8;
                                                       }},
                                         RecipeVariant{"masked_autoencoder_first",
                                                       [](PretrainRecipe& r) {
                                                         r.loss = {1, 1, 0, 1};
                                                         r.loss.pixel_epochs = 1.25;
                                                         r.optim.micro_batch = 4;
                                                         r.run.health_every = 4;
                                                         r.run.health_images = 8;
                                                       }},
                                         RecipeVariant{"pixels_before_centred_targets",
                                                       [](PretrainRecipe& r) {
                                                         r.loss.targets = TargetScaling::centred;
                                                         r.loss.pixel_epochs = 0.5;
                                                       }},
                                         RecipeVariant{"muon",
                                                       [](PretrainRecipe& r) {
                                                         r.optim.optimizer = MatrixOptimizer::muon;
                                                         r.optim.weight_decay = 0.3;
                                                       }},
                                         RecipeVariant{"blocks_augmented_clipped",
                                                       [](PretrainRecipe& r) {
                                                         r.data.order = {.order = Order::blocks,
                                                                         .block_images = 8,
                                                                         .window_blocks = 2};
                                                         r.data.augment.colour_strength = 0.5;
                                                         r.data.augment.flip = true;
                                                         r.optim.clip_grad = 0.01;
                                                       }}),
                         [](const auto& variant) { return std::string(variant.param.name); });

TEST_F(TrainerRun, RepeatsItself) {
  for (const char* run : {"one", "two"}) train(recipe(run), total_steps);
  expect_same_run(run_folder("one"), run_folder("two"), "the same run twice");
}

TEST_F(TrainerRun, AGradientOfMoreThanTheLargestNormIsClippedToIt) {
  for (const auto precision : {DType::f32, DType::bf16}) {
    const auto trained = [&](const std::string& name, double clip_grad) {
      PretrainRecipe r = recipe(name + name_of(precision));
      r.compute.precision = precision;
      r.optim.clip_grad = clip_grad;
      train(r, 1);
      return r;
    };
    const PretrainRecipe unclipped = trained("unclipped", 0);
    const double norm = gradient_of_first_step(unclipped);
    for (const double share : {0.25, 0.99}) {
      const auto r = trained("clipped" + std::to_string(share), share * norm);
      EXPECT_NEAR(gradient_of_first_step(r), share * norm, 1e-5 * norm) << name_of(precision);
    }
    expect_same_run(unclipped.run.dir, trained("long", 1.01 * norm).run.dir, "nothing to clip");
  }
}

TEST_F(TrainerRun, TheFirstEpochsAreThoseOfAMaskedAutoencoder) {
  PretrainRecipe pixels = recipe("pixels"), first = recipe("first");
  pixels.mask.shape = MaskShape::random;
  pixels.mask.num_targets = 1;
  pixels.mask.context_patches = pixels.model.encoder.tokens() / 4;
  pixels.loss = {0, 0, 1, 0};
  first.loss.pixel_epochs = 1.25;
  // The schedules of five steps: those of the first part.
  pixels.optim.ipe_scale = 5.0 / 100;
  pixels.optim.ema_end = first.optim.ema_end = first.optim.ema_start;
  for (const auto& r : {pixels, first}) train(r, 8);
  const auto expected = losses(pixels.run.dir), got = losses(first.run.dir);
  for (std::size_t i = 0; i < 5; ++i) EXPECT_EQ(got.at(i), expected.at(i)) << "step " << i + 1;
  for (std::size_t i = 5; i < 8; ++i) EXPECT_NE(got.at(i), expected.at(i)) << "step " << i + 1;
  const auto said = [](PretrainRecipe r) {
    r.optim.max_steps = 8;
    resolve(r);
    const auto comm = local_communicator();
    const StopSignal stop;
    testing::internal::CaptureStderr();
    EXPECT_EQ(Trainer(r, {}, *comm, stop, Log(0)).run(), Outcome::finished);
    return testing::internal::GetCapturedStderr();
  };
  first.run.dir = recipe("told").run.dir;
  EXPECT_THAT(said(first), testing::HasSubstr("step 5: until here the network was a masked"));
  pixels.run.dir = recipe("not_told").run.dir;
  EXPECT_THAT(said(pixels), testing::Not(testing::HasSubstr("masked")));
}

TEST_F(TrainerRun, NobodyIsToldOfPredictionsInAPartThatMakesNone) {
  PretrainRecipe r = recipe("run");
  r.loss.pixel_epochs = 1.25;  // five steps
  r.run.health_every = 4;
  r.run.health_images = 8;
  train(r, 8);
  std::map<std::int64_t, nlohmann::json> looks;
  std::ifstream events(run_folder("run") / "events.jsonl");
  for (std::string line; std::getline(events, line);) {
    const auto event = nlohmann::json::parse(line);
    if (event["event"] == "health") looks[event["step"]] = event;
  }
  for (const auto& figure : health_figures) {
    const std::string name(figure.name);
    const bool of_predictions = name == "cross_sample_gap" || name.find("loss") != name.npos;
    EXPECT_EQ(looks.at(4).contains(name), !of_predictions) << name;
    EXPECT_TRUE(looks.at(8).at(name).is_number()) << name;
  }
  const std::string board = read_text_file(event_files(r.run.dir).at(0));
  for (const char* tag : {"health/raw_std", "health/position_share"})
    EXPECT_EQ(count_of(tag, board), 2) << tag;
  for (const char* tag : {"health/cross_sample_gap", "loss/held_out", "loss/zero",
                          "loss/place_only", "health/loss_to_zero"})
    EXPECT_EQ(count_of(tag, board), 1) << tag;
}

TEST_F(TrainerRun, AnotherSeedIsAnotherRun) {
  PretrainRecipe other = recipe("two");
  other.run.seed = 1;
  train(recipe("one"), 2);
  train(other, 2);
  EXPECT_FALSE(final_state(run_folder("one")) == final_state(run_folder("two")));
}

TEST_F(TrainerRun, MicroBatchesOfAnySizeTrainTheSameModel) {
  constexpr int steps = 100;
  train(recipe("whole"), steps);
  for (const int micro : {1, 4, 8}) {
    PretrainRecipe r = recipe("micro" + std::to_string(micro));
    r.optim.micro_batch = micro;
    train(r, steps);
    expect_close_losses(losses(run_folder("whole")), losses(r.run.dir), 1e-5, r.run.dir);
  }
}

// Their sums are over the step, whatever part of it is computed at once.
TEST_F(TrainerRun, MicroBatchesOfAnySizeHaveTheSamePooledLosses) {
  constexpr int steps = 30;
  const auto pooled = [&](const std::string& run) {
    PretrainRecipe r = recipe(run);
    r.loss = {1, 1, 0, 1, TargetScaling::centred};
    r.model.encoder.start = StartWeights::xavier;
    r.model.encoder.drop_path = 0.2;
    return r;
  };
  train(recipe("none"), 1);
  train(pooled("whole"), steps);
  EXPECT_GT(losses(run_folder("whole")).at(0), losses(run_folder("none")).at(0) + 0.5);
  for (const int micro : {1, 4}) {
    PretrainRecipe r = pooled("micro" + std::to_string(micro));
    r.optim.micro_batch = micro;
    train(r, steps);
    expect_close_losses(losses(run_folder("whole")), losses(r.run.dir), 1e-5, r.run.dir);
  }
}

TEST_F(TrainerRun, OtherKernelsThanThoseOfItsCheckpointAreAWarning) {
  const auto warnings_of = [&](const char* kernels, int steps) {
    PretrainRecipe r = recipe("run");
    r.compute.cpu_kernels = kernels;
    testing::internal::CaptureStderr();
    const Outcome outcome = [&] {
      r.optim.max_steps = steps;
      resolve(r);
      const StopSignal stop;
      return Trainer(r, {}, *local_communicator(), stop, Log(0)).run();
    }();
    EXPECT_EQ(outcome, Outcome::finished);
    return testing::internal::GetCapturedStderr();
  };
  const std::string say = "this start computes by cpu, avx";
  EXPECT_THAT(warnings_of("avx2", 1), testing::Not(testing::HasSubstr(say)));
  EXPECT_THAT(warnings_of("avx2", 2), testing::Not(testing::HasSubstr(say)));
  if (make_device({"cpu", 1})->describe().find("avx512") == std::string::npos)
    GTEST_SKIP() << "this processor has one set of kernels";
  const std::string said = warnings_of("avx512", 3);
  EXPECT_THAT(said, testing::ContainsRegex("was computed by cpu, avx2, operations [0-9]+, " + say +
                                           "512, operations [0-9]+: the run goes on"));
  EXPECT_THAT(warnings_of("avx512", 4), testing::Not(testing::HasSubstr(say)));
}

TEST_F(TrainerRun, ProductsInFloat16TrainNearlyTheSameModel) {
  constexpr int steps = 100;
  train(recipe("float32"), steps);
  for (const auto& kernels : float16_kernels()) {
    PretrainRecipe r = recipe(kernels);
    r.compute.cpu_kernels = kernels;
    train(r, steps);
    const auto expected = losses(run_folder("float32")), got = losses(r.run.dir);
    EXPECT_NE(got, expected) << "these kernels were not taken";
    expect_close_losses(expected, got, 5e-3, kernels);
  }
}

TEST_F(TrainerRun, AFinishedRunHasNothingLeftToDo) {
  train(recipe("run"), 3);
  const auto before = read_metrics(run_folder("run"));
  EXPECT_EQ(train(recipe("run"), 3), Outcome::finished);
  EXPECT_EQ(read_metrics(run_folder("run")), before);
}

TEST_F(TrainerRun, ASignalEndsTheCopyOfShardsAndTheNextStartFinishesIt) {
  PretrainRecipe r = recipe("run");
  r.data.stage_dir = run_folder("local_disk").string();
  const auto comm = local_communicator();
  {
    const StopSignal stop;
    send_signal(stop, SIGTERM);
    EXPECT_THROW(Trainer(r, {}, *comm, stop, Log(1)), Interrupted);
  }
  EXPECT_EQ(train(r, 2), Outcome::finished);
  train(recipe("straight"), 2);
  expect_same_run(run_folder("straight"), run_folder("run"), "from staged shards");
}

TEST_F(TrainerRun, ASignalSavesAndTheRunGoesOn) {
  train(recipe("straight"), total_steps);
  PretrainRecipe r = recipe("stopped");
  r.optim.max_steps = total_steps;
  resolve(r);
  const auto comm = local_communicator();
  for (int starts = 0; starts < 3; ++starts) {
    const StopSignal stop;
    Trainer trainer(r, {}, *comm, stop, Log(1));
    send_signal(stop, SIGTERM);
    EXPECT_EQ(trainer.run(), Outcome::interrupted);
    EXPECT_EQ(final_state(r.run.dir).step, starts + 1);
  }
  const StopSignal stop;
  EXPECT_EQ(Trainer(r, {}, *comm, stop, Log(1)).run(), Outcome::finished);
  expect_same_run(run_folder("straight"), run_folder("stopped"), "stopped by signals");
}

std::string message_of(const auto& action) {
  try {
    action();
  } catch (const std::exception& e) {
    return e.what();
  }
  return "";
}

int count_events(const std::filesystem::path& run, const std::string& name) {
  std::ifstream file(run / "events.jsonl");
  int count = 0;
  for (std::string line; std::getline(file, line);)
    if (nlohmann::json::parse(line).at("event") == name) ++count;
  return count;
}

TEST_F(TrainerRun, StopsAfterTooManyLossesThatAreNotFinite) {
  PretrainRecipe r = recipe("nan");
  r.data.std = {1e-39, 1e-39, 1e-39};  // pixels beyond float32
  r.run.checkpoint_steps = 1;
  const auto message = message_of([&] { train(r, total_steps); });
  EXPECT_THAT(message, testing::HasSubstr("not finite in 4 steps in a row, up to step 3"));
  EXPECT_EQ(count_events(r.run.dir, "non_finite"), 4);
  EXPECT_EQ(read_metrics(r.run.dir).size(), 3U);
  EXPECT_TRUE(list_checkpoints(r.run.dir).empty());
}

TEST_F(TrainerRun, WritesDownWhatIsNotFinite) {
  PretrainRecipe r = recipe("nan");
  r.data.std = {1e-39, 1e-39, 1e-39};
  r.optim.micro_batch = 4;
  r.run.nan_limit = 1;
  int code = 0;
  try {
    train(r, total_steps);
  } catch (const AgreedError& e) {
    code = e.code();
  }
  EXPECT_EQ(code, exit_code::not_finite);
  std::set<std::string> keys;
  for (const int step : {0, 1}) {
    const auto path = run_folder("nan") / "non_finite" / fmt::format("step_{}.rank_0.json", step);
    const auto page = nlohmann::json::parse(read_text_file(path.string()));
    EXPECT_EQ(page.at("step"), step);
    EXPECT_EQ(page.at("loss_of_all_ranks"), "nan");
    ASSERT_EQ(page.at("micro_batches").size(), 4U);
    for (const auto& micro : page.at("micro_batches")) {
      EXPECT_EQ(micro.at("loss"), "nan");
      ASSERT_EQ(micro.at("images").size(), 4U);
      for (const auto& key : micro.at("images")) keys.insert(key);
    }
    for (const char* part : {"encoder.patch_embed", "encoder.blocks.1", "predictor.mask_token"})
      EXPECT_TRUE(page.at("gradient_norms").contains(part)) << part;
  }
  EXPECT_EQ(keys.size(), 32U) << "two steps of one epoch have no image in common";
}

TEST_F(TrainerRun, ASliceOfTimeEndsWithASaveAndTheNextGoesOn) {
  train(recipe("straight"), total_steps);
  PretrainRecipe r = recipe("sliced");
  r.optim.max_steps = total_steps;
  r.run.max_seconds = 1e-3;  // is over after the first step
  resolve(r);
  const auto comm = local_communicator();
  const StopSignal stop;
  for (int starts = 1; starts < total_steps; ++starts) {
    Trainer trainer(r, {}, *comm, stop, Log(1));
    EXPECT_EQ(trainer.run(), Outcome::interrupted);
    EXPECT_EQ(trainer.stop_reason(), StopReason::slice_done);
    EXPECT_EQ(final_state(r.run.dir).step, starts);
  }
  EXPECT_EQ(Trainer(r, {}, *comm, stop, Log(1)).run(), Outcome::finished);
  expect_same_run(run_folder("straight"), run_folder("sliced"), "slice by slice");
}

// Ten thousand times larger weights each step: the first to overflow is the last that may be lost.
TEST_F(TrainerRun, NeverSavesWeightsThatAreNotFinite) {
  PretrainRecipe r = recipe("diverging");
  r.optim.lr = r.optim.start_lr = 100;
  r.optim.weight_decay = r.optim.final_weight_decay = 100;
  r.run.checkpoint_steps = 1;
  r.run.keep_last = 100;
  const auto message = message_of([&] { train(r, 40); });
  EXPECT_THAT(message, testing::HasSubstr("not finite"));
  ASSERT_FALSE(list_checkpoints(r.run.dir).empty());
  for (const auto& folder : list_checkpoints(r.run.dir)) {
    const auto manifest = read_manifest(folder);
    for (const auto& tensor : manifest.tensors) {
      std::vector<float> values(static_cast<std::size_t>(tensor.numel()));
      read_tensor(folder, manifest, tensor, std::as_writable_bytes(std::span(values)));
      for (const float v : values)
        ASSERT_TRUE(std::isfinite(v)) << folder << " " << tensor.group << "/" << tensor.name;
    }
  }
}

}  // namespace
}  // namespace ijepa::test
