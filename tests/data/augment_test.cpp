#include "ijepa/data/loading/augment.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <set>
#include <vector>

#include "ijepa/core/error.hpp"
#include "tests/support/pictures.hpp"

namespace ijepa::test {
namespace {

AugmentConfig rich_config() {
  AugmentConfig config;
  config.crop_height = 24;
  config.crop_width = 40;
  config.flip = config.blur = true;
  config.colour_strength = 1;
  return config;
}

TEST(Augment, CropsLieInsideAnyPicture) {
  for (const Size& picture : {Size{1, 1}, {1, 500}, {500, 1}, {3, 2}, {37, 200}, {480, 640}})
    for (std::uint64_t i = 0; i < 500; ++i) {
      Rng rng(1, Purpose::test, 0, i);
      const Box box = draw_crop(picture, {}, rng);
      ASSERT_GE(box.top, 0);
      ASSERT_GE(box.left, 0);
      ASSERT_GE(box.height, 1);
      ASSERT_GE(box.width, 1);
      ASSERT_LE(box.top + box.height, picture.height);
      ASSERT_LE(box.left + box.width, picture.width);
    }
}

TEST(Augment, AWholePictureIsTheOnlyCropOfScaleOne) {
  AugmentConfig config;
  config.scale_min = config.scale_max = config.ratio_min = config.ratio_max = 1;
  Rng rng(1, Purpose::test);
  EXPECT_EQ(draw_crop({50, 50}, config, rng), (Box{0, 0, 50, 50}));
}

TEST(Augment, DrawsHaveTheirProbabilitiesAndRanges) {
  constexpr int n = 20000;
  int flips = 0, jitters = 0, greys = 0, blurs = 0;
  std::set<std::array<int, 4>> orders;
  double hue_sum = 0, brightness_sum = 0;
  for (int i = 0; i < n; ++i) {
    Rng rng(1, Purpose::test, 0, static_cast<std::uint64_t>(i));
    const AugmentDraw draw = draw_augment(rich_config(), rng);
    flips += draw.flip;
    jitters += draw.jitter;
    greys += draw.grey;
    blurs += draw.blur_radius > 0;
    orders.insert(draw.order);
    for (const double f : {draw.brightness, draw.contrast, draw.saturation}) {
      ASSERT_GE(f, 0.2);
      ASSERT_LE(f, 1.8);
    }
    ASSERT_LE(std::abs(draw.hue), 0.2);
    ASSERT_TRUE(draw.blur_radius == 0 || (draw.blur_radius >= 0.1 && draw.blur_radius <= 2));
    hue_sum += draw.hue;
    brightness_sum += draw.brightness;
  }
  EXPECT_NEAR(flips, 0.5 * n, 5 * std::sqrt(n * 0.25));
  EXPECT_NEAR(jitters, 0.8 * n, 5 * std::sqrt(n * 0.16));
  EXPECT_NEAR(greys, 0.2 * n, 5 * std::sqrt(n * 0.16));
  EXPECT_NEAR(blurs, 0.5 * n, 5 * std::sqrt(n * 0.25));
  EXPECT_EQ(orders.size(), 24U);
  EXPECT_NEAR(hue_sum / n, 0, 5 * 0.4 / std::sqrt(12.0 * n));
  EXPECT_NEAR(brightness_sum / n, 1, 5 * 1.6 / std::sqrt(12.0 * n));
}

TEST(Augment, NothingIsDrawnThatIsSwitchedOff) {
  for (std::uint64_t i = 0; i < 200; ++i) {
    Rng rng(1, Purpose::test, 0, i);
    const AugmentDraw draw = draw_augment({}, rng);
    EXPECT_FALSE(draw.flip || draw.jitter || draw.grey || draw.blur_radius > 0);
  }
}

// Switching one augmentation on must not change what the others draw.
TEST(Augment, DrawsAreIndependent) {
  AugmentConfig no_flip = rich_config();
  no_flip.flip = false;
  for (std::uint64_t i = 0; i < 50; ++i) {
    Rng a(1, Purpose::test, 0, i), b(1, Purpose::test, 0, i);
    const AugmentDraw with = draw_augment(rich_config(), a), without = draw_augment(no_flip, b);
    EXPECT_EQ(with.hue, without.hue);
    EXPECT_EQ(with.order, without.order);
    EXPECT_EQ(with.blur_radius, without.blur_radius);
  }
}

TEST(Augment, ViewsAreAPureFunctionOfSeedEpochAndPosition) {
  const Bytes picture = encode_jpeg(draw_picture(80, 70)), other = encode_png(draw_picture(9, 9));
  const std::size_t bytes = 24 * 40 * 3;
  Augmenter used(rich_config(), 5);
  const auto view = [&](Augmenter& augmenter, std::int64_t epoch, std::int64_t position) {
    Bytes out(bytes);
    augmenter.train(picture, epoch, position, out.data());
    return out;
  };
  std::vector<Bytes> all;
  for (std::int64_t epoch = 0; epoch < 3; ++epoch)
    for (std::int64_t position = 0; position < 3; ++position) {
      Bytes between(bytes);
      used.train(other, epoch, position, between.data());
      Augmenter fresh(rich_config(), 5), seeded(rich_config(), 6);
      const Bytes out = view(used, epoch, position);
      EXPECT_EQ(out, view(fresh, epoch, position));
      all.push_back(out);
      all.push_back(view(seeded, epoch, position));
    }
  for (auto a = all.begin(); a != all.end(); ++a)
    for (auto b = a + 1; b != all.end(); ++b) EXPECT_NE(*a, *b);
}

TEST(Augment, EvaluationLeavesAPictureOfTheRightSizeAlone) {
  AugmentConfig config;
  config.crop_height = 20;
  config.crop_width = 30;
  Augmenter augmenter(config);
  const Image image = draw_picture(20, 30);
  Bytes out(image.rgb.size());
  augmenter.evaluate(encode_png(image), out.data());
  EXPECT_EQ(out, image.rgb);
}

TEST(Augment, CentredCropsAreTheEvaluationViewAndItsMirror) {
  AugmentConfig config;
  config.crop_kind = CropKind::centred;
  config.crop_height = 24;
  config.crop_width = 40;
  config.flip = true;
  Augmenter augmenter(config, 5);
  const Bytes picture = encode_png(draw_picture(80, 70));
  Bytes view(24 * 40 * 3);
  augmenter.evaluate(picture, view.data());
  Bytes mirror = view;
  flip_horizontal({mirror.data(), 24, 40});
  std::set<Bytes> seen;
  for (std::int64_t position = 0; position < 20; ++position) {
    Bytes out(view.size());
    augmenter.train(picture, 0, position, out.data());
    seen.insert(out);
  }
  EXPECT_EQ(seen, (std::set{view, mirror}));
}

TEST(Augment, FlipMirrors) {
  for (const int width : {1, 2, 7}) {
    Image image = draw_picture(3, width);
    const Image before = image;
    flip_horizontal({image.rgb.data(), 3, width});
    for (int y = 0; y < 3; ++y)
      for (int x = 0; x < width; ++x)
        for (int c = 0; c < 3; ++c)
          EXPECT_EQ(image.rgb[static_cast<std::size_t>((y * width + x) * 3 + c)],
                    before.rgb[static_cast<std::size_t>((y * width + width - 1 - x) * 3 + c)]);
  }
}

TEST(Colour, OperationsSurviveEverySizeAndFactor) {
  Bytes scratch;
  for (const Size& size : {Size{1, 1}, {1, 7}, {5, 1}, {33, 2}})
    for (const double factor : {0.0, 0.5, 1.0, 3.0}) {
      Image image = draw_picture(size.height, size.width);
      const Pixels pixels{image.rgb.data(), size.height, size.width};
      adjust_brightness(pixels, factor);
      adjust_contrast(pixels, factor);
      adjust_saturation(pixels, factor);
      adjust_hue(pixels, factor / 6);
      gaussian_blur(pixels, 10 * factor, scratch);
    }
  Image image = draw_picture(4, 5);
  const Image before = image;
  const Pixels pixels{image.rgb.data(), 4, 5};
  adjust_brightness(pixels, 1);
  adjust_contrast(pixels, 1);
  adjust_saturation(pixels, 1);
  gaussian_blur(pixels, 0, scratch);
  EXPECT_EQ(image.rgb, before.rgb) << "factor 1 and radius 0 change nothing";
  EXPECT_THROW(adjust_hue(pixels, 0.6), Error);
  EXPECT_THROW(gaussian_blur(pixels, -1, scratch), Error);
  EXPECT_THROW(adjust_contrast({image.rgb.data(), 0, 5}, 1), Error);
}

TEST(Augment, RefusesWhatCannotWork) {
  const auto refused = [](auto change) {
    AugmentConfig config;
    change(config);
    EXPECT_THROW(Augmenter{config}, Error);
  };
  refused([](auto& c) { c.crop_height = 0; });
  refused([](auto& c) { c.crop_width = -1; });
  refused([](auto& c) { c.scale_min = 0; });
  refused([](auto& c) { c.scale_min = 0.9, c.scale_max = 0.5; });
  refused([](auto& c) { c.scale_max = 1.5; });
  refused([](auto& c) { c.ratio_min = 0; });
  refused([](auto& c) { c.ratio_max = 0.1; });
  refused([](auto& c) { c.colour_strength = -1; });
  refused([](auto& c) { c.colour_strength = 3; });
}

}  // namespace
}  // namespace ijepa::test
