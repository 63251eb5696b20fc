#include "ijepa/tasks/inference/infer.hpp"

#include <gtest/gtest.h>

#include <cmath>
#include <fstream>
#include <iterator>

#include "ijepa/train/logs/pca_picture.hpp"
#include "tests/support/temporary_folder.hpp"
#include "tests/tasks/picture_shards.hpp"
#include "tests/tasks/probing/examples.hpp"
#include "tests/tasks/tiny_checkpoint.hpp"

namespace ijepa::test {
namespace {

namespace fs = std::filesystem;

/// Batches of the tiny encoder have 256 images, so parts of one batch each.
constexpr int images = 600;

class Infer : public ::testing::Test {
 protected:
  Infer() {
    write_tiny_checkpoint(path("run"));
    write_pictures(path("shards"), {.images = images});
    settings_.run = path("run");
    settings_.input = path("shards");
    settings_.out = path("out");
    settings_.part_images = 1;
    settings_.threads = 1;
  }
  std::string path(const std::string& name) const { return (folder_.path() / name).string(); }
  FeatureManifest infer() { return infer_features(settings_, *local_communicator(), Log(1)); }
  std::string problem() {
    return message_of([&] { infer(); });
  }
  static std::string contents(const std::string& file) {
    std::ifstream in(file, std::ios::binary);
    return {std::istreambuf_iterator<char>(in), {}};
  }

