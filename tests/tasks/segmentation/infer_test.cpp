#include <gtest/gtest.h>

#include <opencv2/imgproc.hpp>
#include <opencv2/videoio.hpp>

#include "ijepa/core/file.hpp"
#include "ijepa/data/images/orientation.hpp"
#include "ijepa/tasks/segmentation/infer_images.hpp"
#include "ijepa/tasks/segmentation/overlay.hpp"
#include "src/tasks/segmentation/film.hpp"
#include "tests/support/exif.hpp"
#include "tests/support/keyed_shard.hpp"
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

TEST_F(SegmentInfer, LeavesOutBadImagesWhenAsked) {
  const auto in = own_.path() / "in";
  auto bytes = encode_png(block_picture(50, 70, 9).image);
  write_bytes(in / "a.png", bytes);
  bytes.resize(bytes.size() / 2);
  write_bytes(in / "b.png", bytes);
  settings_.input = in.string();
  EXPECT_NE(message_of([&] { images(); }).find("b.png cannot be read"), std::string::npos);
  settings_.skip_bad = true;
  const auto result = images();
  EXPECT_EQ(result.images, 1);
  EXPECT_EQ(result.bad_images, 1);
  EXPECT_TRUE(read_text_file(settings_.out + "/bad_images.csv").starts_with("key,reason\nb.png,"));
}

