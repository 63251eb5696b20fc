#include <gtest/gtest.h>

#include <fstream>
#include <iterator>

#include "ijepa/core/file.hpp"
#include "ijepa/tasks/classification/classifier_weights.hpp"
#include "ijepa/tasks/classification/classify_infer.hpp"
#include "ijepa/tasks/classification/classify_train.hpp"
#include "src/tasks/classification/annotate.hpp"
#include "tests/support/keyed_shard.hpp"
#include "tests/support/source_folder.hpp"
#include "tests/support/temporary_folder.hpp"
#include "tests/tasks/classification/class_folders.hpp"
#include "tests/tasks/picture_shards.hpp"
#include "tests/tasks/probing/examples.hpp"
#include "tests/tasks/tiny_checkpoint.hpp"

namespace ijepa::test {
namespace {

namespace fs = std::filesystem;

class Classify : public ::testing::Test {
 protected:
  Classify() {
    write_tiny_checkpoint(path("run"));
    write_class_folders(path("train"), 24);
    write_class_folders(path("valid"), 9, 3, synth::Split::test);
    settings_.run.run = path("run");
    settings_.run.out_dir = path("out");
    settings_.data.train = path("train");
    settings_.data.valid = path("valid");
    settings_.data.threads = 1;
    settings_.compute.threads = 1;
    settings_.optim.epochs = 3;
    settings_.optim.batch = 8;
    infer_.weights = path("out/best_model");
    infer_.input = path("valid");
    infer_.out = path("answers");
    infer_.threads = 1;
  }
  std::string path(const std::string& name) const { return (folder_.path() / name).string(); }
  ClassifyResult train() { return train_classifier(settings_, *local_communicator(), Log(1)); }
  ClassifyInferResult infer() { return classify_images(infer_, *local_communicator(), Log(1)); }
  std::string problem() {
    return message_of([&] { train(); });
  }
  std::string infer_problem() {
    return message_of([&] { infer(); });
  }
  static std::string contents(const std::string& file) {
    std::ifstream in(file, std::ios::binary);
    return {std::istreambuf_iterator<char>(in), {}};
  }
  void fine_tune() {
    settings_.run.fine_tune = true;
    settings_.optim.optimizer = OptimizerChoice::adamw;
    settings_.optim.learning_rate = 3e-3;
    settings_.optim.layer_decay = 0.75;
  }
  /// Images whose class is their colour: easy to learn.
  void use_colours() {
    for (int i = 0; i < 24; ++i) {
      const auto folder = fs::path(path("colours")) / std::to_string(i % 3);
      fs::create_directories(folder);
      cv::Scalar colour(40, 40, 40);
      colour[i % 3] = 180 + 2 * i;
      cv::imwrite((folder / (std::to_string(i) + ".png")).string(),
                  cv::Mat(32, 32, CV_8UC3, colour));
    }
    settings_.data.train = settings_.data.valid = path("colours");
  }
  void expect_problem(const std::string& part) {
    const auto message = problem();
    EXPECT_NE(message.find(part), std::string::npos) << message;
    EXPECT_FALSE(fs::exists(path("out/model")));
  }