  TemporaryFolder folder_;
  InferSettings settings_;
};

TEST_F(Infer, KeepsWhatTheEncoderGivesOfEveryImage) {
  settings_.tokens = true;
  settings_.csv = true;
  const auto manifest = infer();
  EXPECT_EQ(manifest.parts.size(), 3U);
  const auto rows = read_pooled_features(settings_.out, manifest);
  EXPECT_EQ(rows.pooled.rows, images);
  EXPECT_EQ(rows.keys[300], "picture/300.png");
  // The same network on the same images by the way that the probe takes.
  TinyEncoder network(2);
  std::vector<std::unique_ptr<FeatureMap>> maps;
  maps.push_back(network.features("network"));
  const auto source = open_images(path("shards"));
  const auto pixels = tiny_pictures(*source, 512, images - 512);
  Matrix<float> expected(images - 512, 24);
  maps[0]->apply({pixels.data(), images - 512, {32, 32}}, expected.view());
  const auto last = read_feature_part(path("out/part_00002.h5"));
  EXPECT_EQ(last.pooled.values, expected.values);
  EXPECT_EQ(last.labels[0], source->label(512));
  ASSERT_EQ(last.tokens.rows, (images - 512) * 16);
  double sum = 0;
  for (std::int64_t t = 0; t < 16; ++t) sum += last.tokens.row(t)[0];
  EXPECT_NEAR(sum / 16, last.pooled.row(0)[0], 1e-6);
  const auto csv = contents(path("out/features.csv"));
  EXPECT_EQ(std::ranges::count(csv, '\n'), images + 1);
}

TEST_F(Infer, GoesOnWithoutRedoingFinishedParts) {
  infer();
  const auto whole = contents(path("out/part_00001.h5"));
  // As a kill leaves it: a part missing, another unfinished, no manifest.
  fs::remove(path("out/features.json"));
  fs::remove(path("out/part_00001.h5"));
  fs::rename(path("out/part_00002.h5"), path("out/part_00002.h5.tmp"));
  const auto before = fs::last_write_time(path("out/part_00000.h5"));
  EXPECT_NE(message_of([&] { read_feature_manifest(path("out")); }).find("ijepa-infer"),
            std::string::npos);
  infer();
  EXPECT_EQ(fs::last_write_time(path("out/part_00000.h5")), before);
  EXPECT_EQ(contents(path("out/part_00001.h5")), whole);
  EXPECT_EQ(read_pooled_features(path("out"), read_feature_manifest(path("out"))).pooled.rows,
            images);
}

TEST_F(Infer, MakesADamagedPartAgain) {
  infer();
  const auto whole = contents(path("out/part_00001.h5"));
  fs::resize_file(path("out/part_00001.h5"), whole.size() / 2);
  infer();
  EXPECT_EQ(contents(path("out/part_00001.h5")), whole);
}

TEST_F(Infer, RefusesAFolderOfOtherFeatures) {
  infer();
  settings_.encoder = EncoderChoice::context;
  EXPECT_NE(problem().find("another checkpoint"), std::string::npos);
  settings_.encoder = EncoderChoice::target;
  settings_.tokens = true;
  EXPECT_NE(problem().find("another checkpoint"), std::string::npos);
}

TEST_F(Infer, Bfloat16RoundsAndIsOtherFeatures) {
  const auto wide = read_pooled_features(settings_.out, infer()).pooled;
  settings_.precision = TaskPrecision::bfloat16;
  EXPECT_NE(problem().find("another precision"), std::string::npos) << problem();
  settings_.out = path("half");
  const auto manifest = infer();
  EXPECT_EQ(precision_of_identity(manifest.identity.encoder), TaskPrecision::bfloat16);
  EXPECT_EQ(choice_of_identity(manifest.identity.encoder), EncoderChoice::target);
  const auto half = read_pooled_features(settings_.out, manifest).pooled;
  double difference = 0, size = 0;
  for (std::size_t i = 0; i < wide.values.size(); ++i) {
    difference += std::pow(wide.values[i] - half.values[i], 2);
    size += std::pow(wide.values[i], 2);
  }
  EXPECT_GT(difference, 0);
  EXPECT_LT(std::sqrt(difference / size), 0.02);  // a matrix's rounding is 2^-9 of a value
}

TEST_F(Infer, AutomaticGoesOnAsTheFolderWasBegun) {
  for (const auto begun : {TaskPrecision::float32, TaskPrecision::bfloat16}) {
    settings_.out = path(begun == TaskPrecision::float32 ? "wide" : "half");
    settings_.precision = begun;
    infer();
    const auto whole = contents(settings_.out + "/part_00000.h5");
    fs::remove(settings_.out + "/part_00000.h5");
    fs::remove(settings_.out + "/features.json");
    settings_.precision = TaskPrecision::automatic;
    infer();
    EXPECT_EQ(contents(settings_.out + "/part_00000.h5"), whole);
  }
}

TEST_F(Infer, UntrainedIsTheNetworkBeforeTheFirstStep) {
  settings_.encoder = EncoderChoice::untrained;
  const auto manifest = infer();
  EXPECT_EQ(choice_of_identity(manifest.identity.encoder), EncoderChoice::untrained);
  TinyEncoder start(0);  // the recipe's seed; the checkpoint's weights are those of another
  const auto pixels = tiny_pictures(*open_images(path("shards")), 0, 256);
  Matrix<float> expected(256, 24);
  start.features("start")->apply({pixels.data(), 256, {32, 32}}, expected.view());
  EXPECT_EQ(read_feature_part(path("out/part_00000.h5")).pooled.values, expected.values);
  settings_.encoder = EncoderChoice::target;
  EXPECT_NE(problem().find("another checkpoint"), std::string::npos);
}

TEST_F(Infer, NamesAnImageThatCannotBeRead) {
  write_pictures(path("bad"), {.images = images, .damaged = 500});
  settings_.input = path("bad");
  EXPECT_NE(problem().find("picture/500.png"), std::string::npos);
  EXPECT_TRUE(fs::exists(path("out/part_00000.h5")));
  EXPECT_FALSE(fs::exists(path("out/part_00001.h5")));
  EXPECT_FALSE(fs::exists(path("out/features.json")));
}

TEST_F(Infer, LeavesOutBadImagesWhenAsked) {
  write_pictures(path("bad"), {.images = images, .damaged = 500});
  settings_.input = path("bad");
  settings_.skip_bad = true;
  const auto manifest = infer();
  EXPECT_EQ(manifest.images, images - 1);
  EXPECT_EQ(manifest.bad_images, 1);
  const auto rows = read_pooled_features(settings_.out, manifest);
  EXPECT_EQ(rows.keys[499], "picture/499.png");
  EXPECT_EQ(rows.keys[500], "picture/501.png");
  EXPECT_NE(contents(path("out/bad_images.csv")).find("picture/500.png,"), std::string::npos);
  EXPECT_EQ(read_feature_manifest(settings_.out).bad_images, 1);
  settings_.skip_bad = false;
  settings_.out = path("again");
  EXPECT_NE(problem().find("picture/500.png"), std::string::npos) << "without it all must be good";
}

TEST_F(Infer, TakesOneImage) {
  std::vector<std::uint8_t> encoded;
  open_images(path("shards"))->read(7, encoded);
  std::ofstream(path("one.png"), std::ios::binary)
      .write(reinterpret_cast<const char*>(encoded.data()), std::ssize(encoded));
  const auto expected = tiny_pictures(*open_images(path("shards")), 7, 1);
  EXPECT_EQ(tiny_pictures(*open_images(path("one.png")), 0, 1), expected);
  settings_.input = path("one.png");
  EXPECT_EQ(read_pooled_features(settings_.out, infer()).keys,
            (std::vector<std::string>{"one.png"}));
}

TEST_F(Infer, AFolderThatCannotBeWrittenIsToldBeforeTheWork) {
  std::ofstream(path("taken")) << "a file";
  settings_.out = path("taken/out");
  EXPECT_NE(problem().find("Cannot create the folder"), std::string::npos);
}

TEST_F(Infer, ReadsPlainFolders) {
  for (const char* name : {"folder/cat/b.png", "folder/cat/a.png", "folder/ant/c.PNG"}) {
    fs::create_directories(fs::path(path(name)).parent_path());
    std::vector<std::uint8_t> encoded;
    open_images(path("shards"))->read(name[7], encoded);
    std::ofstream(path(name), std::ios::binary)
        .write(reinterpret_cast<const char*>(encoded.data()), std::ssize(encoded));
  }
  std::ofstream(path("folder/notes.txt")) << "no image";
  settings_.input = path("folder");
  settings_.pca = {"cat/a.png", "0"};
  const auto manifest = infer();
  EXPECT_EQ(manifest.class_names, (std::vector<std::string>{"ant", "cat"}));
  const auto rows = read_pooled_features(settings_.out, manifest);
  EXPECT_EQ(rows.keys, (std::vector<std::string>{"ant/c.PNG", "cat/a.png", "cat/b.png"}));
  EXPECT_EQ(rows.labels, (std::vector<std::int32_t>{0, 1, 1}));
  EXPECT_TRUE(fs::exists(path("out/pca.png")));
}

TEST_F(Infer, RefusesWhatCannotWork) {
  settings_.pca = {"picture/9999.png"};
  EXPECT_NE(problem().find("no image picture/9999.png"), std::string::npos);
  settings_.pca = {"600"};
  EXPECT_NE(problem().find("no image 600"), std::string::npos);
  settings_.pca = {};
  settings_.pooled = false;
  EXPECT_NE(problem().find("nothing to keep"), std::string::npos);
  settings_.pooled = true;
  settings_.input = path("nowhere");
  EXPECT_NE(problem().find("no images at"), std::string::npos);
  fs::create_directories(path("empty"));
  settings_.input = path("empty");
  EXPECT_NE(problem().find("neither shards nor"), std::string::npos);
  settings_.input = path("shards");
  settings_.checkpoint = path("run");
  EXPECT_NE(problem().find("Name either"), std::string::npos);
}

TEST(PcaColours, ShowTheDirectionInWhichTokensDiffer) {
  Matrix<float> tokens(100, 5);
  for (std::int64_t t = 0; t < 100; ++t) {
    tokens.row(t)[2] = static_cast<float>(t);
    tokens.row(t)[4] = static_cast<float>(t % 2);
    tokens.row(t)[0] = 0.01F * static_cast<float>(t % 3);
  }
  const auto colours = pca_colours(tokens);
  EXPECT_EQ(colours.row(0)[0], 0.0F);
  EXPECT_EQ(colours.row(99)[0], 1.0F);
  EXPECT_NEAR(colours.row(50)[0], 0.5F, 0.02F);
  EXPECT_LT(colours.row(10)[1], 0.1F);
  EXPECT_GT(colours.row(11)[1], 0.9F);
}

}  // namespace
}  // namespace ijepa::test
