#include "ijepa/tasks/prediction/train_decoder.hpp"

#include <gtest/gtest.h>

#include <csignal>
#include <filesystem>
#include <limits>
#include <numeric>

#include "ijepa/core/file.hpp"
#include "ijepa/tasks/network/pretrained.hpp"
#include "ijepa/tasks/prediction/block_conditions.hpp"
#include "ijepa/tasks/prediction/decoder_weights.hpp"
#include "ijepa/train/checkpoint/checkpoint_file.hpp"
#include "tests/support/send_signal.hpp"
#include "tests/support/tiny_run.hpp"
#include "tests/tasks/prediction/decoder_fixture.hpp"

namespace ijepa::test {
namespace {

namespace fs = std::filesystem;

using BlockConditionsOf = DecoderFixture;
using TrainDecoder = DecoderFixture;

TEST_F(BlockConditionsOf, AreMeansOfWhatIsPredictedOfTheirPatches) {
  const auto images = open_images(path("shards"));
  WholeModel model(find_checkpoint(path("run"), "", *comm_, Log(1)), 1, *comm_, Log(1));
  const ConditionRequest request{{0, 3, 7}, {2, 2}, 5, true, 1};
  const auto all = collect_conditions(model, *images, request, "", *comm_);
  ASSERT_EQ(all.size(), 3 * 4);
  for (std::size_t i = 0; i < 3; ++i) {
    const auto pixels = tiny_pictures(*images, request.images[i], 1);
    const auto e = model.expect(pixels, all.masks[i]);
    for (std::size_t k = 0; k < 4; ++k) {
      const auto row = static_cast<std::int64_t>(4 * i + k);
      EXPECT_EQ(all.image[4 * i + k], request.images[i]);
      EXPECT_EQ(patches_of_block(model.grid(), {2, 2}, all.position[4 * i + k]),
                all.masks[i].targets[k]);
      const auto& predicted = e.predicted[k];
      for (std::int64_t d = 0; d < model.width(); ++d) {
        double mean = 0;
        for (std::int64_t p = 0; p < 4; ++p)
          mean += static_cast<double>(predicted.row(p)[static_cast<std::size_t>(d)]) / 4;
        EXPECT_NEAR(all.means.predicted.row(row)[static_cast<std::size_t>(d)], mean, 1e-5);
      }
      // The same direction that ijepa-predict compares with.
      const auto vectors = block_vectors(e.tokens.view(), model.grid(), {2, 2});
      const auto truth = vectors.row(all.position[4 * i + k]);
      const auto mean = all.means.encoded.row(row);
      const double length =
          std::sqrt(std::inner_product(mean.begin(), mean.end(), mean.begin(), 0.0));
      for (std::size_t d = 0; d < truth.size(); ++d) EXPECT_NEAR(mean[d] / length, truth[d], 1e-4);
    }
  }
}

TEST_F(TrainDecoder, LearnsMoreThanEachPixelAloneTells) {
  training_.steps = 400;
  training_.learning_rate = 3e-3;
  training_.images = 4;
  training_.batch = 16;
  const auto result = train();
  EXPECT_TRUE(result.finished);
  EXPECT_EQ(result.step, 400);
  EXPECT_EQ(result.blocks, 4 * 4);
  EXPECT_LT(result.last.loss, 0.7 * result.last.pixelwise);
  const auto csv = read_text_file(path("decoder/training.csv"));
  EXPECT_EQ(std::ranges::count(csv, '\n'), 1 + 8);
  EXPECT_TRUE(fs::exists(path("decoder/training.png")));
  // A finished one is not trained again.
  const auto again = train();
  EXPECT_TRUE(again.finished);
  EXPECT_EQ(again.last.loss, result.last.loss);
}

TEST_F(TrainDecoder, GoesOnWithTheSameBits) {
  train();
  const auto whole = final_state(path("decoder"));
  ASSERT_EQ(whole.step, 6);
  ASSERT_FALSE(whole.tensors.empty());
  training_.out = path("stopped");
  int stops = 0;
  for (auto finished = false; !finished; ++stops) {
    ASSERT_LT(stops, 10);
    const StopSignal stop;
    if (stops < 3) send_signal(stop, SIGTERM);
    const auto result = train_decoder(training_, {}, stop, *comm_, Log(1));
    finished = result.finished;
    if (!finished) {
      EXPECT_EQ(result.reason, StopReason::signal);
      EXPECT_EQ(result.step, stops + 1);
    }
  }
  EXPECT_EQ(stops, 4);
  EXPECT_TRUE(whole == final_state(path("stopped")));
}

TEST_F(TrainDecoder, AveragesItsWeights) {
  const auto equal = [&] {
    const auto tensors = final_state(path("decoder")).tensors;
    return tensors.at("average_decoder/proj.weight") == tensors.at("decoder/proj.weight");
  };
  training_.average = 0;
  train();
  EXPECT_TRUE(equal());
  fs::remove_all(path("decoder"));
  training_.average = 0.9;
  train();
  EXPECT_FALSE(equal());
}

TEST_F(TrainDecoder, RefusesWhatCannotWork) {
  training_.block = "2x2";
  EXPECT_NE(training_problem().find("ROWS,COLS"), std::string::npos);
  training_.block = "4,4";
  EXPECT_NE(training_problem().find("does not fit into the grid of 4 x 4"), std::string::npos);
  training_.block = "2,2";
  training_.batch = 0;
  EXPECT_NE(training_problem().find("no training"), std::string::npos);
  training_.batch = 8;
  training_.heads = 3;
  EXPECT_NE(training_problem().find("multiple of 4"), std::string::npos);
  training_.heads = 2;
  write_picture_files(path("pictures"), {.images = 4});
  training_.input = path("pictures");
  training_.out = path("pictures/decoder");
  EXPECT_NE(training_problem().find("lies in the input"), std::string::npos);
  EXPECT_FALSE(fs::exists(training_.out));
  training_.input = path("shards");
  training_.out = path("decoder");
  training_.width = 8192;
  training_.depth = 256;
  EXPECT_NE(training_problem().find("8192 wide and 256 deep is too large"), std::string::npos);
  training_.width = std::numeric_limits<std::int64_t>::max();
  EXPECT_NE(training_problem().find("width of 9223372036854775807 is not"), std::string::npos);
  training_.width = 32;
  training_.depth = 1;
  EXPECT_FALSE(fs::exists(path("decoder")));
}

TEST_F(TrainDecoder, RefusesAFolderThatIsNotItsOwn) {
  fs::create_directories(path("decoder"));
  write_file_atomically(path("decoder/thesis.txt"), "words");
  EXPECT_NE(training_problem().find("holds thesis.txt"), std::string::npos);
  fs::remove(path("decoder/thesis.txt"));
  write_file_atomically(path("decoder/training.csv"), "athlete,heart rate\n");
  EXPECT_NE(training_problem().find("training.csv is not of a decoder's"), std::string::npos);
  EXPECT_EQ(read_text_file(path("decoder/training.csv")), "athlete,heart rate\n");
  fs::remove(path("decoder/training.csv"));
  train();
  training_.batch = 4;
  EXPECT_NE(training_problem().find("other settings"), std::string::npos);
  training_.batch = 8;
  write_pictures(path("others"), {.images = 13});
  training_.input = path("others");
  EXPECT_NE(training_problem().find("other images"), std::string::npos);
  training_.input = path("shards");
  write_tiny_checkpoint(path("stranger"), 3);
  training_.run = path("stranger");
  const auto problem = training_problem();
  EXPECT_NE(problem.find("not from " + path("stranger")), std::string::npos) << problem;
  EXPECT_NE(problem.find("go on with --checkpoint " + path("run")), std::string::npos) << problem;
  training_.run = path("run");
  EXPECT_TRUE(train().finished);
  // The checkpoints of a pretraining.
  training_.out = path("run");
  EXPECT_NE(training_problem().find("holds no decoder"), std::string::npos);
}

TEST_F(TrainDecoder, SaysThatALossIsNoNumber) {
  training_.learning_rate = 1e30;
  training_.steps = 50;
  const auto problem = training_problem();
  EXPECT_NE(problem.find("lower --lr"), std::string::npos) << problem;
  EXPECT_NE(problem.find("No checkpoint had been written"), std::string::npos) << problem;
}

TEST_F(TrainDecoder, KeepsTheSaveThatIsInFlightWhenALossIsNoNumber) {
  training_.learning_rate = 1e30;
  training_.steps = 50;
  training_.checkpoint_minutes = 1e-9;  // after the first step, which is the last with a number
  const auto problem = training_problem();
  EXPECT_NE(problem.find("keeps the checkpoint of step 1, "), std::string::npos) << problem;
  EXPECT_EQ(list_checkpoints(path("decoder")).size(), 1U);
  EXPECT_NE(find_decoder(path("decoder"), *comm_, Log(1)), path("decoder"));
}

TEST_F(TrainDecoder, LosesNoWeightsToAPictureThatCannotBeWritten) {
  std::filesystem::create_directories(path("decoder") + "/training.png");
  EXPECT_NO_THROW(train());
  EXPECT_EQ(list_checkpoints(path("decoder")).size(), 1);
}

TEST_F(TrainDecoder, NeedsNoMoreMemoryThanItMayHave) {
  const auto recipe = tiny_checkpoint_recipe("run");
  EXPECT_EQ(images_that_fit(recipe, 4 * 24 * 4 * 10), 10);
  EXPECT_EQ(images_that_fit(recipe, 1), 1);
}

TEST_F(TrainDecoder, LeavesOutBadImages) {
  write_pictures(path("shards"), {.images = 12, .damaged = 2});
  EXPECT_NE(training_problem().find("picture/2.png"), std::string::npos);
  training_.skip_bad = true;
  EXPECT_EQ(train().bad_images, 1);
  EXPECT_NE(read_text_file(path("decoder/bad_images.csv")).find("picture/2.png"),
            std::string::npos);
}

TEST(DecoderCard, ComesBackAndIsNotBelieved) {
  DecoderCard card;
  card.shape.model = {.width = 32,
                      .depth = 2,
                      .heads = 2,
                      .mlp_hidden = 128,
                      .patch = 8,
                      .crop = {4, 5},
                      .condition = 24};
  card.shape.grid = {4, 4};
  card.identity = "abc";
  card.steps = 7;
  const auto text = as_json(card);
  const auto back = parse_decoder_card(text, "here");
  EXPECT_EQ(as_json(back), text);
  const auto problem = [&](const std::string& from, const std::string& to) {
    auto other = text;
    other.replace(other.find(from), from.size(), to);
    return message_of([&] { parse_decoder_card(other, "here"); });
  };
  EXPECT_NE(problem("\"width\": 32", "\"width\": -1").find("here"), std::string::npos);
  EXPECT_NE(problem("\"block_rows\": 2", "\"block_rows\": 9").find("between"), std::string::npos);
  EXPECT_NE(problem("\"depth\": 2", "\"depth\": \"two\"").find("cannot be read"),
            std::string::npos);
  EXPECT_NE(problem("\"width\": 32", "\"width\": 65000").find("too large"), std::string::npos);
  EXPECT_NE(problem("{", "").find("cannot be read"), std::string::npos);
  EXPECT_NE(problem("\"block_rows\": 2", "\"block_rows\": 9223372036854775807").find("between"),
            std::string::npos);
  EXPECT_NE(problem("\"block_cols\": 3", "\"block_cols\": 0").find("between"), std::string::npos);
  for (const char* no_whole : {"128.7", "true", "-0.5", "1e3", "null", "18446744073709551615"})
    EXPECT_NE(problem("\"width\": 32", fmt::format("\"width\": {}", no_whole)).find("whole number"),
              std::string::npos)
        << no_whole;
  EXPECT_NE(problem("0.229", "0").find("colours"), std::string::npos);
  EXPECT_NE(problem("0.229", "-0.2").find("colours"), std::string::npos);
  EXPECT_NE(problem("0.485", "1e400").find("cannot be read"), std::string::npos);
}

}  // namespace
}  // namespace ijepa::test
