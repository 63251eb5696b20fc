#include <gtest/gtest.h>

#include <opencv2/imgproc.hpp>
#include <opencv2/videoio.hpp>

#include "ijepa/core/file.hpp"
#include "ijepa/data/shard_format.hpp"
#include "ijepa/data/shard_writer.hpp"
#include "ijepa/tasks/segmentation/infer_images.hpp"
#include "ijepa/tasks/segmentation/overlay.hpp"
#include "tests/support/temporary_folder.hpp"
#include "tests/tasks/probing/examples.hpp"
#include "tests/tasks/segmentation/pair_folders.hpp"
#include "tests/tasks/segmentation/small_video.hpp"

namespace ijepa::test {
namespace {

namespace fs = std::filesystem;

class SegmentInfer : public ::testing::Test {
 protected:
  /// One training for all tests: they only read it.
  static void SetUpTestSuite() {
    folder_ = new TemporaryFolder;
    write_block_data(folder_->path());
    auto settings = block_settings(folder_->path());
    settings.tokens = TokenSource::patches;
    train_segmentation(settings, *local_communicator(), Log(1));
  }
  static void TearDownTestSuite() { delete folder_; }

  SegmentInfer() {
    settings_.weights = path("out/last_model").string();
    settings_.input = path("valid/images").string();
    settings_.out = (own_.path() / "results").string();
    settings_.open.threads = 1;
  }
  static fs::path path(const std::string& name) { return folder_->path() / name; }
  SegmentInferResult images() { return segment_images(settings_, *local_communicator(), Log(1)); }
  SegmentInferResult video() { return segment_video(settings_, *local_communicator(), Log(1)); }

