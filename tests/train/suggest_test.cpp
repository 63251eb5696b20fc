// Suggestions: the recipe grows with pixels, images, cores and hours, and what is printed is a
// configuration that loads as it was meant.
#include "ijepa/train/fit/suggest.hpp"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <cmath>
#include <fstream>

#include "ijepa/core/error.hpp"
#include "ijepa/core/rng.hpp"
#include "tests/support/other_pictures.hpp"
#include "tests/support/temporary_folder.hpp"
#include "tests/support/tiny_run.hpp"

namespace ijepa {
namespace {

ImageFacts images_of(std::int64_t images, Size size) {
  return {.shards = "shards/train",
          .test_shards = "",
          .images = images,
          .median = size,
          .mean = {0.4, 0.5, 0.6},
          .std = {0.2, 0.25, 0.3},
          .decode_seconds = 1e-4};
}

/// Time goes by the weights that each token meets.
MachineFacts machine_of(int cores, double speed = 1) {
  return {.cores = cores,
          .memory = std::size_t{16} << 30,
          .step_seconds = [speed](const PretrainRecipe& r) {
            const auto& e = r.model.encoder;
            const double width = e.width > 0 ? static_cast<double>(e.width) : 384;
            const double depth = e.depth > 0 ? static_cast<double>(e.depth) : 12;
            return static_cast<double>(e.tokens()) * width * width * depth * 1e-9 / speed;
          }};
}

std::string config_for(const ImageFacts& images, const MachineFacts& machine, double hours) {
  return suggest(images, machine, hours).based_on;
}

TEST(Suggest, TheRecipeFollowsPixelsImagesAndTime) {
  EXPECT_EQ(config_for(images_of(5000, {32, 32}), machine_of(2), 0.05),
            "configs/cifar10_3min.toml");
  EXPECT_EQ(config_for(images_of(5000, {32, 32}), machine_of(2), 1), "configs/cifar10_15min.toml");
  EXPECT_EQ(config_for(images_of(50'000, {32, 32}), machine_of(2, 10), 10),
            "configs/cifar10_2h.toml");
  EXPECT_EQ(config_for(images_of(5000, {480, 640}), machine_of(2), 1), "configs/synthetic.toml");
  EXPECT_EQ(config_for(images_of(100, {96, 96}), machine_of(2), 1), "configs/synthetic.toml");
  // Images are not shrunk where there is too little time for any.
  EXPECT_EQ(config_for(images_of(5000, {96, 96}), machine_of(1, 1e-3), 0.01),
            "configs/synthetic.toml");
  EXPECT_EQ(config_for(images_of(5000, {32, 32}), machine_of(1, 1e-3), 0.01),
            "configs/cifar10_3min.toml");
  // Pixels, images or time alone are not enough for the larger ones.
  EXPECT_EQ(config_for(images_of(5000, {480, 640}), machine_of(64, 100), 1000),
            "configs/synthetic.toml");
  EXPECT_EQ(config_for(images_of(100'000, {96, 96}), machine_of(64, 100), 24),
            "configs/stl10_96.toml");
  EXPECT_EQ(config_for(images_of(100'000, {64, 64}), machine_of(64, 100), 24),
            "configs/synthetic.toml");
  EXPECT_EQ(config_for(images_of(1'000'000, {480, 640}), machine_of(64, 100), 1e4),
            "configs/imagenet_vits16.toml");
  EXPECT_EQ(config_for(images_of(1'000'000, {480, 640}), machine_of(2), 1),
            "configs/synthetic.toml");
}

TEST(Suggest, MoreHoursNeverMakeItShorterAndTheTimeIsKept) {
  const auto images = images_of(20'000, {64, 64});
  double before = 0;
  for (const double hours : {0.01, 0.05, 0.1, 0.5, 1.0, 10.0}) {
    const auto s = suggest(images, machine_of(2, 0.05), hours);
    EXPECT_GE(s.seconds, before) << hours;
    EXPECT_GE(s.images_seen, 39'000) << hours;
    // The shortest useful run is suggested whatever it takes; an epoch is not cut.
    if (s.images_seen > 41'000) {
      EXPECT_LE(s.seconds, 3600 * hours * 1.5) << hours;
    }
    before = s.seconds;
  }
}

TEST(Suggest, ANumberOfImagesIsSeenByTheSmallestNetwork) {
  const auto part = [](const PretrainRecipe& r) {
    return r.loss.pixel_epochs / (static_cast<double>(r.optim.epochs) * r.optim.ipe_scale);
  };
  for (const double hours : {1e-3, 1e3}) {
    const auto s = suggest(images_of(50'000, {32, 32}), machine_of(2), hours, 140'000);
    EXPECT_EQ(s.based_on, "configs/cifar10_3min.toml");
    EXPECT_NEAR(static_cast<double>(s.images_seen), 140'000, 32);
    EXPECT_NEAR(part(s.recipe), 0.52, 1e-3) << "of the steps, first those of pixels";
    EXPECT_EQ(s.recipe.optim.optimizer, MatrixOptimizer::muon);
    EXPECT_EQ(s.recipe.optim.lr, 3e-3);
  }
  const auto few = suggest(images_of(100, {64, 64}), machine_of(2), 1, 140'000);
  EXPECT_EQ(few.based_on, "configs/synthetic.toml");
  EXPECT_EQ(few.recipe.optim.epochs, 40) << "passes that help";
  EXPECT_EQ(part(few.recipe), 0) << "which does not help textures";
  EXPECT_EQ(few.recipe.optim.optimizer, MatrixOptimizer::adamw);
  auto signs = images_of(50'000, {32, 32});
  signs.mirrored = {.farther = 0.9, .images = 1000};
  ASSERT_TRUE(signs.mirrored.one_sided());
  const auto of_signs = suggest(signs, machine_of(2), 1, 140'000).recipe;
  EXPECT_EQ(part(of_signs), 0) << "nor signs";
  EXPECT_EQ(of_signs.optim.optimizer, MatrixOptimizer::adamw);
  EXPECT_EQ(of_signs.optim.lr, 1.5e-3);
}

TEST(Suggest, ProductsInFloat16AreMentionedWhereTheyRun) {
  const auto images = images_of(5000, {32, 32});
  auto machine = machine_of(2);
  const auto says = [&] {
    const auto text = suggestion_text(suggest(images, machine, 1), images, machine);
    return text.find("compute.cpu_kernels = \"float16\"") != std::string::npos;
  };
  EXPECT_FALSE(says());
  machine.float16 = true;
  EXPECT_TRUE(says());
}

TEST(Suggest, AMillionImagesAreNotSeenWholeByASmallNetwork) {
  const auto s = suggest(images_of(1'200'000, {64, 64}), machine_of(2), 0.02);
  EXPECT_EQ(s.recipe.optim.epochs, 1);
  EXPECT_GT(s.recipe.optim.max_steps, 600);
  EXPECT_LT(s.images_seen, 1'000'000);
  EXPECT_NEAR(s.recipe.optim.ipe_scale, static_cast<double>(s.images_seen) / 1'200'000, 1e-3);
}

TEST(Suggest, TooFewImagesAreRefused) {
  try {
    suggest(images_of(63, {64, 64}), machine_of(2), 1);
    FAIL();
  } catch (const Error& e) {
    EXPECT_EQ(std::string(e.what()).find("shards/train holds 63 images, too few to train on"), 0U)
        << e.what();
  }
}

/// Bright wedges that grow to the right, of any height and brightness; half of them to the left
/// where `both` ways are wanted.
void write_wedges(const std::filesystem::path& folder, int images, bool both,
                  const test::PngForm& form, int channels, int shots = 1) {
  constexpr int side = 24;
  Rng rng(1, Purpose::test);
  std::vector<test::Bytes> encoded;
  for (int i = 0; i < images; ++i) {
    const double top = 12 * rng.uniform(), steep = 0.3 + rng.uniform();
    const bool turned = rng.uniform() < 0.5 && both;
    const auto bright = static_cast<std::uint8_t>(150 + 100 * rng.uniform());
    for (int shot = 0; shot < shots; ++shot) {
      test::Bytes pixels;
      for (int y = 0; y < side; ++y)
        for (int x = 0; x < side; ++x) {
          const int along = turned ? side - 1 - x : x;
          const bool inside = y >= top && y - top <= along * steep;
          pixels.insert(pixels.end(), static_cast<std::size_t>(channels),
                        static_cast<std::uint8_t>(inside ? bright : 20 + shot));
        }
      encoded.push_back(test::encode_png(pixels, side, side, form));
    }
  }
  test::write_shard_of(folder, encoded);
}

TEST(Suggest, ImagesWhoseLeftAndRightDifferAreNotMirrored) {
  const test::TemporaryFolder folder;
  const test::PngForm colours{PNG_COLOR_TYPE_RGB, 8, PNG_INTERLACE_NONE, {}};
  const test::PngForm deep{PNG_COLOR_TYPE_GRAY, 16, PNG_INTERLACE_NONE, {}};
  for (const bool both : {false, true})
    for (const bool grey : {false, true}) {
      const auto shards = folder.path() / fmt::format("{}{}", both, grey);
      // Two equal bytes are a number of 16 bits.
      write_wedges(shards, 300, both, grey ? deep : colours, grey ? 2 : 3);
      const auto images = look_at_images(shards.string());
      EXPECT_EQ(images.channels, grey ? 1 : 3);
      EXPECT_EQ(images.mirrored.images, 300);
      const auto suggestion = suggest(images, machine_of(2), 0.05);
      EXPECT_EQ(suggestion.recipe.data.augment.flip, both) << images.mirrored.farther;
      const std::string text = suggestion_text(suggestion, images, machine_of(2));
      EXPECT_EQ(text.find("# Of 300 images ") == std::string::npos, both) << text;
    }
}

TEST(Suggest, AFolderWhoseNameIsNoTextIsRefused) {
  const test::TemporaryFolder folder;
  const auto shards = folder.path() / "caf\xE9";
  write_wedges(shards, 64, true, {PNG_COLOR_TYPE_RGB, 8, PNG_INTERLACE_NONE, {}}, 3);
  try {
    look_at_images(shards.string());
    ADD_FAILURE() << "was taken";
  } catch (const Error& e) {
    const std::string said = e.what();
    EXPECT_NE(said.find("caf\\xE9 is no text in UTF-8"), std::string::npos) << said;
  }
}

TEST(Suggest, ShotsOfOneThingDoNotMakeImagesOneSided) {
  const test::TemporaryFolder folder;
  const test::PngForm colours{PNG_COLOR_TYPE_RGB, 8, PNG_INTERLACE_NONE, {}};
  for (const bool both : {false, true}) {
    const auto shards = folder.path() / fmt::format("{}", both);
    write_wedges(shards, 100, both, colours, 3, 3);
    EXPECT_EQ(look_at_images(shards.string()).mirrored.one_sided(), !both);
  }
}

/// What a run of it would be, and what was meant.
void expect_loads_as_meant(const ImageFacts& images, const MachineFacts& machine,
                           const std::filesystem::path& folder) {
  const auto suggestion = suggest(images, machine, 1);
  const std::string text = suggestion_text(suggestion, images, machine);
  const auto file = (folder / "suggested.toml").string();
  std::ofstream(file) << text;
  PretrainRecipe meant = suggestion.recipe;
  resolve(meant);
  const auto loaded = load_recipe(file, {});
  EXPECT_EQ(recipe_text(loaded.recipe), recipe_text(meant)) << text;
  EXPECT_GT(plan_run(loaded.recipe, images.images, suggestion.ranks).total_steps, 0) << text;
}

TEST(Suggest, WhatIsPrintedLoadsAsItWasMeantForImagesOfAnyShape) {
  const test::TemporaryFolder folder;
  for (const Size size : {Size{8, 8}, Size{32, 32}, Size{64, 64}, Size{100, 300}, Size{300, 90},
                          Size{2000, 3000}, Size{1, 5000}, Size{5000, 1}})
    for (const std::int64_t images : {64, 1000, 300'000, 14'000'000})
      for (const double speed : {1.0, 1e4})
        expect_loads_as_meant(images_of(images, size), machine_of(6, speed), folder.path());
}

TEST(Suggest, WhereBfloat16IsFasterItIsAskedForAndTimed) {
  const auto images = images_of(5000, {32, 32});
  MachineFacts machine = machine_of(2);
  machine.float16 = true;
  const auto text = [&] { return suggestion_text(suggest(images, machine, 1), images, machine); };
  EXPECT_EQ(text().find("precision"), std::string::npos);
  EXPECT_NE(text().find("\"float16\""), std::string::npos);
  machine.bfloat16 = true;
  machine.step_seconds = [times = machine.step_seconds](const PretrainRecipe& r) {
    return times(r) / (r.compute.automatic_precision ? 2 : 1);
  };
  EXPECT_NE(text().find("precision = \"auto\""), std::string::npos);
  EXPECT_EQ(text().find("\"float16\""), std::string::npos);
  EXPECT_LT(suggest(images, machine, 1, 100'000).seconds,
            0.6 * suggest(images, machine_of(2), 1, 100'000).seconds);
}

TEST(Suggest, ALookAtShardsFindsNumberSizeAndPixels) {
  const test::TemporaryFolder folder;
  test::write_tiny_shard(folder.path() / "train", 70, 3);
  const auto facts = look_at_images((folder.path() / "train").string());
  EXPECT_EQ(facts.images, 70);
  EXPECT_EQ(facts.median, (Size{32, 32}));
  for (const double value : facts.mean) EXPECT_TRUE(value > 0.05 && value < 0.95) << value;
  for (const double value : facts.std) EXPECT_TRUE(value >= 0.01 && value < 0.6) << value;
  EXPECT_EQ(facts.test_shards, "");  // none there
  const auto machine = look_at_machine();
  EXPECT_GE(machine.cores, 1);
  EXPECT_GT(machine.memory, std::size_t{1} << 20);
  EXPECT_THROW(look_at_images((folder.path() / "none").string()), Error);
}

TEST(Suggest, ASetOfSeveralKindsIsToldAndNotTakenForDamage) {
  const test::TemporaryFolder folder;
  std::vector<test::Bytes> mixed(5, test::encode_png(test::draw_picture(32, 32)));
  mixed[3] =
      test::tiff(test::Bytes(std::size_t{32} * 32 * 5), 32, 32, {.channels = 5, .colours = false});
  test::write_shard_of(folder.path() / "train", mixed);
  try {
    look_at_images((folder.path() / "train").string());
    FAIL() << "nothing was said";
  } catch (const Error& error) {
    const std::string text = error.what();
    EXPECT_NE(text.find("image 3 (picture/3.png) cannot be read with 3 channels as the others: It "
                        "has 5 channels."),
              std::string::npos)
        << text;
  }
}

}  // namespace
}  // namespace ijepa
