#include "data_tools/synthesis/synth.hpp"

#include <archive.h>
#include <archive_entry.h>
#include <gtest/gtest.h>

#include <fstream>
#include <iterator>
#include <map>
#include <memory>
#include <opencv2/core.hpp>
#include <opencv2/imgproc.hpp>

#include "data_tools/synthesis/synth_material.hpp"
#include "data_tools/synthesis/synth_write.hpp"
#include "ijepa/core/error.hpp"
#include "tests/support/temporary_folder.hpp"

namespace ijepa::synth {
namespace {

namespace fs = std::filesystem;
using Files = std::map<std::string, std::string>;  // bytes by name

Files files_under(const fs::path& root) {
  Files out;
  for (const auto& entry : fs::recursive_directory_iterator(root)) {
    if (!entry.is_regular_file()) continue;
    std::ifstream file(entry.path(), std::ios::binary);
    out[fs::relative(entry.path(), root).string()] = {std::istreambuf_iterator<char>(file), {}};
  }
  return out;
}

Files files_in_tar(const fs::path& path) {
  Files out;
  const std::unique_ptr<archive, decltype(&archive_read_free)> tar(archive_read_new(),
                                                                   archive_read_free);
  archive_read_support_format_tar(tar.get());
  EXPECT_EQ(archive_read_open_filename(tar.get(), path.c_str(), 1 << 16), ARCHIVE_OK);
  archive_entry* entry = nullptr;
  while (archive_read_next_header(tar.get(), &entry) == ARCHIVE_OK) {
    std::string bytes(static_cast<std::size_t>(archive_entry_size(entry)), '\0');
    EXPECT_EQ(archive_read_data(tar.get(), bytes.data(), bytes.size()),
              static_cast<la_ssize_t>(bytes.size()));
    out[archive_entry_pathname(entry)] = bytes;
  }
  return out;
}

WriteOptions options_for(const fs::path& out) {
  WriteOptions options;
  options.out = out;
  options.train = 24;
  options.test = 10;
  return options;
}

std::string message_of(const auto& action) {
  try {
    action();
  } catch (const Error& e) {
    return e.what();
  }
  return "nothing was thrown";
}

TEST(Synth, ShapesHaveEqualAreaAndTheirCentroidInTheMiddle) {
  for (const auto& shape : all_shapes()) {
    const auto coverage = rasterise(shape, {{100, 100}, 60, 0.7}, 200);
    EXPECT_NEAR(cv::sum(coverage)[0], 3600, 72) << shape.name;  // 2 %
    const auto moments = cv::moments(coverage);
    EXPECT_NEAR(moments.m10 / moments.m00, 99.5, 0.5) << shape.name;  // pixel 99.5 is at 100.0
    EXPECT_NEAR(moments.m01 / moments.m00, 99.5, 0.5) << shape.name;
    EXPECT_LT(radius(shape), 1.5) << shape.name;
  }
}

TEST(Synth, ImagesArePureFunctionsOfKindSeedSplitAndIndex) {
  const auto differ = [](const cv::Mat& x, const cv::Mat& y) {
    return cv::norm(x, y, cv::NORM_L1) > 0;
  };
  for (const auto kind : {Kind::materials, Kind::shapes}) {
    const Synth a(kind, 10, 48, 7), b(kind, 10, 48, 7), other_seed(kind, 10, 48, 8);
    a.draw(Split::train, 3);  // what was drawn before does not matter
    EXPECT_FALSE(differ(a.draw(Split::train, 12), b.draw(Split::train, 12)));
    EXPECT_TRUE(differ(a.draw(Split::train, 12), b.draw(Split::test, 12)));
    EXPECT_TRUE(differ(a.draw(Split::train, 12), b.draw(Split::train, 22)));
    EXPECT_TRUE(differ(a.draw(Split::train, 12), other_seed.draw(Split::train, 12)));
  }
  EXPECT_TRUE(differ(Synth(Kind::materials, 10, 48, 7).draw(Split::train, 12),
                     Synth(Kind::shapes, 10, 48, 7).draw(Split::train, 12)));
}

/// Mean over images of the first channel and of its deviation within an image, by class.
struct Tones {
  std::vector<double> mean, spread;
  double total = 0, error = 0;  // of all images; the standard error of a class's mean
};

Tones tones_of(const Synth& synth, int classes, int images) {
  Tones out{std::vector<double>(classes), std::vector<double>(classes)};
  double squares = 0;
  for (int i = 0; i < images; ++i) {
    cv::Scalar m, s;
    cv::meanStdDev(synth.draw(Split::train, i), m, s);
    const auto label = static_cast<std::size_t>(synth.label(i));
    out.mean[label] += m[0] * classes / images;
    out.spread[label] += s[0] * classes / images;
    out.total += m[0] / images;
    squares += m[0] * m[0] / images;
  }
  out.error = std::sqrt((squares - out.total * out.total) * classes / images);
  return out;
}

TEST(Synth, ColourSaysNothingAboutTheClass) {
  // Between-class differences of mean colour stay within what chance gives; those of its spread
  // do for shapes, which cover equal areas.
  constexpr int classes = 10, images = 3000;
  for (const auto kind : {Kind::materials, Kind::shapes}) {
    const auto tones = tones_of(Synth(kind, classes, 32, 1), classes, images);
    for (std::size_t c = 0; c < classes; ++c) {
      EXPECT_NEAR(tones.mean[c], tones.total, 4 * tones.error) << c;
      if (kind == Kind::shapes) {
        EXPECT_NEAR(tones.spread[c], tones.spread[0], 5) << c;
      }
    }
  }
}

TEST(Synth, EveryMaterialShowsBothItsTones) {
  ASSERT_EQ(all_materials().size(), 16U);
  for (const auto& material : all_materials())
    for (std::uint64_t i = 0; i < 20; ++i) {
      Rng rng(5, Purpose::test, 0, i);
      std::vector<cv::Mat> channels;
      cv::split(paint_material(rng, material, 64), channels);
      double low = 0, high = 0;
      cv::minMaxLoc(channels[0], &low, &high);
      const double share = (cv::mean(channels[0])[0] - low) / (high - low);
      EXPECT_GT(high - low, 0.1) << material.name;
      EXPECT_GT(std::min(share, 1 - share), 0.08) << material.name << ' ' << i;
    }
}

TEST(Synth, AMaterialIsTheSamePatternAtAnySize) {
  for (const auto& material : all_materials()) {
    Rng small_rng(5, Purpose::test), large_rng(5, Purpose::test);
    const auto small = paint_material(small_rng, material, 64);
    cv::Mat large = paint_material(large_rng, material, 256), shrunk;
    cv::resize(large, shrunk, {64, 64}, 0, 0, cv::INTER_AREA);
    EXPECT_LT(cv::norm(shrunk, small, cv::NORM_L1) / (64 * 64 * 3), 0.05) << material.name;
  }
}

TEST(Synth, ThreadsAndLayoutDoNotChangeAByte) {
  const test::TemporaryFolder folder;
  const Synth synth(Kind::shapes, 5, 24, 3);
  auto options = options_for(folder.path() / "one");
  write_images(synth, options);
  const auto one = files_under(options.out);
  EXPECT_EQ(one.size(), 34U);
  EXPECT_EQ(one.count("train/triangle/0000002.jpg"), 1U);
  EXPECT_EQ(one.count("test/star/0000009.jpg"), 1U);

  options.out = folder.path() / "four";
  options.threads = 4;
  options.train = 30;  // more images leave the others as they are
  write_images(synth, options);
  const auto four = files_under(options.out);
  for (const auto& [name, bytes] : one) EXPECT_EQ(four.at(name), bytes) << name;

  options.train = 24;
  options.out = folder.path() / "tar";
  options.layout = Layout::tar;
  write_images(synth, options);
  EXPECT_EQ(files_in_tar(options.out / "images.tar"), one);
}

TEST(Synth, PngKeepsEveryPixel) {
  const test::TemporaryFolder folder;
  auto options = options_for(folder.path() / "png");
  options.encoding = Encoding::png;
  write_images(Synth(Kind::shapes, 3, 32, 1), options);
  EXPECT_EQ(files_under(options.out).count("train/disc/0000003.png"), 1U);
}

TEST(Synth, NeverOverwrites) {
  const test::TemporaryFolder folder;
  std::ofstream(folder.path() / "mine.txt") << "mine";
  const auto said =
      message_of([&] { write_images(Synth(Kind::shapes, 3, 32, 1), options_for(folder.path())); });
  EXPECT_NE(said.find("is not an empty folder"), std::string::npos) << said;
  EXPECT_TRUE(fs::exists(folder.path() / "mine.txt"));
}

TEST(Synth, RefusesWhatCannotBeDrawnOrWritten) {
  EXPECT_NE(message_of([] { Synth(Kind::shapes, 1, 48, 0); }).find("there are shapes for 2 to 16"),
            std::string::npos);
  EXPECT_THROW(Synth(Kind::materials, 17, 48, 0), Error);
  EXPECT_THROW(Synth(Kind::shapes, 10, 8, 0), Error);
  EXPECT_THROW(Synth(Kind::shapes, 10, 5000, 0), Error);
  const test::TemporaryFolder folder;
  auto options = options_for(folder.path() / "none");
  options.train = options.test = 0;
  EXPECT_THROW(write_images(Synth(Kind::shapes, 3, 32, 1), options), Error);
  options.train = -1;
  EXPECT_THROW(write_images(Synth(Kind::shapes, 3, 32, 1), options), Error);
  EXPECT_NE(message_of([] {
              write_images(Synth(Kind::shapes, 3, 32, 1), options_for("/dev/null/x"));
            }).find("Cannot create the folder"),
            std::string::npos);
}

}  // namespace
}  // namespace ijepa::synth