  static inline TemporaryFolder* folder_ = nullptr;
  TemporaryFolder own_;
  SegmentInferSettings settings_;
};

TEST_F(SegmentInfer, WritesOverlaysAndLabelMapsOfEveryImage) {
  settings_.masks = true;
  const auto result = images();
  EXPECT_EQ(result.images, 5);
  EXPECT_EQ(result.pixels[0] + result.pixels[1] + result.pixels[2], 5 * 50 * 70);
  const auto map = decode_index_png(read_bytes(fs::path(settings_.out) / "masks/p114.png"));
  const auto shown = decode_image(read_bytes(fs::path(settings_.out) / "overlays/p114.png"));
  const auto image = decode_image(read_bytes(path("valid/images/p114.png")));
  ASSERT_EQ(map.index.size(), 50U * 70);
  const std::vector<Rgb> palette{{0, 0, 0}, {250, 128, 0}, {0, 0, 255}};
  for (std::size_t i = 0; i < shown.rgb.size(); ++i) {
    const double expected = std::min(255.0, 0.8 * image.rgb[i] + palette[map.index[i / 3]][i % 3]);
    ASSERT_NEAR(shown.rgb[i], expected, 0.51);
  }
  const auto csv = read_text_file(settings_.out + "/classes.csv");
  EXPECT_TRUE(csv.starts_with(fmt::format("class,pixels,share\nnothing,{},", result.pixels[0])));
}

TEST_F(SegmentInfer, AWindowOfThePicturesSizeSeesWhatTheWholePictureDoes) {
  OpenOptions options;
  options.threads = 1;
  auto model = open_segmentation(settings_.weights, options, *local_communicator(), Log(1));
  const auto same = block_picture(40, 48, 9).image;
  Segmenter whole(model, {}), sliding(model, {.enabled = true});
  EXPECT_EQ(sliding.labels(same.view()).index, whole.labels(same.view()).index);
  // Larger and smaller pictures keep their sizes.
  for (const Size size : {Size{100, 131}, Size{20, 90}}) {
    const auto picture = block_picture(size.height, size.width, 9).image;
    const auto labels = sliding.labels(picture.view());
    EXPECT_EQ(labels.index.size(), picture.rgb.size() / 3);
  }
  EXPECT_EQ(window_places(10, 4, 3), (std::vector<int>{0, 3, 6}));
  EXPECT_EQ(window_places(11, 4, 3), (std::vector<int>{0, 3, 6, 7}));
  EXPECT_EQ(window_places(4, 4, 3), (std::vector<int>{0}));
  EXPECT_NE(message_of([&] { Segmenter(model, {true, 0}); }).find("above 0"), std::string::npos);
}

TEST_F(SegmentInfer, SeesImagesOfAnotherSizeThanTrained) {
  settings_.open.image = {64, 32};
  EXPECT_EQ(images().images, 5);
  settings_.open.image = {64, 33};
  EXPECT_NE(message_of([&] { images(); }).find("whole number of patches"), std::string::npos);
}

TEST_F(SegmentInfer, NamesAnImageThatCannotBeRead) {
  const auto bad = own_.path() / "bad";
  write_bytes(bad / "a.png", read_bytes(path("valid/images/p114.png")));
  auto cut = read_bytes(path("valid/images/p115.png"));
  cut.resize(60);
  write_bytes(bad / "b.png", cut);
  settings_.input = bad.string();
  EXPECT_NE(message_of([&] { images(); }).find("b.png cannot be read"), std::string::npos);
  EXPECT_TRUE(fs::exists(fs::path(settings_.out) / "overlays/a.png"));
  EXPECT_FALSE(fs::exists(fs::path(settings_.out) / "classes.csv"));
  fs::remove(bad / "b.png");
  write_bytes(bad / "a.jpg", small_jpeg(1));
  EXPECT_NE(message_of([&] { images(); }).find("called a but for their endings"),
            std::string::npos);
}

TEST_F(SegmentInfer, WritesNothingOutsideItsFolderWhateverTheKeys) {
  const Bytes image = read_bytes(path("valid/images/p114.png"));
  std::vector<ShardRecord> records;
  for (const std::string key : {"a/1.jpg", "a/../../../../up.jpg", "/abs.jpg"})
    records.push_back({key, -1, image.size(), image_checksum(image, key, -1)});
  const auto shard = (own_.path() / shard_file_name(0, 1)).string();
  ShardWriter writer(shard, {0, 1, 42, {}}, records);
  for (std::size_t i = 0; i < records.size(); ++i) writer.append(image);
  writer.finish();
  settings_.input = shard;
  settings_.out = (own_.path() / "x/y/results").string();
  EXPECT_EQ(images().images, 3);
  std::vector<std::string> written;
  for (const auto& entry : fs::recursive_directory_iterator(own_.path()))
    if (entry.path().extension() == ".png")
      written.push_back(entry.path().lexically_relative(settings_.out).string());
  std::ranges::sort(written);
  EXPECT_EQ(written,
            (std::vector<std::string>{
                "overlays/a/1.png", "overlays/a/\\x2E\\x2E/\\x2E\\x2E/\\x2E\\x2E/\\x2E\\x2E/up.png",
                "overlays/abs.png"}));
}

TEST_F(SegmentInfer, DrawsOnEveryFrameOfAVideo) {
  const auto input = own_.path() / "blocks.avi";
  write_small_video(input, 7);
  settings_.input = input.string();
  const auto result = video();
  EXPECT_EQ(result.images, 7);
  EXPECT_GT(result.images_per_second, 0);
  const auto out = fs::path(settings_.out) / "blocks.mp4";
  EXPECT_EQ(frames_of(out), 7);
  cv::VideoCapture written(out.string());
  EXPECT_EQ(written.get(cv::CAP_PROP_FRAME_WIDTH), 64);
  EXPECT_NEAR(written.get(cv::CAP_PROP_FPS), 12, 0.1);
  EXPECT_EQ(std::distance(fs::directory_iterator(settings_.out), {}), 1);
}

TEST_F(SegmentInfer, RefusesWhatIsNoVideo) {
  const auto expect = [&](const fs::path& input, const std::string& words) {
    settings_.input = input.string();
    const auto message = message_of([&] { video(); });
    EXPECT_NE(message.find(words), std::string::npos) << message;
    EXPECT_FALSE(fs::exists(fs::path(settings_.out) / input.filename()));
  };
  expect(own_.path() / "none.mp4", "There is no video");
  const auto text = own_.path() / "text.mp4";
  write_bytes(text, Bytes(1000, 'x'));
  expect(text, "no video that can be read");
  // Whether a file with a header alone opens is up to the library; either sentence is right.
  const auto empty = own_.path() / "empty.avi";
  write_small_video(empty, 0);
  expect(empty, "empty.avi");
}

}  // namespace
}  // namespace ijepa::test
