#include "ijepa/tasks/segmentation/train.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <fstream>

#include "ijepa/core/file.hpp"
#include "ijepa/data/images/orientation.hpp"
#include "ijepa/tasks/network/pretrained.hpp"
#include "ijepa/tasks/segmentation/segmenter.hpp"
#include "ijepa/train/checkpoint/checkpoint_file.hpp"
#include "tests/support/exif.hpp"
#include "tests/support/temporary_folder.hpp"
#include "tests/tasks/probing/examples.hpp"
#include "tests/tasks/segmentation/pair_folders.hpp"

namespace ijepa::test {
namespace {

namespace fs = std::filesystem;

class SegmentTrain : public ::testing::Test {
 protected:
  SegmentTrain() { write_block_data(folder_.path()); }

  fs::path path(const std::string& name) const { return folder_.path() / name; }
  SegmentTrainResult train() { return train_segmentation(settings_, *comm_, Log(1)); }
  std::string problem() {
    return message_of([&] { train(); });
  }
  SegmentationModel open(const std::string& name, const std::string& run = "") {
    OpenOptions options;
    options.run = run;
    options.threads = 1;
    return open_segmentation(path("out/" + name).string(), options, *comm_, Log(1));
  }

  TemporaryFolder folder_;
  std::unique_ptr<Communicator> comm_ = local_communicator();
  SegmentTrainSettings settings_ = block_settings(folder_.path());
};

TEST_F(SegmentTrain, LearnsAndKeepsWhatBelongsToIt) {
  settings_.tokens = TokenSource::patches;
  settings_.epochs = 12;
  const auto result = train();
  ASSERT_EQ(result.epochs.size(), 12U);
  EXPECT_LT(result.epochs.back().valid.loss, 0.7 * result.epochs.front().valid.loss);
  EXPECT_GT(result.epochs[static_cast<std::size_t>(result.best_iou)].valid.scores.mean_iou, 0.6);
  for (const char* name :
       {"best_model_loss/manifest.json", "best_model_iou/manifest.json", "last_model/manifest.json",
        "loss.png", "accuracy.png", "miou.png", "validation/epoch_0012.png"})
    EXPECT_TRUE(fs::exists(path("out") / name)) << name;
  const auto csv = read_text_file(path("out/epochs.csv").string());
  EXPECT_EQ(std::ranges::count(csv, '\n'), 13);
  EXPECT_NE(csv.find("valid_compat_miou"), std::string::npos);
  EXPECT_TRUE(
      read_text_file(path("out/class_iou.csv").string()).starts_with("epoch,nothing,red,blue"));

  // The weights alone say all that is needed.
  auto model = open("best_model_iou");
  EXPECT_EQ(model.info().labels.classes[1].name, "red");
  EXPECT_EQ(model.info().image(), (Size{40, 48}));
  Segmenter segmenter(model, {});
  const auto picture = block_picture(90, 60, 77);
  const auto labels = segmenter.labels(picture.image.view());
  ASSERT_EQ(labels.height, 90);
  int right = 0;
  for (std::size_t i = 0; i < labels.index.size(); ++i) {
    const int truth = picture.mask.rgb[3 * i] != 0 ? 1 : picture.mask.rgb[3 * i + 2] != 0 ? 2 : 0;
    right += labels.index[i] == truth;
  }
  EXPECT_GT(right, 0.75 * 90 * 60);
}

TEST_F(SegmentTrain, EqualSettingsGiveEqualFigures) {
  const auto first = train();
  settings_.out = path("again").string();
  const auto second = train();
  EXPECT_EQ(first.epochs[1].valid.loss, second.epochs[1].valid.loss);
  settings_.out = path("other").string();
  settings_.seed = 43;
  EXPECT_NE(first.epochs[1].train.loss, train().epochs[1].train.loss);
}

TEST_F(SegmentTrain, FineTuningTakesTheEncoderAlongAndNeedsNoCheckpointLater) {
  const auto frozen = train();
  settings_.out = path("out/tuned").string();
  settings_.fine_tune = true;
  const auto tuned = train();
  EXPECT_EQ(frozen.epochs[0].train.loss == tuned.epochs[0].train.loss, false);
  EXPECT_LT(tuned.epochs[1].train.loss, frozen.epochs[1].train.loss);
  const auto picture = block_picture(40, 48, 5);
  auto before = open("tuned/last_model");
  const auto expected = Segmenter(before, {}).labels(picture.image.view());
  fs::rename(path("run"), path("moved"));
  auto after = open("tuned/last_model");
  EXPECT_EQ(Segmenter(after, {}).labels(picture.image.view()).index, expected.index);
  // A frozen one asks for its encoder and finds it where it is said to be.
  const auto missing = message_of([&] { open("last_model"); });
  EXPECT_NE(missing.find("--checkpoint"), std::string::npos) << missing;
  EXPECT_EQ(open("last_model", path("moved").string()).info().fine_tuned, false);
}

TEST_F(SegmentTrain, AFrozenEncoderMayMultiplyBfloat16) {
  const auto wide = train();
  settings_.out = path("half").string();
  settings_.precision = TaskPrecision::bfloat16;
  const auto half = train();
  EXPECT_NE(half.epochs[1].train.loss, wide.epochs[1].train.loss);
  EXPECT_NEAR(half.epochs[1].train.loss, wide.epochs[1].train.loss,
              0.02 * wide.epochs[1].train.loss);
  settings_.precision = TaskPrecision::float32;
  settings_.epochs = 3;
  EXPECT_NE(problem().find("with other settings"), std::string::npos) << problem();
  settings_.precision = TaskPrecision::bfloat16;
  settings_.out = path("tuned").string();
  settings_.fine_tune = true;
  EXPECT_NE(problem().find("leave out --precision"), std::string::npos) << problem();
  settings_.fine_tune = false;
  settings_.tokens = TokenSource::patches;
  EXPECT_NE(problem().find("patches has no encoder"), std::string::npos) << problem();
  settings_.precision = TaskPrecision::float32;
  settings_.out = path("patches").string();
  train();
  OpenOptions options;
  options.threads = 1;
  options.precision = TaskPrecision::bfloat16;
  const auto of_patches = message_of(
      [&] { open_segmentation(path("patches/last_model").string(), options, *comm_, Log(1)); });
  EXPECT_NE(of_patches.find("leave out --precision"), std::string::npos) << of_patches;

  options.precision = TaskPrecision::float32;
  const auto scores = [&] {
    auto model = open_segmentation(path("out/last_model").string(), options, *comm_, Log(1));
    const auto picture = block_picture(40, 48, 5);
    return model.network().infer({picture.image.rgb.data(), 1, {40, 48}});
  };
  const auto expected = scores();
  options.precision = TaskPrecision::bfloat16;
  const auto rounded = scores();
  EXPECT_NE(rounded, expected);
  for (std::size_t i = 0; i < expected.size(); ++i) EXPECT_NEAR(rounded[i], expected[i], 0.05) << i;
}

TEST_F(SegmentTrain, RefusesWeightsOfAnotherEncoder) {
  train();
  write_tiny_checkpoint(path("stranger").string(), 3);
  const auto message = message_of([&] { open("last_model", path("stranger").string()); });
  EXPECT_NE(message.find("another encoder"), std::string::npos) << message;
  const auto none = message_of([&] {
    open_segmentation(find_checkpoint(path("run").string(), "", *comm_, Log(1)), {}, *comm_,
                      Log(1));
  });
  EXPECT_NE(none.find("holds no segmentation model"), std::string::npos) << none;
  const auto above = message_of([&] { open("."); });  // of which best_model_iou is in
  EXPECT_NE(above.find("holds no segmentation model"), std::string::npos) << above;
  const auto nowhere = message_of([&] { open("nowhere"); });
  EXPECT_NE(nowhere.find("There is no segmentation model at "), std::string::npos) << nowhere;
}

TEST_F(SegmentTrain, TakesOneImage) {
  for (int i = 101; i < 112; ++i)
    for (const char* kind : {"images", "masks"})
      fs::remove(path("train") / kind / fmt::format("p{}.png", i));
  EXPECT_EQ(train().epochs.size(), 2U);
}

TEST_F(SegmentTrain, NamesFilesThatDoNotFit) {
  const auto expect = [&](const std::string& words) {
    const auto message = problem();
    EXPECT_NE(message.find(words), std::string::npos) << message;
    EXPECT_FALSE(fs::exists(path("out/epochs.csv"))) << words;
  };
  fs::rename(path("valid/masks/p113.png"), path("valid/masks/p113_L.png"));  // fits too
  fs::copy(path("valid/masks/p112.png"), path("valid/masks/x.png"));
  expect("valid/masks/x.png has no image");
  fs::remove(path("valid/masks/x.png"));

  const auto small = block_picture(50, 68, 1);
  write_bytes(path("valid/masks/p112.png"), encode_png(small.mask));
  expect("p112.png has 70 x 50 pixels, but its mask");
  auto odd = block_picture(50, 70, 12);
  odd.mask.rgb[3 * (2 * 70 + 3) + 1] = 9;
  write_bytes(path("valid/masks/p112.png"), encode_png(odd.mask));
  expect("masks/p112.png cannot be read: The mask has the colour (");
  expect("at pixel x = 3, y = 2");
  write_bytes(path("valid/masks/p112.png"), encode_png(block_picture(50, 70, 12).mask));

  auto cut = read_bytes(path("train/images/p105.png"));
  cut.resize(cut.size() / 2);
  write_bytes(path("train/images/p105.png"), cut);
  expect("image " + path("train/images/p105.png").string() + " cannot be read");
  write_bytes(path("train/images/p105.jpg"), small_jpeg(1));
  expect("the same name");
}

TEST_F(SegmentTrain, RefusesWhatCannotBeTrained) {
  const auto expect = [&](const std::string& words) {
    const auto message = problem();
    EXPECT_NE(message.find(words), std::string::npos) << message;
  };
  settings_.image = {40, 50};
  expect("48 x 40 has");
  settings_.image = {16, 48};
  expect("2 x 6 patches is too small");
  settings_.image = {40, 48};
  settings_.fine_tune = true;
  settings_.tokens = TokenSource::patches;
  expect("no encoder that could be fine-tuned");
  settings_.fine_tune = false;
  fs::create_directories(path("empty"));
  settings_.train_images = path("empty").string();
  expect("holds no images");
  settings_.train_images = path("nowhere").string();
  expect("There is no folder");
  settings_.train_images = path("train/images").string();
  const auto out = settings_.out;
  for (const auto& pictures : {settings_.train_images, settings_.train_masks,
                               settings_.valid_images, settings_.valid_masks}) {
    settings_.out = pictures + "/out";
    expect("lies in the input");
    EXPECT_FALSE(fs::exists(settings_.out));
  }
  settings_.out = out;
  train();
  settings_.learning_rate *= 2;
  expect("with other settings: choose another by --out-dir");
  settings_.learning_rate /= 2;
  fs::rename(path("train/masks/p101.png"), path("p101.png"));
  fs::rename(path("train/images/p101.png"), path("p101_image.png"));
  expect("with other images: choose another by --out-dir");
  fs::remove_all(path("out/training"));
  expect("cannot go on: choose another by --out-dir");
}

TEST_F(SegmentTrain, EndsWhenTheLossIsNoNumber) {
  settings_.fine_tune = true;
  settings_.learning_rate = 1e30;
  EXPECT_NE(problem().find("is not a number; start again with a lower --lr than 1e+30."),
            std::string::npos);
  EXPECT_FALSE(fs::exists(path("out/last_model")));
}

TEST_F(SegmentTrain, GoesOnAfterTheLastWholeEpoch) {
  const auto figures = [](const SegmentTrainResult& r) {
    std::vector<double> all;
    for (const auto& e : r.epochs)
      all.insert(all.end(),
                 {e.train.loss, e.train.scores.mean_iou, e.train.compat.loss, e.valid.loss,
                  e.valid.scores.pixel_accuracy, e.valid.scores.iou.at(1)});
    return all;
  };
  const auto weights = [&](const std::string& out) {
    std::vector<std::uint64_t> checksums;
    for (const auto& tensor : read_manifest((path(out) / "last_model").string()).tensors)
      for (const auto& piece : tensor.pieces) checksums.push_back(piece.xxh3);
    return checksums;
  };
  for (const bool fine_tune : {false, true}) {
    const std::string straight = fine_tune ? "tuned" : "frozen", parts = straight + "_parts";
    settings_.fine_tune = fine_tune;
    settings_.epochs = 4;
    settings_.out = path(straight).string();
    const auto whole = train();
    settings_.out = path(parts).string();
    settings_.epochs = 1;
    train();
    settings_.epochs = 3;
    train();
    settings_.epochs = 4;
    const auto resumed = train();
    EXPECT_EQ(figures(resumed), figures(whole));
    EXPECT_EQ(resumed.best_iou, whole.best_iou);
    EXPECT_FALSE(weights(straight).empty());
    EXPECT_EQ(weights(parts), weights(straight));
    EXPECT_EQ(figures(train()), figures(whole)) << "a finished training is only reported";
  }
}

TEST_F(SegmentTrain, AnImageStoredTurnedTrainsAsTheUprightOne) {
  settings_.tokens = TokenSource::patches;
  settings_.epochs = 1;
  const auto upright_run = train();
  const auto store_turned = [&](int orientation) {
    for (const char* set : {"train", "valid"})
      for (const auto& file : fs::directory_iterator(path(set) / "images")) {
        auto picture = decode_image(read_bytes(path("upright") / set / file.path().filename()));
        // A quarter to one side is undone by one to the other; the rest undo themselves.
        picture = upright(picture, orientation == 6 ? 8 : orientation == 8 ? 6 : orientation);
        write_bytes(file.path(), png_with_exif(encode_png(picture), orientation));
      }
  };
  fs::create_directories(path("upright"));
  for (const char* set : {"train", "valid"})
    fs::copy(path(set) / "images", path("upright") / set, fs::copy_options::recursive);
  for (const int orientation : {2, 3, 4, 5, 6, 7, 8}) {
    store_turned(orientation);
    settings_.out = path(fmt::format("turned_{}", orientation)).string();
    const auto turned_run = train();
    EXPECT_EQ(turned_run.epochs[0].train.loss, upright_run.epochs[0].train.loss) << orientation;
    EXPECT_EQ(turned_run.epochs[0].valid.loss, upright_run.epochs[0].valid.loss) << orientation;
  }
  // Masks that were drawn on the pictures as they are stored.
  store_turned(6);
  for (const char* set : {"train", "valid"})
    for (const auto& file : fs::directory_iterator(path(set) / "masks"))
      write_bytes(file.path(), encode_png(upright(decode_image(read_bytes(file.path())), 8)));
  settings_.out = path("refused").string();
  EXPECT_NE(problem().find("EXIF orientation 6 of the image and 1 of the mask are applied"),
            std::string::npos)
      << problem();
  settings_.exif = false;
  EXPECT_EQ(train().epochs.size(), 1U);
}

TEST_F(SegmentTrain, TellsWhatTheMasksHoldThatIsNoClass) {
  std::ofstream(path("labels.toml"))
      << std::string(block_labels).substr(std::string(block_labels).find('\n'));
  write_bytes(path("train/masks/p104.png"), encode_png(Bytes(50 * 70 * 3, 9), 50, 70));
  fs::remove(path("valid/masks/p112.png"));
  testing::internal::CaptureStderr();
  settings_.epochs = 1;
  train_segmentation(settings_, *comm_, Log(0));
  const auto text = testing::internal::GetCapturedStderr();
  const auto share = fmt::format("{:.2f} %", 100.0 / 12);
  const auto expect = [&](const std::string& words) {
    EXPECT_NE(text.find(words), std::string::npos) << words << " in\n" << text;
  };
  expect("warning (rank 0): " + path("train/masks").string() + ": " + share +
         " of the pixels are of colours that are no class: (9, 9, 9) " + share + ", first in " +
         path("train/masks/p104.png").string() + " at x = 0, y = 0. They count as nothing");
  expect("1 of 5 images have no mask and are left out; the first is " +
         path("valid/images/p112.png").string());
  EXPECT_EQ(text.find("no pixel is of the class"), std::string::npos) << text;
}

TEST_F(SegmentTrain, NamesSwappedColoursAndTheClassWithoutAPixel) {
  std::string labels(block_labels);
  labels.replace(labels.find("mask = [0, 0, 255]"), 18, "mask = [9, 9, 9]  ");
  std::ofstream(path("labels.toml")) << labels.substr(labels.find('\n'));
  testing::internal::CaptureStderr();
  settings_.epochs = 1;
  train_segmentation(settings_, *comm_, Log(0));
  const auto text = testing::internal::GetCapturedStderr();
  for (const char* words : {"no pixel is of the class blue", "no class: (0, 0, 255)",
                            "Are red and blue swapped? (255, 0, 0) is red."})
    EXPECT_NE(text.find(words), std::string::npos) << words << " in\n" << text;
}

TEST_F(SegmentTrain, RefusesMasksOfOneClass) {
  for (const auto& mask : fs::directory_iterator(path("train/masks")))
    write_bytes(mask.path(), encode_png(Bytes(50 * 70 * 3, 0), 50, 70));
  const auto message = problem();
  EXPECT_NE(message.find("are of the class nothing"), std::string::npos) << message;
}

TEST(SegmentSchedule, FallsToATenthAfterEachMilestone) {
  SegmentTrainSettings s;
  s.learning_rate = 1;
  s.scheduler_epochs = {2, 4};
  EXPECT_EQ(segment_learning_rate(s, 10), 1);
  s.scheduler = true;
  EXPECT_EQ(segment_learning_rate(s, 1), 1);
  EXPECT_NEAR(segment_learning_rate(s, 2), 0.1, 1e-15);
  EXPECT_NEAR(segment_learning_rate(s, 4), 0.01, 1e-15);
}

}  // namespace
}  // namespace ijepa::test
