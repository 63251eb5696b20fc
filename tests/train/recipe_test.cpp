// Recipes: what is refused and with which words, what is derived, and that every shipped
// configuration and the reference page agree with the code.
#include "ijepa/train/recipe/recipe.hpp"

#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <sstream>

#include "ijepa/core/error.hpp"
#include "ijepa/core/rng.hpp"
#include "tests/support/source_folder.hpp"

namespace ijepa {
namespace {

namespace fs = std::filesystem;

/// CIFAR-sized, and valid but for what the test changes.
PretrainRecipe small_recipe() {
  PretrainRecipe r;
  r.model.encoder.name = "vit_tiny";
  r.model.encoder.patch = 4;
  r.model.encoder.image_height = r.model.encoder.image_width = 32;
  r.model.predictor.width = 96;
  r.mask.min_keep = 4;
  r.mask.truncate_group = 64;
  r.optim.global_batch = 128;
  r.data.shards = "shards";
  r.run.dir = "runs/test";
  return r;
}

/// The message with which the small recipe is refused after the given overrides.
std::string refusal(const std::vector<std::string>& overrides) {
  PretrainRecipe recipe = small_recipe();
  try {
    for (const auto& assignment : overrides) apply_override(fields_of(recipe), assignment);
    resolve(recipe);
  } catch (const Error& error) {
    return error.what();
  }
  return "accepted";
}

std::string plan_refusal(PretrainRecipe recipe, std::int64_t images, std::int64_t ranks) {
  resolve(recipe);
  try {
    plan_run(recipe, images, ranks);
  } catch (const Error& error) {
    return error.what();
  }
  return "accepted";
}

std::string text_of(const fs::path& path) {
  std::ifstream stream(path);
  std::ostringstream text;
  text << stream.rdbuf();
  return text.str();
}

TEST(Recipe, ResolvesSizesFromThePreset) {
  auto recipe = small_recipe();
  EXPECT_TRUE(resolve(recipe).empty());
  EXPECT_EQ(recipe.model.encoder.width, 192);
  EXPECT_EQ(recipe.model.encoder.depth, 12);
  EXPECT_EQ(recipe.model.encoder.heads, 3);
  EXPECT_EQ(recipe.model.encoder.mlp_hidden, 768);
  EXPECT_EQ(recipe.model.predictor.mlp_hidden, 384);
  EXPECT_EQ(recipe.data.augment.crop(), (Size{32, 32}));
}

TEST(Recipe, ResolvingTwiceChangesNothingAndTheTextReadsBack) {
  auto recipe = small_recipe();
  recipe.mask.truncate_group = 1000;
  EXPECT_EQ(resolve(recipe).size(), 1U);
  EXPECT_EQ(recipe.mask.truncate_group, 128);
  const std::string text = recipe_text(recipe);
  EXPECT_TRUE(resolve(recipe).empty());
  EXPECT_EQ(recipe_text(recipe), text);
  PretrainRecipe again;
  read_toml(fields_of(again), text, "resolved.toml");
  EXPECT_TRUE(resolve(again).empty());
  EXPECT_EQ(recipe_text(again), text);
}

TEST(Recipe, CustomSizes) {
  auto recipe = small_recipe();
  auto& e = recipe.model.encoder;
  e.name = "custom";
  e.width = 96, e.depth = 4, e.heads = 3;
  resolve(recipe);
  EXPECT_EQ(e.mlp_hidden, 384);
}

TEST(Recipe, ChannelsHaveAMeanAndADeviationEach) {
  auto recipe = small_recipe();
  recipe.data.channels = 2;
  const auto problem_of = [](PretrainRecipe r) -> std::string {
    try {
      resolve(r);
    } catch (const Error& e) {
      return e.what();
    }
    return "";
  };
  EXPECT_EQ(problem_of(recipe),
            "data.mean has 3 values, but data.channels = 2; ijepa-shards SHARDS --statistics "
            "--channels 2 measures mean and deviation.");
  recipe.data.mean = {0.1, 0.2};
  recipe.data.std = {0.3};
  EXPECT_TRUE(problem_of(recipe).starts_with("data.std has 1 value, but data.channels = 2;"));
  recipe.data.std = {0.3, 0.4};
  resolve(recipe);
  EXPECT_EQ(recipe.model.encoder.channels, 2);
  EXPECT_EQ(recipe.data.augment.channels, 2);
  PretrainRecipe again;
  read_toml(fields_of(again), recipe_text(recipe), "resolved.toml");
  EXPECT_EQ(again.data.mean, recipe.data.mean);
  EXPECT_EQ(again.data.std, recipe.data.std);
  const std::string of_colours =
      "data.colour_strength and data.blur change red, green and blue, but data.channels is 2: set "
      "them to 0 and false.";
  auto blurred = recipe;
  blurred.data.augment.blur = true;
  EXPECT_EQ(problem_of(blurred), of_colours);
  recipe.data.augment.colour_strength = 0.5;
  EXPECT_EQ(problem_of(recipe), of_colours);
}

TEST(Recipe, RefusesLossesAndRandomMasksThatCannotWork) {
  const std::vector<std::pair<std::vector<std::string>, std::string>> cases{
      {{"loss.features=0"},
       "loss.features and loss.pixels are both 0: nothing is left to predict."},
      {{"loss.features=0", "loss.pixels=1"}, "accepted"},
      {{"model.name=vit_tiny", "loss.target_blocks=13"},
       "loss.target_blocks = 13 is more than the encoder's 12 blocks."},
      {{"loss.pixel_epochs=1.5", "optim.epochs=2", "optim.ipe_scale=0.75"},
       "loss.pixel_epochs = 1.5 leaves none of the 1.5 epochs of optim.epochs and ipe_scale to "
       "predict features in: lower it, or set loss.features = 0 and loss.pixels = 1 for a masked "
       "autoencoder."},
      {{"loss.targets=centred", "loss.features=0", "loss.pixels=1"},
       "loss.targets = \"centred\" is about the features that loss.features = 0 leaves out."},
      {{"loss.target_blocks=2", "loss.features=0", "loss.pixels=1"},
       "loss.target_blocks = 2 is about targets that loss.features = 0 and loss.pooled_prediction "
       "= 0 leave out."},
      {{"loss.pooled_prediction=1", "optim.global_batch=1", "mask.truncate_group=1"},
       "loss.variance_covariance, centre and pooled_prediction compare the images of a step, but "
       "optim.global_batch = 1."},
      {{"mask.shape=random", "mask.num_targets=1"},
       "mask: shape = \"random\" needs context_patches, the patches that are seen: 1 to 63 of the "
       "8 x 8 grid, not 0."},
      {{"mask.shape=random", "mask.context_patches=16"},
       "mask: with shape = \"random\" all patches but the context's are one target: set "
       "num_targets and num_contexts to 1, not 4 and 1."}};
  for (const auto& [overrides, message] : cases) EXPECT_EQ(refusal(overrides), message);
}

TEST(Recipe, RefusesWhatCannotWork) {
  struct Case {
    std::vector<std::string> overrides;
    std::string message;
  };
  const std::vector<Case> cases{
      {{"model.patch=5"},
       "model.image_height = 32 must be a multiple of model.patch = 5; nearest: 30 or 35."},
      {{"model.image_width=30"},
       "model.image_width = 30 must be a multiple of model.patch = 4; nearest: 28 or 32."},
      {{"model.patch=1", "model.image_height=512"}, "accepted"},
      {{"model.patch=1", "model.image_height=4096"},
       "An image of 4096 x 32 pixels has 131072 patches of side 1, more than 65536; use a larger "
       "model.patch."},
      {{"model.predictor.width=100"},
       "model.predictor.width = 100 must be a multiple of model.heads = 3; nearest: 99 or 102."},
      {{"model.predictor.width=90"},
       "model.predictor.width = 90 must be a multiple of 4 for the 2-D position embedding."},
      {{"model.width=128"},
       "model.width = 128, but vit_tiny has 192; use model.name = \"custom\" for other sizes."},
      {{"model.name=custom", "model.width=96", "model.depth=2"},
       "model.heads must be given when model.name is \"custom\"."},
      {{"model.name=custom", "model.width=94", "model.depth=2", "model.heads=4"},
       "model.width = 94 must be a multiple of model.heads = 4; nearest: 92 or 96."},
      {{"model.name=custom", "model.width=90", "model.depth=2", "model.heads=3"},
       "model.width = 90 must be a multiple of 4 for the 2-D position embedding."},
      {{"mask.truncate_group=48"},
       "optim.global_batch = 128 must be a multiple of mask.truncate_group = 48, the number of "
       "images whose masks are cut to one length."},
      {{"optim.micro_batch=24"},
       "optim.global_batch = 128 must be a multiple of optim.micro_batch = 24."},
      {{"optim.final_lr=0.1"}, "optim.final_lr = 0.1 is above optim.lr = 0.001."},
      {{"optim.start_lr=0.1"}, "optim.start_lr = 0.1 is above optim.lr = 0.001."},
      {{"data.shards="}, "data.shards must name a folder of shards; ijepa-shards writes one."},
      {{"data.crop_scale_max=0.2"},
       "data.crop_scale_min = 0.3 is above data.crop_scale_max = 0.2."},
      {{"data.crop_ratio_min=2"},
       "data.crop_ratio_min = 2 is above data.crop_ratio_max = 1.3333333333333333."},
      {{"run.dir="}, "run.dir must name the folder of the run, for example runs/first."},
      {{"compute.residual=bfloat16"},
       "compute.residual = \"bfloat16\" needs compute.precision = \"bfloat16\", but it is "
       "\"float32\"."},
      {{"compute.precision=float64", "compute.device=cuda"},
       "compute.precision = \"float64\" is for checks on the CPU; set compute.device = \"cpu\"."},
      {{"compute.product_algorithms=measured"},
       "compute.product_algorithms = \"measured\" is for GPUs: set compute.device = \"cuda\", or "
       "leave it at \"first\"."},
  };
  for (const auto& c : cases) EXPECT_EQ(refusal(c.overrides), c.message);
}

TEST(Recipe, RefusesMasksThatCouldNeverBeDrawn) {
  const std::string message = refusal({"mask.min_keep=10"});  // 8 x 8 grid: targets of 9 patches
  EXPECT_NE(message.find("min_keep"), std::string::npos) << message;
}

TEST(Recipe, NotesWhatMayBeAMistake) {
  const auto notes_with = [](const std::string& assignment) {
    auto recipe = small_recipe();
    apply_override(fields_of(recipe), assignment);
    return resolve(recipe);
  };
  EXPECT_EQ(notes_with("optim.warmup_epochs=300").size(), 1U);
  EXPECT_EQ(notes_with("optim.ipe_scale=0.9").size(), 1U);
  EXPECT_EQ(notes_with("run.checkpoint_minutes=0").size(), 1U);
  EXPECT_EQ(notes_with("mask.truncate_group=512").size(), 1U);
}

TEST(RunPlan, DerivesStepsAndBatches) {
  auto recipe = small_recipe();
  recipe.optim.epochs = 6;
  recipe.optim.warmup_epochs = 1.5;
  resolve(recipe);
  const RunPlan plan = plan_run(recipe, 10000, 2);
  EXPECT_EQ(plan.steps_per_epoch, 78);
  EXPECT_EQ(plan.total_steps, 468);
  EXPECT_EQ(plan.warmup_steps, 117);
  EXPECT_EQ(plan.rank_batch, 64);
  EXPECT_EQ(plan.micro_batch, 64);
  EXPECT_EQ(plan.micro_batches, 1);
  EXPECT_TRUE(plan.notes.empty());
  recipe.optim.micro_batch = 16;
  recipe.optim.max_steps = 100;
  EXPECT_EQ(plan_run(recipe, 10000, 2).micro_batches, 4);
  EXPECT_EQ(plan_run(recipe, 10000, 2).total_steps, 100);
  EXPECT_EQ(plan_run(recipe, 10000, 2).notes.size(), 1U) << "the warm-up outlasts the run";
}

TEST(RunPlan, LeavesStepsForFeaturesAfterThoseOfPixels) {
  auto recipe = small_recipe();
  recipe.optim.epochs = 2;
  recipe.loss.pixel_epochs = 1.25;
  resolve(recipe);
  EXPECT_EQ(plan_run(recipe, 10000, 2).pixel_steps, 97);  // of 78 an epoch
  recipe.optim.max_steps = 97;
  recipe.optim.warmup_epochs = 0;
  EXPECT_EQ(plan_run(recipe, 10000, 2).notes,
            (std::vector<std::string>{"The run ends after 97 steps, but features are predicted "
                                      "after 97 only, those of loss.pixel_epochs = 1.25."}));
}

TEST(RunPlan, ChosenMicroBatchDividesTheRankBatch) {
  auto recipe = small_recipe();
  recipe.model.encoder.image_height = 128;  // 32 x 8 patches: at most 32 images
  recipe.optim.global_batch = 120;
  recipe.mask.truncate_group = 1;
  resolve(recipe);
  EXPECT_EQ(plan_run(recipe, 1000, 1).micro_batch, 30);
  EXPECT_EQ(plan_run(recipe, 1000, 2).micro_batch, 30);
  EXPECT_EQ(plan_run(recipe, 1000, 4).micro_batch, 30);
  EXPECT_EQ(plan_run(recipe, 1000, 120).micro_batch, 1);
  recipe.model.encoder.channels = 1;
  EXPECT_EQ(plan_run(recipe, 1000, 1).micro_batch, 30);
  recipe.model.encoder.channels = 12;  // a quarter of the patches, of four times the values
  EXPECT_EQ(plan_run(recipe, 1000, 1).micro_batch, 8);
}

TEST(RunPlan, RefusesBatchesThatDoNotDivideAndEpochsWithoutAStep) {
  EXPECT_EQ(plan_refusal(small_recipe(), 127, 1),
            "shards has 127 images, fewer than optim.global_batch = 128, so an epoch would have no "
            "step; lower optim.global_batch.");
  EXPECT_EQ(plan_refusal(small_recipe(), 1000, 3),
            "optim.global_batch = 128 must be a multiple of the number of ranks, 3.");
  auto recipe = small_recipe();
  recipe.optim.micro_batch = 64;
  EXPECT_EQ(plan_refusal(recipe, 1000, 4),
            "A rank's batch, 32 (optim.global_batch = 128 on 4 ranks), must be a multiple of "
            "optim.micro_batch = 64.");
}

TEST(ShippedConfigs, AreAllValid) {
  std::size_t count = 0;
  for (const auto& entry : fs::directory_iterator(test::source_folder() / "configs")) {
    const auto name = entry.path().filename().string();
    // Those of other programs are tested with them.
    if (!name.ends_with(".toml")) continue;
    SCOPED_TRACE(entry.path());
    ++count;
    const LoadedRecipe loaded = load_recipe(entry.path(), {});
    EXPECT_TRUE(loaded.notes.empty());
    EXPECT_EQ(loaded.recipe.run.dir, "runs/" + entry.path().stem().string());
    EXPECT_TRUE(text_of(entry.path()).starts_with("# ")) << "say where the numbers come from";
  }
  EXPECT_GE(count, 11U);
}

TEST(ShippedConfigs, WithWrongDigitsAreReadOrRefused) {
  const fs::path path = test::source_folder() / "configs" / "cifar10_vitt4.toml";
  const std::string whole = text_of(path);
  Rng rng(6, Purpose::test);
  int refused = 0;
  for (int trial = 0; trial < 500; ++trial) {
    std::string text = whole;
    for (int i = 0; i < 20; ++i) {
      char& c = text[rng.below(text.size())];
      if (c >= '0' && c <= '9') c = static_cast<char>('0' + rng.below(10));
    }
    PretrainRecipe recipe;
    try {
      read_toml(fields_of(recipe), text, "a.toml");
      resolve(recipe);
      plan_run(recipe, 50000, 1 + static_cast<std::int64_t>(rng.below(8)));
    } catch (const Error&) {
      ++refused;
    }
  }
  EXPECT_GT(refused, 50);
  EXPECT_LT(refused, 500);
}

TEST(ShippedConfigs, PublishedRunsHaveThePublishedSizes) {
  struct Row {
    const char* name;
    std::int64_t tokens, width, predictor_depth, group, epochs;
    double warmup;
  };
  for (const Row& row : {Row{"in1k_vith14_ep300", 256, 1280, 12, 128, 300, 40},
                         Row{"in1k_vith16_448_ep300", 784, 1280, 12, 16, 300, 40},
                         Row{"in22k_vith14_ep66", 256, 1280, 12, 32, 66, 3},
                         Row{"in22k_vitg16_ep44", 196, 1408, 16, 16, 44, 3}}) {
    const auto path = test::source_folder() / "configs" / (std::string(row.name) + ".toml");
    const PretrainRecipe r = load_recipe(path, {}).recipe;
    EXPECT_EQ(r.model.encoder.tokens(), row.tokens);
    EXPECT_EQ(r.model.encoder.width, row.width);
    EXPECT_EQ(r.model.predictor.depth, row.predictor_depth);
    EXPECT_EQ(r.model.predictor.width, 384);
    EXPECT_EQ(r.mask.truncate_group, row.group);
    EXPECT_EQ(r.optim.epochs, row.epochs);
    EXPECT_EQ(r.optim.warmup_epochs, row.warmup);
    EXPECT_EQ(r.optim.global_batch, 2048);
    EXPECT_EQ(r.compute.precision, DType::bf16);
    EXPECT_FALSE(r.data.augment.flip || r.data.augment.blur || r.data.augment.colour_strength > 0);
  }
}

TEST(ConfigurationPage, IsUpToDate) {
  const fs::path path = test::source_folder() / "docs" / "configuration.md";
  if (std::getenv("IJEPA_UPDATE_DOCS") != nullptr) std::ofstream(path) << configuration_page();
  EXPECT_EQ(text_of(path), configuration_page())
      << "run the test once with IJEPA_UPDATE_DOCS=1 and commit docs/configuration.md";
}

}  // namespace
}  // namespace ijepa
