#include "ijepa/tasks/probing/probe.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>

#include "ijepa/core/file.hpp"
#include "ijepa/data/shards/shard_set.hpp"
#include "ijepa/tasks/images/open_images.hpp"
#include "ijepa/tasks/network/pretrained_encoder.hpp"
#include "ijepa/train/checkpoint/checkpoint.hpp"
#include "ijepa/train/checkpoint/run_state.hpp"
#include "ijepa/train/recipe/recipe.hpp"
#include "tests/support/temporary_folder.hpp"
#include "tests/tasks/picture_shards.hpp"
#include "tests/tasks/probing/examples.hpp"
#include "tests/tasks/tiny_encoder.hpp"

namespace ijepa {
namespace {

using test::message_of;
using test::TinyEncoder;

/// A run folder with one checkpoint of a tiny network, and labelled shards.
class Probe : public ::testing::Test {
 protected:
  void SetUp() override {
    test::write_pictures(path("train"), {.images = 40});
    test::write_pictures(path("test"), {.images = 12, .split = synth::Split::test});
    recipe_.model.encoder = TinyEncoder::encoder_config();
    recipe_.model.predictor = TinyEncoder::predictor_config();
    recipe_.mask.min_keep = 1;  // and larger targets: the grid has 16 patches
    recipe_.mask.target_scale_min = 0.3;
    recipe_.mask.target_scale_max = 0.5;
    recipe_.data.shards = path("train");
    recipe_.run.dir = path("run");
    recipe_.run.seed = 1;
    recipe_.compute.threads = 1;
    settings_.run = recipe_.run.dir;
    settings_.test = path("test");
    settings_.knn.k = {5};
    settings_.linear.epochs = 3;
    settings_.threads = 1;
  }

  std::string path(const std::string& name) const { return (folder_.path() / name).string(); }

  /// A checkpoint whose target encoder comes from seed 2 and whose context encoder from seed 3.
  void save(std::int64_t step = 7, const std::string& config = "") {
    TinyEncoder context(3), target(2);
    RunState weights(*context.device, context.store, {Role::weight}),
        ema(*target.device, target.store, {Role::target});
    auto tensors = weights.tensors();
    tensors.insert(tensors.end(), ema.tensors().begin(), ema.tensors().end());
    CheckpointStore(settings_.run, {})
        .save(*comm_, {step, {{"config", config.empty() ? recipe_text(recipe_) : config}}},
              tensors);
  }

  ProbeReport probe() {
    const auto checkpoint = find_checkpoint(settings_.run, settings_.checkpoint, *comm_, log_);
    return run_probe(settings_, checkpoint, path("out"), *comm_, log_);
  }
  std::string said() {
    return message_of([&] { probe(); });
  }