TEST_F(SegmentInfer, ShowsPicturesUpright) {
  const auto picture = block_picture(50, 70, 9).image;
  const auto in = own_.path() / "in";
  write_bytes(in / "a.png", encode_png(picture));
  write_bytes(in / "b.png", png_with_exif(encode_png(upright(picture, 8)), 6));
  settings_.input = in.string();
  images();
  const auto shown = [&](const std::string& name) {
    return decode_image(read_bytes(fs::path(settings_.out) / "overlays" / name));
  };
  EXPECT_EQ(shown("b.png").rgb, shown("a.png").rgb);
  EXPECT_EQ(shown("b.png").height, 50);
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

TEST_F(SegmentInfer, WritesNothingOutsideWhateverTheKeysAre) {
  const auto outer = own_.path() / "1/2/3";
  write_keyed_shard(own_.path() / "shards", hostile_keys());
  settings_.input = (own_.path() / "shards").string();
  settings_.out = (outer / "results").string();
  settings_.masks = true;
  EXPECT_EQ(images().images, std::ssize(hostile_keys()));
  EXPECT_EQ(files_below(settings_.out), 2 * hostile_keys().size() + 1);
  EXPECT_EQ(files_below(own_.path()), files_below(settings_.out) + 1) << "beside the shard";
  EXPECT_TRUE(fs::exists(outer / "results/overlays/SLIP.png"));
  EXPECT_TRUE(fs::exists(outer / "results/overlays/\\x2E\\x2E/SLIP.png"));
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

TEST_F(SegmentInfer, FilmsAreUprightHoweverTheyAreStored) {
  const std::vector<std::array<int, 4>> matrices{{1, 0, 0, 1},   {-1, 0, 0, 1}, {-1, 0, 0, -1},
                                                 {1, 0, 0, -1},  {0, 1, 1, 0},  {0, 1, -1, 0},
                                                 {0, -1, -1, 0}, {0, -1, 1, 0}};
  for (int o = 1; o <= 8; ++o) {
    const auto film = own_.path() / fmt::format("turned_{}.mp4", o);
    write_turned_film(film, o, matrices[static_cast<std::size_t>(o - 1)]);
    const auto frames = open_frames(film.string(), 25);
    ASSERT_TRUE(frames->skip());
    const auto first = frames->frame();
    ASSERT_EQ(Size({first.height, first.width}), Size({48, 64})) << o;
    const auto at = [&](int y, int x, int c) {
      return first.rgb[static_cast<std::size_t>(3 * (y * 64 + x) + c)];
    };
    EXPECT_GT(at(4, 50, 2), 150) << o;  // white at the top
    EXPECT_GT(at(40, 4, 0), 120) << o;  // red at the left
    EXPECT_LT(at(40, 4, 2), 100) << o;
    EXPECT_LT(at(40, 50, 0), 100) << o;  // dark elsewhere
    settings_.input = film.string();
    EXPECT_EQ(video().images, 3);
    cv::VideoCapture written((fs::path(settings_.out) / film.filename()).string());
    EXPECT_EQ(written.get(cv::CAP_PROP_FRAME_WIDTH), 64) << o;
    EXPECT_EQ(written.get(cv::CAP_PROP_FRAME_HEIGHT), 48) << o;
  }
}

TEST_F(SegmentInfer, WritesWhatBrowsersPlay) {
  const auto input = own_.path() / "blocks.avi";
  write_small_video(input, 3);
  settings_.input = input.string();
  video();
  EXPECT_EQ(codec_of(fs::path(settings_.out) / "blocks.mp4"), "avc1");
  settings_.codec = VideoCodec::vp9;
  video();
  EXPECT_EQ(frames_of(fs::path(settings_.out) / "blocks.webm"), 3);
  settings_.codec = VideoCodec::mpeg4;
  testing::internal::CaptureStderr();
  segment_video(settings_, *local_communicator(), Log(0));
  const auto text = testing::internal::GetCapturedStderr();
  EXPECT_NE(text.find("blocks.mp4 is MPEG-4 part 2, which browsers do not play"), std::string::npos)
      << text;
  EXPECT_EQ(codec_of(fs::path(settings_.out) / "blocks.mp4"), "mp4v");
}

TEST_F(SegmentInfer, TellsThatFramesAreMissing) {
  const auto input = own_.path() / "holes.avi";
  write_small_video(input, 20);
  auto bytes = read_bytes(input);
  bytes.resize(bytes.size() * 6 / 10);
  write_bytes(input, bytes);
  settings_.input = input.string();
  testing::internal::CaptureStderr();
  const auto result = segment_video(settings_, *local_communicator(), Log(0));
  const auto text = testing::internal::GetCapturedStderr();
  EXPECT_LT(result.images, 20);
  EXPECT_NE(text.find(fmt::format("it has 20 frames, but {} could be read", result.images)),
            std::string::npos)
      << text;
}

TEST_F(SegmentInfer, FilmsOfOddSizesLoseNothing) {
  write_bytes(own_.path() / "odd" / "1.png", encode_png(block_picture(47, 65, 1).image));
  settings_.input = (own_.path() / "odd").string();
  video();
  cv::VideoCapture written((fs::path(settings_.out) / "odd.mp4").string());
  EXPECT_EQ(written.get(cv::CAP_PROP_FRAME_WIDTH), 66);
  EXPECT_EQ(written.get(cv::CAP_PROP_FRAME_HEIGHT), 48);
}

TEST_F(SegmentInfer, TakesAFolderOfFramesInTheOrderOfTheirNumbers) {
  const auto folder = own_.path() / "frames.d";
  for (const int i : {1, 2, 9, 10, 11}) {
    Image flat{48, 64, Bytes(48 * 64 * 3, static_cast<std::uint8_t>(20 * i))};
    write_bytes(folder / fmt::format("frame_{}.png", i), encode_png(flat));
  }
  const auto frames = open_frames(folder.string(), 7);
  std::vector<int> order;
  while (frames->skip()) order.push_back(frames->frame().rgb[0] / 20);
  EXPECT_EQ(order, (std::vector<int>{1, 2, 9, 10, 11}));
  settings_.input = folder.string() + "/";
  settings_.frame_rate = 7;
  EXPECT_EQ(video().images, 5);
  const auto out = fs::path(settings_.out) / "frames.mp4";
  EXPECT_EQ(frames_of(out), 5);
  EXPECT_NEAR(cv::VideoCapture(out.string()).get(cv::CAP_PROP_FPS), 7, 0.1);
  write_bytes(folder / "frame_3.png", encode_png(block_picture(40, 64, 1).image));
  EXPECT_NE(message_of([&] { video(); }).find("frame_3.png cannot be used: It has 64 x 40"),
            std::string::npos);
}

TEST_F(SegmentInfer, ALegendStandsBesideThePicture) {
  settings_.legend = true;
  images();
  const auto shown = decode_image(read_bytes(fs::path(settings_.out) / "overlays/p114.png"));
  settings_.legend = false;
  images();
  const auto plain = decode_image(read_bytes(fs::path(settings_.out) / "overlays/p114.png"));
  ASSERT_GT(shown.width, plain.width + 60);
  int orange = 0;  // of the class red, drawn in (250, 128, 0)
  for (int y = 0; y < shown.height; ++y)
    for (int x = 0; x < shown.width; ++x) {
      const auto* pixel = &shown.rgb[static_cast<std::size_t>(3 * (y * shown.width + x))];
      if (x < plain.width && y < plain.height) {
        ASSERT_EQ(pixel[0], plain.rgb[static_cast<std::size_t>(3 * (y * plain.width + x))]);
      } else {
        orange += pixel[0] == 250 && pixel[1] == 128 && pixel[2] == 0;
      }
    }
  EXPECT_GT(orange, 50);
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
