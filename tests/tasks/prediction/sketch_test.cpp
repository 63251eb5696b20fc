#include "ijepa/tasks/prediction/sketch.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <fstream>
#include <opencv2/imgcodecs.hpp>

#include "ijepa/core/file.hpp"
#include "ijepa/tasks/network/pretrained.hpp"
#include "ijepa/tasks/prediction/decoder_weights.hpp"
#include "src/tasks/prediction/sketch_pixels.hpp"
#include "tests/tasks/prediction/decoder_fixture.hpp"

namespace ijepa::test {
namespace {

namespace fs = std::filesystem;

class Sketch : public DecoderFixture {
 protected:
  std::string newest() const { return list_checkpoints(path("decoder")).at(0); }
};

TEST(SketchPixels, AreThoseOfThePicture) {
  DecoderShape shape;
  shape.model = {.width = 8,
                 .depth = 1,
                 .heads = 1,
                 .mlp_hidden = 8,
                 .patch = 2,
                 .crop = {3, 4},
                 .condition = 2};
  shape.grid = {4, 5};
  const auto device = make_device({.name = "cpu", .threads = 1});
  DecoderNetwork network(*device, shape, StoreUse::inference);
  std::vector<std::uint8_t> picture(8 * 10 * 3);
  for (std::size_t i = 0; i < picture.size(); ++i) picture[i] = static_cast<std::uint8_t>(i);
  const auto padded = with_margin(picture, shape);
  ASSERT_EQ(padded.size(), 12U * 14 * 3);
  // Block of 1 x 2 patches at row 1, column 2: positions are 4 x 4.
  const std::int32_t position = 1 * 4 + 2;
  const auto levels = levels_of(network.crops(padded, {&position, 1}), shape);
  const auto inside = inside_block(levels, shape);
  ASSERT_EQ(inside.size(), 2U * 4 * 3);
  for (std::size_t y = 0; y < 2; ++y)
    for (std::size_t x = 0; x < 4; ++x)
      for (std::size_t c = 0; c < 3; ++c)
        EXPECT_NEAR(inside[(y * 4 + x) * 3 + c], picture[((2 + y) * 10 + 4 + x) * 3 + c], 1e-3);
  // Outside of the picture lies the mean colour, which is 0 to the network.
  const std::int32_t corner = 0;
  const auto crop = network.crops(padded, {&corner, 1});
  for (std::size_t i = 0; i < 12; ++i) EXPECT_NEAR(crop[i], 0, 0.01);
  const Image canvas = on_canvas(inside, shape);
  EXPECT_EQ(canvas.height, 8);
  EXPECT_EQ(canvas.rgb[0], std::lround(255 * 0.485));
  EXPECT_EQ(canvas.rgb[static_cast<std::size_t>((2 * 2 * 10 + 2 * 2) * 3)],
            static_cast<std::uint8_t>(std::lround(inside[0])));
}

TEST(SketchPixels, AMeanThatNoPictureHasIsTheNearestColour) {
  DecoderShape shape;
  shape.model = {.width = 8,
                 .depth = 1,
                 .heads = 1,
                 .mlp_hidden = 8,
                 .patch = 2,
                 .crop = {3, 3},
                 .condition = 2};
  shape.grid = {2, 2};
  shape.normalisation.mean = {1.5, -10, 0.5};
  EXPECT_EQ(mean_colour(shape.normalisation), (std::array<std::uint8_t, 3>{255, 0, 128}));
  const auto padded = with_margin(std::vector<std::uint8_t>(4 * 4 * 3, 7), shape);
  EXPECT_EQ((std::vector(padded.begin(), padded.begin() + 3)),
            (std::vector<std::uint8_t>{255, 0, 128}));
  const Image canvas = on_canvas(std::vector<double>(2 * 2 * 3, 9), shape);
  EXPECT_EQ(canvas.rgb.front(), 255);
  EXPECT_EQ(canvas.rgb[1], 0);
}

TEST(SketchPixels, MeansAndDeviationsAreThoseOfSamples) {
  const Samples samples{{0, 10}, {4, 10}, {8, 10}};
  EXPECT_EQ(mean_of(samples), (std::vector<double>{4, 10}));
  EXPECT_EQ(deviation_of(samples), (std::vector<double>{4, 0}));
  EXPECT_EQ(deviation_of({{1, 2}}), (std::vector<double>{0, 0}));
  EXPECT_NEAR(root_mean_square(samples[0], samples[1]), std::sqrt(8.0), 1e-12);
}

TEST_F(Sketch, LeavesFiguresAndAPicture) {
  train();
  const auto result = sketch();
  ASSERT_EQ(result.queries.size(), 5U);
  for (const auto& mean : result.mean) {
    EXPECT_GE(mean.rank, 1);
    EXPECT_LE(mean.rank, 5);
    EXPECT_EQ(mean.at5, 1);  // of five
    EXPECT_GT(mean.error, 0);
  }
  EXPECT_GT(result.mean_image_error, 0);
  const auto csv = read_text_file(path("sketch/sketch.csv"));
  EXPECT_EQ(std::ranges::count(csv, '\n'), 1 + 5 * 4);
  EXPECT_NE(read_text_file(path("sketch/sketch.json")).find("error_of_mean_crop"),
            std::string::npos);
  const cv::Mat picture = cv::imread(path("sketch/sketch.png"));
  EXPECT_GT(picture.cols, 7 * 76);
  EXPECT_GT(picture.rows, 2 * 4 * 76);
  EXPECT_NE(as_text(result).find("the predictor's s"), std::string::npos);
  drawing_.shown = 0;
  sketch();
  EXPECT_FALSE(fs::exists(path("sketch/sketch.png")));  // which would be of other samples
  // With nothing told every block gets the same samples.
  const auto nothing = static_cast<std::size_t>(Told::nothing);
  EXPECT_EQ(result.queries[0].told[nothing].deviation, result.queries[3].told[nothing].deviation);
}

TEST_F(Sketch, IsAFunctionOfItsSeed) {
  train();
  sketch();
  const auto first = read_text_file(path("sketch/sketch.csv"));
  const auto picture = read_text_file(path("sketch/sketch.png"));
  sketch();
  EXPECT_EQ(first, read_text_file(path("sketch/sketch.csv")));
  EXPECT_EQ(picture, read_text_file(path("sketch/sketch.png")));
  drawing_.seed = 1;
  sketch();
  EXPECT_NE(first, read_text_file(path("sketch/sketch.csv")));
}

TEST_F(Sketch, GuidanceAndNoiseAreAsTheFormulasSay) {
  train();
  WholeModel model(find_checkpoint(path("run"), "", *comm_, Log(1)), 1, *comm_, Log(1));
  const auto card = load_decoder_card(newest(), *comm_);
  auto network = open_decoder(newest(), card, model, *comm_);
  Matrix<float> condition(2, card.shape.model.condition);
  for (std::size_t i = 0; i < condition.values.size(); ++i)
    condition.values[i] = std::sin(static_cast<float>(i));
  const std::vector<std::uint8_t> told{1, 1}, untold{0, 0};
  const auto noise = shared_noise(card.shape, 3, 1, 2);
  const auto half = noise.size() / 2;
  EXPECT_TRUE(std::equal(noise.begin(), noise.begin() + static_cast<std::ptrdiff_t>(half),
                         noise.begin() + static_cast<std::ptrdiff_t>(half)));
  // One step of Euler's method from t = 0 ends at the guess.
  const auto with = network->guess(noise, 0, condition.view(), told);
  const auto without = network->guess(noise, 0, condition.view(), untold);
  EXPECT_NE(with, without);
  const auto guided = sample_blocks(*network, condition.view(), told, noise, {1, 3});
  for (std::size_t i = 0; i < guided.size(); ++i)
    ASSERT_NEAR(guided[i], without[i] + 3 * (with[i] - without[i]), 1e-4);
  EXPECT_EQ(sample_blocks(*network, condition.view(), untold, noise, {1, 3}), without);
}

TEST_F(Sketch, RefusesADecoderOfAnotherNetwork) {
  train();
  write_tiny_checkpoint(path("stranger"), 3);
  drawing_.run = path("stranger");
  EXPECT_NE(sketch_problem().find("another network"), std::string::npos);
  // An other predictor alone is another network, too.
  write_tiny_checkpoint(path("scaled"), 2, 1.01F);
  drawing_.run = path("scaled");
  EXPECT_NE(sketch_problem().find("another network"), std::string::npos);
  drawing_.run.clear();
  fs::rename(path("run"), path("moved"));
  EXPECT_NE(sketch_problem().find("no longer at"), std::string::npos);
  drawing_.run = path("moved");
  EXPECT_EQ(sketch().queries.size(), 5U);
}

TEST_F(Sketch, FindsANetworkWhoseNameIsNoUtf8) {
  fs::rename(path("run"), path("run\xe9"));
  training_.run = path("run\xe9");
  train();
  EXPECT_EQ(sketch().queries.size(), 5U);
}

// A card is somebody's text: what it says of the network's own sizes would be read from beyond s or
// the picture.
TEST_F(Sketch, RefusesACardThatDoesNotFitTheNetwork) {
  train();
  WholeModel model(find_checkpoint(path("run"), "", *comm_, Log(1)), 1, *comm_, Log(1));
  const auto card = load_decoder_card(newest(), *comm_);
  const auto problem = [&](auto&& change) {
    auto other = card;
    change(other);
    return message_of([&] { open_decoder(newest(), other, model, *comm_); });
  };
  const std::string another = "another network";
  EXPECT_EQ(problem([](DecoderCard&) {}), "no error");
  EXPECT_NE(problem([](DecoderCard& c) { c.shape.model.condition *= 2; }).find(another),
            std::string::npos);
  EXPECT_NE(problem([](DecoderCard& c) { c.shape.model.patch *= 2; }).find(another),
            std::string::npos);
  EXPECT_NE(problem([](DecoderCard& c) { c.shape.grid.rows += 1; }).find(another),
            std::string::npos);
  EXPECT_NE(problem([](DecoderCard& c) { c.shape.grid.cols -= 1; }).find(another),
            std::string::npos);
  EXPECT_NE(problem([](DecoderCard& c) { c.shape.normalisation.std[1] *= 2; }).find(another),
            std::string::npos);
  EXPECT_NE(problem([](DecoderCard& c) { c.shape.model.width = 1 << 16; }).find("too large"),
            std::string::npos);
  EXPECT_NE(problem([](DecoderCard& c) { c.shape.model.depth = 2; }).find("its files are damaged"),
            std::string::npos);
}

TEST_F(Sketch, RefusesStatisticsThatNoTrainingLeaves) {
  train();
  WholeModel model(find_checkpoint(path("run"), "", *comm_, Log(1)), 1, *comm_, Log(1));
  const auto card = load_decoder_card(newest(), *comm_);
  const auto meta = load_checkpoint_meta(*comm_, newest());
  for (const double bad : {0.0, -1.0, std::nan("")}) {
    const auto network = open_decoder(newest(), card, model, *comm_);
    network->statistics().encoded_deviation.at(3) = bad;
    network->store_statistics();
    CheckpointStore(path("crafted"), {}).save(*comm_, meta, network->tensors());
    const auto crafted = list_checkpoints(path("crafted")).at(0);
    EXPECT_NE(message_of([&] {
                open_decoder(crafted, card, model, *comm_);
              }).find("statistics that no training leaves"),
              std::string::npos);
    fs::remove_all(path("crafted"));
  }
}

TEST_F(Sketch, RefusesWhatIsNoDecoder) {
  EXPECT_NE(sketch_problem().find("There is no decoder at"), std::string::npos);
  drawing_.decoder = path("run");
  EXPECT_NE(sketch_problem().find("holds no decoder"), std::string::npos);
  drawing_.decoder = path("shards");
  EXPECT_NE(sketch_problem().find("holds no decoder"), std::string::npos);
  drawing_.decoder = path("decoder");
  train();
  drawing_.images = {"picture/1.png"};
  EXPECT_NE(sketch_problem().find("at least two images"), std::string::npos);
  EXPECT_FALSE(fs::exists(path("sketch/sketch.csv")));
}

TEST_F(Sketch, LeavesTheFolderOfADecoderAlone) {
  train();
  drawing_.out = drawing_.decoder;
  EXPECT_NE(sketch_problem().find("holds checkpoints"), std::string::npos);
  write_picture_files(path("pictures"), {.images = 4});
  drawing_.input = path("pictures");
  drawing_.out = path("pictures/sketch");
  EXPECT_NE(sketch_problem().find("lies in the input"), std::string::npos);
  EXPECT_FALSE(fs::exists(drawing_.out));
}

TEST_F(Sketch, SaysThatADecoderIsDamaged) {
  train();
  const fs::path part = [&] {
    for (const auto& entry : fs::directory_iterator(newest()))
      if (entry.path().extension() == ".h5") return entry.path();
    return fs::path();
  }();
  ASSERT_FALSE(part.empty());
  drawing_.decoder = newest();
  const auto whole = read_text_file(part.string());
  auto flipped = whole;
  for (std::size_t i = whole.size() / 4; i < whole.size(); i += 64) flipped[i] ^= 0x55;
  std::ofstream(part, std::ios::binary) << flipped;
  EXPECT_NE(sketch_problem().find(part.filename().string()), std::string::npos) << sketch_problem();
  fs::resize_file(part, whole.size() / 3);
  EXPECT_NE(sketch_problem().find(part.filename().string()), std::string::npos) << sketch_problem();
  fs::remove(part);
  EXPECT_NE(sketch_problem(), "no error");
  EXPECT_FALSE(fs::exists(path("sketch/sketch.csv")));
}

}  // namespace
}  // namespace ijepa::test