  test::TemporaryFolder folder_;
  std::unique_ptr<Communicator> comm_ = local_communicator();
  Log log_{1};  // another than the first rank is silent
  PretrainRecipe recipe_;
  ProbeSettings settings_;
};

/// The images of shards as files CLASS/NUMBER.png.
void unpack(const std::string& shards, const std::filesystem::path& folder) {
  const auto set = ShardSet::open(shards);
  std::vector<std::uint8_t> encoded;
  for (std::int64_t i = 0; i < set.size(); ++i) {
    const auto place = folder / set.class_names().at(static_cast<std::size_t>(set.label(i)));
    make_folder(place.string());
    set.read(i, encoded);
    write_file_atomically((place / fmt::format("{}.png", i)).string(),
                          {encoded.begin(), encoded.end()});
  }
}

void expect_says(const std::string& message, const std::string& part) {
  EXPECT_NE(message.find(part), std::string::npos) << message;
}

TEST_F(Probe, ClassFoldersAreAsGoodAsShards) {
  save();
  const auto packed = probe();
  unpack(path("train"), path("train_files"));
  unpack(path("test"), path("test_files"));
  settings_.train = path("train_files");
  settings_.test = path("test_files");
  const auto plain = probe();
  EXPECT_EQ(plain.classes, packed.classes);
  EXPECT_EQ(plain.train_images, 40);
  EXPECT_EQ(plain.test_images, 12);
  for (std::size_t m = 0; m < packed.rows.size(); ++m)
    EXPECT_EQ(plain.rows[m].knn[0].top1, packed.rows[m].knn[0].top1) << packed.rows[m].features;

  write_file_atomically(path("train_files") + "/" + packed.classes[0] + "/0_cut.png",
                        "\x89PNG\r\n\x1a\n");
  expect_says(said(), "0_cut.png cannot be read: ");
  settings_.skip_bad = true;
  EXPECT_EQ(probe().bad_images, 1);
  EXPECT_TRUE(std::filesystem::exists(path("out") + "/bad_images.csv"));

  settings_.train = path("train_files") + "/" + packed.classes[0];
  expect_says(said(), "has images outside class folders");
}

TEST_F(Probe, TestImagesMayLackAClassAndAreNamedByTheTrainingSet) {
  save();
  unpack(path("train"), path("train_files"));
  unpack(path("test"), path("test_files"));
  settings_.train = path("train_files");
  settings_.test = path("test_files");
  const auto all = probe();
  std::filesystem::remove_all(path("test_files") + "/" + all.classes[0]);
  const auto fewer = probe();
  EXPECT_EQ(fewer.classes, all.classes);
  EXPECT_LT(fewer.test_images, all.test_images);
  std::filesystem::rename(path("test_files") + "/" + all.classes[1], path("test_files") + "/other");
  expect_says(said(), "has the class other, but");
}

TEST_F(Probe, ResultsMayNotLieInItsImages) {
  save();
  unpack(path("train"), path("train_files"));
  settings_.train = path("train_files");
  const auto checkpoint = find_checkpoint(settings_.run, settings_.checkpoint, *comm_, log_);
  expect_says(
      message_of([&] { run_probe(settings_, checkpoint, path("train_files/out"), *comm_, log_); }),
      "lies in the input");
}

TEST_F(Probe, OtherPicturesOfTheSameNamesAndSizesAreComputed) {
  save();
  const auto write = [&](std::uint8_t from) {
    for (const char* name : {"a", "b"})
      for (int i = 0; i < 20; ++i) {
        make_folder(path("plain") + "/" + name);
        std::string bytes = fmt::format("P5 32 32 255\n{:1024}", "");
        for (std::size_t p = 0; p < 1024; ++p)
          bytes[bytes.size() - 1024 + p] =
              static_cast<char>(static_cast<std::size_t>(from + i) * p % 251 + (*name == 'b'));
        write_file_atomically(fmt::format("{}/{}/{}.pgm", path("plain"), name, i), bytes);
      }
  };
  settings_.train = settings_.test = path("plain");
  settings_.cache = path("cache");
  write(1);
  const auto first = open_images(path("plain"))->fingerprint();
  EXPECT_EQ(open_images(path("plain"))->fingerprint(), first);
  probe();
  write(50);
  EXPECT_NE(open_images(path("plain"))->fingerprint(), first);
  probe();
  EXPECT_EQ(std::distance(std::filesystem::directory_iterator(path("cache")), {}), 8)
      << "four kinds of features of two sets";
}

TEST_F(Probe, JudgesAllFeaturesOfTheNewestCheckpoint) {
  save(7);
  save(9);
  const auto report = probe();
  EXPECT_NE(report.checkpoint.find("step_00000009"), std::string::npos);
  EXPECT_EQ(report.encoder, "target");
  EXPECT_EQ(report.train_images, 40);
  EXPECT_EQ(report.test_images, 12);
  ASSERT_EQ(report.rows.size(), 4U);
  const std::vector<std::string> names{"trained", "untrained", "pixels", "histogram"};
  for (std::size_t i = 0; i < 4; ++i) EXPECT_EQ(report.rows[i].features, names[i]);
  EXPECT_EQ(report.rows[0].width, 24);
  // {last, last two layers} x {no norm, batch norm} x 4 rates x 2 decays; baselines have one layer.
  EXPECT_EQ(report.rows[0].linear.grid.size(), 32U);
  EXPECT_EQ(report.rows[2].linear.grid.size(), 16U);
}

TEST_F(Probe, ASecondRunWithKeptFeaturesHasTheSameNumbers) {
  save();
  settings_.cache = path("cache");
  const auto first = as_json(probe());
  EXPECT_EQ(as_json(probe()), first);
  settings_.cache.clear();
  EXPECT_EQ(as_json(probe()), first);
}

TEST_F(Probe, KeepsFeaturesByBfloat16Apart) {
  save();
  settings_.cache = path("cache");
  const auto wide = probe();
  EXPECT_EQ(wide.precision, "float32");
  settings_.precision = TaskPrecision::bfloat16;
  const auto half = probe();
  EXPECT_EQ(half.precision, "bfloat16");
  const auto loss = [](const ProbeReport& report, std::size_t row) {
    return report.rows[row].linear.grid[0].validation.loss;
  };
  for (const std::size_t row : {0UL, 1UL}) EXPECT_NE(loss(half, row), loss(wide, row)) << row;
  for (const std::size_t row : {2UL, 3UL}) EXPECT_EQ(loss(half, row), loss(wide, row)) << row;
  EXPECT_EQ(as_json(probe()), as_json(half));
  settings_.cache.clear();
  EXPECT_EQ(as_json(probe()), as_json(half));
}

TEST_F(Probe, TrainsOnAugmentedViewsOfTheTrainingPart) {
  save();
  settings_.views = TrainViews::augmented;
  settings_.linear = paper_protocol();
  settings_.linear.epochs = 2;
  const auto first = probe();
  EXPECT_EQ(first.views, "augmented");
  EXPECT_EQ(first.rows[0].linear.grid.size(), 24U);  // the paper's heads
  EXPECT_EQ(as_json(probe()), as_json(first));
  settings_.linear.seed = 5;
  EXPECT_NE(as_json(probe()), as_json(first));
  settings_.linear.seed = 0;
  settings_.views = TrainViews::centred;
  const auto centred = probe();
  EXPECT_EQ(centred.views, "centred");
  EXPECT_NE(centred.rows[0].linear.grid[0].validation.loss,
            first.rows[0].linear.grid[0].validation.loss);
}

TEST_F(Probe, JudgesAFewLabelsAndWritesTheirList) {
  save();
  settings_.subset = "4/class";
  const auto report = probe();
  EXPECT_EQ(report.train_images, 12);
  const auto list = read_text_file(path("out/subset.txt"));
  EXPECT_EQ(std::ranges::count(list, '\n'), 12);
  settings_.subset = path("out/subset.txt");  // the list gives the same images
  auto again = probe();
  again.subset = report.subset;
  EXPECT_EQ(as_json(again), as_json(report));
}

TEST_F(Probe, UsesTheEncoderItWasAskedFor) {
  save();
  const auto target = probe();
  settings_.encoder = EncoderChoice::context;
  const auto context = probe();
  EXPECT_EQ(context.encoder, "context");
  const auto numbers = [](const ProbeRow& r) {
    return std::vector{r.knn[0].top1, r.linear.test.top1, r.linear.grid[0].test.loss,
                       r.linear.grid[0].validation.loss};
  };
  EXPECT_NE(numbers(target.rows[0]), numbers(context.rows[0]));
  EXPECT_EQ(numbers(target.rows[1]), numbers(context.rows[1]));  // untrained
}

TEST_F(Probe, RefusesCheckpointsThatCannotBeProbed) {
  expect_says(said(), "There is no run at " + settings_.run);
  std::filesystem::create_directories(settings_.run);
  expect_says(said(), "holds no checkpoint");
  settings_.checkpoint = settings_.run;
  expect_says(said(), "Name either a run folder");
  settings_.run.clear();
  EXPECT_NE(said(), "no error");  // a run folder is no checkpoint

  SetUp();
  settings_.checkpoint.clear();
  recipe_.model.encoder.width = 48;
  save(8);  // tensors of another size than the configuration says
  expect_says(said(), "encoder");
  save(9, "model = 3");
  expect_says(said(), "model");
}

TEST_F(Probe, RefusesSetsThatCannotBeJudged) {
  save();
  settings_.test = path("nothing");
  EXPECT_NE(said(), "no error");
  test::write_pictures(path("other"), {.images = 12, .classes = 4});
  settings_.test = path("other");
  expect_says(said(), "has the class");
  test::write_pictures(path("unlabelled"), {.images = 12, .unlabelled = 3});
  settings_.test = path("unlabelled");
  expect_says(said(), "Image 3 of the test set has no label");
  settings_.test = path("test");
  settings_.train = path("one");
  test::write_pictures(path("one"), {.images = 1});
  expect_says(said(), "of one class");
  settings_.train.clear();
  settings_.knn.k = {41};
  expect_says(said(), "k = 41");
}

}  // namespace
}  // namespace ijepa
