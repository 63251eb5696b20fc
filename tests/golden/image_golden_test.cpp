// Pictures as torchvision and PIL make them: within 1/255 for 99.9 % of values, never above 2/255.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <map>
#include <string>
#include <vector>

#include "ijepa/data/loading/augment.hpp"
#include "tests/support/golden.hpp"

namespace ijepa::test {
namespace {

Image picture_of(const GoldenFile& file, const std::string& dataset) {
  const auto shape = file.shape(dataset);
  const auto values = file.values(dataset);
  return {static_cast<int>(shape[0]), static_cast<int>(shape[1]), {values.begin(), values.end()}};
}

/// Counts differences over a whole file, so that the share above 1/255 means something.
struct Agreement {
  std::size_t values = 0, unequal = 0, above_one = 0;
  double largest = 0;

  void add(double ours, double theirs) {
    const double difference = std::abs(ours - theirs);
    ++values;
    unequal += difference > 1e-3;
    above_one += difference > 1.001;
    largest = std::max(largest, difference);
  }

  void expect_within_bounds() const {
    EXPECT_GT(values, 0U);
    EXPECT_LE(static_cast<double>(above_one), 0.001 * static_cast<double>(values));
    EXPECT_LE(largest, 2.001);
    std::printf("%zu values, %zu unequal, largest difference %.3g/255\n", values, unequal, largest);
  }
};

/// Adds 8-bit pixels beside a normalised float tensor (3, height, width).
void compare(const GoldenFile& file, const std::string& expected,
             const std::vector<std::uint8_t>& rgb, Agreement& agreement) {
  const auto mean = file.numbers("/", "mean"), deviation = file.numbers("/", "std");
  const auto values = file.values(expected);
  ASSERT_EQ(values.size(), rgb.size());
  const std::size_t plane = rgb.size() / 3;
  for (std::size_t i = 0; i < plane; ++i)
    for (std::size_t c = 0; c < 3; ++c)
      agreement.add(rgb[3 * i + c], (values[c * plane + i] * deviation[c] + mean[c]) * 255.0);
}

TEST(ImageGolden, CropsResizedToTheModel) {
  const auto files = golden_files("image");
  if (files.empty()) GTEST_SKIP() << "no golden file of kind image";
  Resizer resizer;
  for (const auto& path : files) {
    const GoldenFile file(path);
    Agreement agreement;
    for (const auto& name : file.children("pictures")) {
      const Image picture = picture_of(file, "pictures/" + name + "/rgb");
      const std::string group = "pictures/" + name + "/crop";
      for (const auto& crop : file.children(group)) {
        const std::string at = group + "/" + crop;
        const auto integer = [&](const char* key) {
          return static_cast<int>(file.integer(at, key));
        };
        const Box box{integer("top"), integer("left"), integer("height"), integer("width")};
        const int size = integer("size");
        std::vector<std::uint8_t> out(static_cast<std::size_t>(size * size * 3));
        resizer.resize(picture.view().part(box), {size, size}, out.data());
        compare(file, at + "/expected", out, agreement);
      }
    }
    agreement.expect_within_bounds();
  }
}

TEST(ImageGolden, EvaluationResizeAndCentreCrop) {
  const auto files = golden_files("image");
  if (files.empty()) GTEST_SKIP() << "no golden file of kind image";
  Resizer resizer;
  for (const auto& path : files) {
    const GoldenFile file(path);
    Agreement agreement;
    for (const auto& name : file.children("pictures")) {
      const std::string at = "pictures/" + name + "/evaluation";
      const Image picture = picture_of(file, "pictures/" + name + "/rgb");
      const int side = static_cast<int>(file.integer(at, "resize_short_side"));
      const int crop = static_cast<int>(file.integer(at, "centre_crop"));
      const Size scaled = covering_size({picture.height, picture.width}, {side, side});
      std::vector<std::uint8_t> out(static_cast<std::size_t>(crop * crop * 3));
      resizer.resize(picture.view(), scaled, centre_box(scaled, {crop, crop}), out.data());
      compare(file, at + "/expected", out, agreement);
    }
    agreement.expect_within_bounds();
  }
}

/// The operation a golden dataset names, applied to a copy of `picture`.
std::vector<std::uint8_t> changed(const GoldenFile& file, const std::string& dataset,
                                  Image picture) {
  const Pixels pixels{picture.rgb.data(), picture.height, picture.width};
  std::vector<std::uint8_t> scratch;
  if (file.has_attribute(dataset, "radius")) {
    gaussian_blur(pixels, file.number(dataset, "radius"), scratch);
  } else if (file.has_attribute(dataset, "operation")) {
    const std::map<std::string, void (*)(const Pixels&, double)> operations{
        {"brightness", adjust_brightness},
        {"contrast", adjust_contrast},
        {"saturation", adjust_saturation},
        {"hue", adjust_hue}};
    operations.at(file.text(dataset, "operation"))(pixels, file.number(dataset, "factor"));
  } else {
    to_grey(pixels);
  }
  return picture.rgb;
}

TEST(ImageGolden, ColourOperationsGreyAndBlur) {
  const auto files = golden_files("image");
  if (files.empty()) GTEST_SKIP() << "no golden file of kind image";
  for (const auto& path : files) {
    const GoldenFile file(path);
    Agreement agreement;
    for (const auto& name : file.children("pictures")) {
      const std::string group = "pictures/" + name + "/colour";
      const Image picture = picture_of(file, group + "/rgb");
      for (const auto& operation : file.children(group)) {
        if (operation == "rgb") continue;
        const std::string dataset = group + "/" + operation;
        const auto ours = changed(file, dataset, picture);
        const auto theirs = file.values(dataset);
        ASSERT_EQ(ours.size(), theirs.size()) << dataset;
        for (std::size_t i = 0; i < ours.size(); ++i) agreement.add(ours[i], theirs[i]);
      }
    }
    agreement.expect_within_bounds();
  }
}

/// Mean and standard error of the mean.
struct Moments {
  double sum = 0, squares = 0;
  int n = 0;