  TemporaryFolder folder_;
  ClassifySettings settings_;
  ClassifyInferSettings infer_;
};

TEST_F(Classify, FineTuningFitsItsTrainingImages) {
  use_colours();
  fine_tune();
  settings_.optim.epochs = 8;
  const auto result = train();
  ASSERT_EQ(result.history.size(), 8U);
  EXPECT_LT(result.history.back().train_loss, 0.5 * result.history.front().train_loss);
  EXPECT_GT(result.history.back().train_top1, 0.9);
}

TEST_F(Classify, LinearTrainingLeavesTheEncoderAlone) {
  use_colours();
  settings_.optim.learning_rate = 0.1;
  const auto result = train();
  EXPECT_LT(result.history.back().train_loss, result.history.front().train_loss);
  auto opened =
      open_classifier(path("out/model"), 1, TaskPrecision::float32, *local_communicator(), Log(1));
  TinyEncoder network(2);
  for (const auto& info : opened.classifier->encoder().layout().infos()) {
    const auto mine = opened.classifier->encoder().store().values(Role::weight, info);
    const auto start = network.store.values(Role::weight, info);
    EXPECT_EQ(std::memcmp(mine.data, start.data, mine.bytes()), 0) << info.name;
  }
  EXPECT_EQ(opened.card.classes.size(), 3U);
  EXPECT_EQ(opened.card.encoder, "target");
}

TEST_F(Classify, LeavesWeightsTablesAndPlots) {
  const auto result = train();
  for (const char* name : {"out/model.csv", "out/model_loss.png", "out/model_accuracy.png"})
    EXPECT_TRUE(fs::exists(path(name))) << name;
  EXPECT_EQ(parse_history(contents(path("out/model.csv"))).size(), 3U);
  const auto best =
      open_classifier(result.best, 1, TaskPrecision::float32, *local_communicator(), Log(1)).card;
  EXPECT_EQ(best.epoch, best_row(result.history)->epoch);
  const auto last =
      open_classifier(result.last, 1, TaskPrecision::float32, *local_communicator(), Log(1)).card;
  EXPECT_EQ(last.epoch, 3);
  EXPECT_NEAR(last.valid_loss, result.history.back().valid_loss, 1e-12);
}

TEST_F(Classify, MayBeAskedInBfloat16) {
  const auto result = train();
  const auto answers = [&](TaskPrecision precision) {
    auto opened = open_classifier(result.last, 1, precision, *local_communicator(), Log(1));
    const std::vector<std::uint8_t> pixels(
        static_cast<std::size_t>(opened.card.image.height * opened.card.image.width * 3), 90);
    return opened.classifier->logits(pixels).values;
  };
  const auto wide = answers(TaskPrecision::float32), half = answers(TaskPrecision::bfloat16);
  EXPECT_NE(half, wide);
  for (std::size_t i = 0; i < wide.size(); ++i) EXPECT_NEAR(half[i], wide[i], 0.05) << i;
}

TEST_F(Classify, GoesOnWhereItWas) {
  fine_tune();
  settings_.data.mixup = 0.8;
  settings_.optim.drop_path = 0.2;
  const auto weights = [&] {
    auto opened = open_classifier(path("out/model"), 1, TaskPrecision::float32,
                                  *local_communicator(), Log(1));
    std::vector<std::byte> bytes;
    auto states = opened.classifier->state({Role::weight});
    for (const auto& state : states)
      for (const auto& t : state.tensors()) {
        const auto* first = static_cast<const std::byte*>(t.data);
        std::int64_t count = 1;
        for (const auto side : t.shape) count *= side;
        bytes.insert(bytes.end(), first, first + count * 4);
      }
    return bytes;
  };
  const auto whole = train();
  const auto expected = weights();
  fs::remove_all(path("out"));
  settings_.optim.epochs = 2;
  train();
  settings_.optim.epochs = 3;  // milestones do not depend on it
  const auto again = train();
  ASSERT_EQ(again.history.size(), 3U);
  EXPECT_EQ(again.history[2].train_loss, whole.history[2].train_loss);
  EXPECT_EQ(again.history[2].valid_loss, whole.history[2].valid_loss);
  EXPECT_EQ(weights(), expected);
}

TEST_F(Classify, RefusesAnotherTrainingInItsFolder) {
  train();
  settings_.optim.learning_rate = 0.5;
  EXPECT_NE(problem().find("other settings"), std::string::npos);
  settings_.optim.learning_rate = 1e-3;
  write_class_folders(path("more"), 30);
  settings_.data.train = path("more");
  EXPECT_NE(problem().find("other images"), std::string::npos);
}

TEST_F(Classify, MicroBatchesChangeNothingButRounding) {
  fine_tune();
  settings_.data.mixup = 0.8;
  settings_.data.cutmix = 1.0;
  settings_.optim.label_smoothing = 0.1;
  const auto whole = train();
  settings_.run.save_name = "cut";
  settings_.optim.micro_batch = 2;
  const auto cut = train();
  for (std::size_t i = 0; i < 3; ++i)
    EXPECT_NEAR(whole.history[i].train_loss, cut.history[i].train_loss, 1e-4);
}

TEST_F(Classify, ReadsShardsAsItReadsFolders) {
  write_pictures(path("shards"), {.images = 24});
  settings_.data.train = path("shards");
  settings_.data.valid = path("shards");
  EXPECT_EQ(train().images, 24);
}

TEST_F(Classify, AnswersWithATableAndPictures) {
  settings_.optim.learning_rate = 0.1;
  train();
  const auto result = infer();
  EXPECT_EQ(result.images, 9);
  ASSERT_TRUE(result.accuracy.has_value());
  const auto csv = contents(path("answers/predictions.csv"));
  EXPECT_EQ(std::ranges::count(csv, '\n'), 10);
  EXPECT_EQ(csv.substr(0, csv.find('\n')),
            "key,label,class_1,probability_1,class_2,probability_2,class_3,probability_3");
  const auto source = open_images(path("valid"));
  EXPECT_TRUE(fs::exists(path("answers/pictures/" + source->key(0) + ".png")));
  // Of one class alone, then of one that the classifier does not know.
  const auto name = source->class_names().at(1);
  const auto fewer = path("fewer/" + name), other = path("fewer/none of them");
  fs::create_directories(path("fewer"));
  fs::copy(path("valid/" + name), fewer);
  infer_.input = path("fewer");
  infer_.out = path("of_fewer");
  const auto of_one = infer();
  ASSERT_TRUE(of_one.accuracy.has_value());
  const auto table = contents(path("of_fewer/predictions.csv"));
  std::int64_t right = 0;
  for (std::size_t at = 0;
       (at = table.find("," + name + "," + name + ",", at)) != std::string::npos; ++at)
    ++right;
  EXPECT_NEAR(of_one.accuracy->top1,
              static_cast<double>(right) / static_cast<double>(of_one.images), 1e-9);
  fs::copy(fewer, other);
  const auto unknown = infer();
  EXPECT_FALSE(unknown.accuracy.has_value());
  EXPECT_EQ(unknown.unknown_class, "none of them");
  // One image alone, outside of any class folder.
  fs::create_directories(path("one"));
  fs::copy(path("valid/" + source->key(0)), path("one/a.png"));
  infer_.input = path("one");
  infer_.out = path("answer");
  const auto one = infer();
  EXPECT_EQ(one.images, 1);
  EXPECT_FALSE(one.accuracy.has_value());
  EXPECT_EQ(contents(path("answer/predictions.csv")).substr(0, 11), "key,class_1");
}

TEST_F(Classify, WritesNoPictureIntoItsInput) {
  train();
  infer_.pictures = true;
  for (const char* out : {"valid", "valid/answers", "valid/../valid/a"}) {
    infer_.out = path(out);
    EXPECT_NE(infer_problem().find("lies in the input"), std::string::npos) << out;
  }
  EXPECT_FALSE(fs::exists(path("valid/answers")));
  infer_.out = path("valid_answers");
  EXPECT_EQ(infer().images, 9);
}

TEST_F(Classify, WritesNoPictureOutsideWhateverTheKeysAre) {
  train();
  write_keyed_shard(path("shards"), hostile_keys());
  infer_.input = path("shards");
  infer_.out = path("1/2/3/answers");
  infer_.pictures = true;
  const auto before = files_below(path("."));
  EXPECT_EQ(infer().images, std::ssize(hostile_keys()));
  EXPECT_EQ(files_below(infer_.out + "/pictures"), hostile_keys().size());
  EXPECT_EQ(files_below(path(".")) - before, files_below(infer_.out));
}

TEST_F(Classify, NamesWhatIsWrongWithTheImages) {
  fs::create_directories(path("train/zebra"));
  expect_problem("zebra holds no image");
  fs::remove(path("train/zebra"));
  const auto name = open_images(path("train"))->class_names()[0];
  fs::create_directories(path("single"));
  fs::copy(path("train/" + name), path("single/" + name));
  settings_.data.train = path("single");
  expect_problem("one class only");
  settings_.data.train = path("train");
  write_class_folders(path("other"), 8, 4);
  settings_.data.valid = path("other");
  expect_problem("has the class");
  fs::copy(path("train"), path("spelled"), fs::copy_options::recursive);
  fs::rename(path("spelled/" + name), path("spelled/" + name + " "));
  settings_.data.valid = path("spelled");
  expect_problem("look alike");
  fs::create_directories(path("empty"));
  settings_.data.valid = path("empty");
  expect_problem("neither shards nor images");
  settings_.data.valid = path("valid/" + name);
  expect_problem("outside class folders");
}

TEST_F(Classify, ValidationMayLackClassesAndIsLabelledByName) {
  use_colours();
  settings_.optim.learning_rate = 0.1;
  settings_.optim.epochs = 8;
  fs::create_directories(path("two"));
  for (const auto* name : {"1", "2"}) fs::copy(path("colours/") + name, path("two/") + name);
  settings_.data.valid = path("two");
  const auto result = train();
  EXPECT_EQ(result.valid_images, 16);
  EXPECT_EQ(result.classes, 3);
  EXPECT_GT(result.history.back().valid_top1, 0.9) << "labels of another order give nearly 0";
  // A folder without images is a class that is not there.
  fs::create_directories(path("two/0"));
  settings_.run.out_dir = path("again");
  const auto again = train();
  EXPECT_EQ(again.history.back().valid_loss, result.history.back().valid_loss);
}

TEST_F(Classify, TrainsWithoutBadImagesWhenAsked) {
  fs::resize_file(path("train/" + open_images(path("train"))->key(5)), 100);
  settings_.data.skip_bad = true;
  const auto result = train();
  EXPECT_EQ(result.images, 23);
  EXPECT_EQ(result.bad_images, 1);
  EXPECT_TRUE(fs::exists(path("out/bad_images.csv")));
}

TEST_F(Classify, LeavesOutBadImagesWhenAsked) {
  train();
  const auto key = open_images(path("valid"))->key(4);
  fs::resize_file(path("valid/" + key), 100);
  EXPECT_NE(infer_problem().find(key), std::string::npos);
  infer_.skip_bad = true;
  const auto result = infer();
  EXPECT_EQ(result.images, 8);
  EXPECT_EQ(result.bad_images, 1);
  EXPECT_NE(contents(path("answers/bad_images.csv")).find(key + ","), std::string::npos);
  EXPECT_EQ(contents(path("answers/predictions.csv")).find(key), std::string::npos);
}

TEST_F(Classify, NamesAnImageThatCannotBeRead) {
  const auto images = open_images(path("train"));
  fs::resize_file(path("train/" + images->key(5)), 100);
  const auto message = problem();
  EXPECT_NE(message.find(images->key(5)), std::string::npos) << message;
  EXPECT_FALSE(fs::exists(path("out/model")));
}

TEST_F(Classify, RefusesSettingsThatCannotWork) {
  settings_.optim.milestones = "3,x";
  expect_problem("\"x\" is no epoch");
  settings_.optim.milestones = "9,3";
  expect_problem("must rise");
  settings_.optim.milestones = "1000";
  settings_.optim.layer_decay = 0.5;
  expect_problem("does not train without");
  settings_.optim.layer_decay = 1;
  settings_.run.save_name = "../x";
  expect_problem("no name");
  settings_.run.save_name = "model";
  settings_.data.views.image_height = settings_.data.views.image_width = 30;
  expect_problem("whole number of patches");
  settings_.data.views.image_height = settings_.data.views.image_width = 32;
  settings_.run.out_dir = settings_.data.train + "/out";
  expect_problem("lies in the input");
  EXPECT_FALSE(fs::exists(settings_.run.out_dir));
}

TEST_F(Classify, EndsWhenTheLossIsNoNumber) {
  fine_tune();
  settings_.optim.learning_rate = 1e30;
  settings_.optim.schedule = RateSchedule::cosine;
  settings_.optim.warmup_epochs = static_cast<double>(settings_.optim.epochs) / 2;
  // The option's rate, not what the warm-up has made of it.
  EXPECT_NE(problem().find("is not a number; start again with a lower --lr than 1e+30."),
            std::string::npos);
}

TEST_F(Classify, RefusesWeightsOfSomethingElse) {
  infer_.weights = path("run");
  EXPECT_NE(infer_problem().find("holds no classifier"), std::string::npos);
  infer_.weights = path("nowhere");
  EXPECT_NE(infer_problem().find("no classifier at"), std::string::npos);
  fs::create_directories(path("hollow"));
  infer_.weights = path("hollow");
  EXPECT_NE(infer_problem().find("holds no classifier"), std::string::npos);
}

TEST_F(Classify, LeavesNoTableWhenAnImageCannotBeRead) {
  train();
  const auto images = open_images(path("valid"));
  fs::resize_file(path("valid/" + images->key(2)), 100);
  EXPECT_NE(infer_problem().find(images->key(2)), std::string::npos);
  EXPECT_FALSE(fs::exists(path("answers/predictions.csv")));
}

/// Pixels of the lines above a square picture whose channel is far above the other two.
int coloured(const Image& picture, int channel) {
  const int panel = picture.height - picture.width;
  int count = 0;
  for (int i = 0; i < panel * picture.width; ++i) {
    const auto* pixel = &picture.rgb[static_cast<std::size_t>(3 * i)];
    count += pixel[channel] > pixel[(channel + 1) % 3] + 50 &&
             pixel[channel] > pixel[(channel + 2) % 3] + 50;
  }
  return count;
}

TEST(Annotate, LinesStandAboveTheWholePicture) {
  const Image picture = plain_image(32, 32, 200, 10, 10);
  const auto out =
      annotated(picture.view(),
                {{"a class with a very long name 93.1 %", {90, 220, 110}}, {"b", {250, 90, 80}}});
  ASSERT_EQ(out.width, 224);
  EXPECT_GT(out.height, 224 + 2 * 20);
  for (int y = out.height - 224; y < out.height; ++y)
    for (int x = 0; x < 224; ++x)
      ASSERT_EQ(out.rgb[static_cast<std::size_t>(3 * (y * 224 + x))], 200) << y << " " << x;
  EXPECT_GT(coloured(out, 0), 5);
  EXPECT_GT(coloured(out, 1), 5 * coloured(out, 0));
}

TEST_F(Classify, PicturesShowWhetherTheAnswerIsRight) {
  train();
  const auto result = infer();
  ASSERT_TRUE(result.accuracy);
  int right = 0;
  for (const auto& entry : fs::recursive_directory_iterator(path("answers/pictures"))) {
    if (!entry.is_regular_file()) continue;
    const auto bytes = contents(entry.path().string());
    const auto picture = decode_image(std::vector<std::uint8_t>(bytes.begin(), bytes.end()));
    EXPECT_GT(coloured(picture, 1), 5) << entry.path();  // the true class is always told
    right += coloured(picture, 0) == 0;
  }
  EXPECT_NEAR(result.accuracy->top1, right / 9.0, 1e-9);
}

TEST(ClassifyRate, FollowsMilestonesAndCosine) {
  ClassifyOptim optim;
  optim.learning_rate = 1;
  optim.milestones = "2, 4";
  EXPECT_DOUBLE_EQ(learning_rate(optim, 19, 10), 1);
  EXPECT_DOUBLE_EQ(learning_rate(optim, 20, 10), 0.1);
  EXPECT_NEAR(learning_rate(optim, 45, 10), 0.01, 1e-12);
  optim.schedule = RateSchedule::cosine;
  optim.warmup_epochs = 2;
  optim.final_lr = 0.1;
  EXPECT_DOUBLE_EQ(learning_rate(optim, 0, 10), 0.05);
  EXPECT_DOUBLE_EQ(learning_rate(optim, 20, 10), 1);
  EXPECT_NEAR(learning_rate(optim, 60, 10), 0.55, 1e-12);
  EXPECT_NEAR(learning_rate(optim, 100, 10), 0.1, 1e-12);
}

TEST(ClassifyConfigs, ShippedOnesAreTheProtocolsOfThePaper) {
  const std::string configs = test::source_folder() / "configs/tasks/";
  const auto few = load_settings<ClassifySettings>(configs + "finetune_1percent.toml", {});
  EXPECT_TRUE(few.run.fine_tune);
  EXPECT_EQ(few.optim.batch, 512);
  EXPECT_EQ(few.data.mixup, 0);
  EXPECT_EQ(few.optim.label_smoothing, 0.1);
  const auto full = load_settings<ClassifySettings>(configs + "finetune_full.toml", {});
  EXPECT_EQ(full.optim.batch, 528);
  EXPECT_EQ(full.data.cutmix, 1.0);
  EXPECT_EQ(full.optim.drop_path, 0.25);
}

TEST(ClassifySettingsPage, IsUpToDate) {
  const auto path = test::source_folder() / "docs" / "classify_settings.md";
  if (std::getenv("IJEPA_UPDATE_DOCS") != nullptr) std::ofstream(path) << classify_settings_page();
  EXPECT_EQ(read_text_file(path.string()), classify_settings_page())
      << "run the test once with IJEPA_UPDATE_DOCS=1 and commit docs/classify_settings.md";
}

}  // namespace
}  // namespace ijepa::test