  void add(double x) {
    sum += x;
    squares += x * x;
    ++n;
  }
  double mean() const { return sum / n; }
  double deviation() const { return std::sqrt(std::max(0.0, squares / n - mean() * mean())); }
};

/// Both sides are samples, so a difference has the standard error of two.
void expect_same_mean(const Moments& ours, double theirs, double their_draws, const char* what) {
  const double error = ours.deviation() * std::sqrt(1.0 / ours.n + 1.0 / their_draws);
  EXPECT_NEAR(ours.mean(), theirs, 4.5 * error + 1e-9) << what;
}

TEST(ImageGolden, CropParametersHaveTheSameMoments) {
  const auto files = golden_files("image");
  if (files.empty()) GTEST_SKIP() << "no golden file of kind image";
  for (const auto& path : files) {
    const GoldenFile file(path);
    for (const auto& name : file.children("crop_statistics")) {
      SCOPED_TRACE(name);
      const std::string at = "crop_statistics/" + name;
      const auto number = [&](const char* key) { return file.number(at, key); };
      const Size picture{static_cast<int>(number("height")), static_cast<int>(number("width"))};
      Moments area, ratio, height, width, left, top;
      for (std::uint64_t i = 0; i < 20000; ++i) {
        Rng rng(1, Purpose::test, 0, i);
        const Box box = draw_crop(picture, AugmentConfig{}, rng);
        area.add(static_cast<double>(box.height) * box.width / picture.height / picture.width);
        ratio.add(std::log(static_cast<double>(box.width) / box.height));
        height.add(box.height);
        width.add(box.width);
        left.add(box.left);
        top.add(box.top);
      }
      const double draws = number("draws");
      expect_same_mean(area, number("area_mean"), draws, "area");
      expect_same_mean(ratio, number("log_ratio_mean"), draws, "log ratio");
      expect_same_mean(height, number("height_mean"), draws, "height");
      expect_same_mean(width, number("width_mean"), draws, "width");
      expect_same_mean(left, number("left_mean"), draws, "left");
      expect_same_mean(top, number("top_mean"), draws, "top");
      // The spread of a spread: at most about 1 / sqrt(2 n), for light-tailed draws.
      const double error = 4.5 * std::sqrt(0.5 / area.n + 0.5 / draws);
      EXPECT_NEAR(area.deviation(), number("area_std"), error * area.deviation() + 1e-6);
      EXPECT_NEAR(ratio.deviation(), number("log_ratio_std"), error * ratio.deviation() + 1e-6);
    }
  }
}

}  // namespace
}  // namespace ijepa::test
