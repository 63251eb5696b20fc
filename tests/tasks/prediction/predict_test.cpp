#include "ijepa/tasks/prediction/predict.hpp"

#include <gtest/gtest.h>

#include <cmath>
#include <numeric>

#include "ijepa/core/file.hpp"
#include "ijepa/core/rng.hpp"
#include "ijepa/tasks/network/pretrained_encoder.hpp"
#include "ijepa/tasks/prediction/block_conditions.hpp"
#include "ijepa/tasks/prediction/whole_model.hpp"
#include "ijepa/train/step/running_targets.hpp"
#include "tests/support/temporary_folder.hpp"
#include "tests/tasks/picture_shards.hpp"
#include "tests/tasks/probing/examples.hpp"
#include "tests/tasks/tiny_checkpoint.hpp"

namespace ijepa::test {
namespace {

Matrix<float> random_tokens(std::int64_t rows, std::int64_t cols) {
  Matrix<float> tokens(rows, cols);
  Rng rng(4, Purpose::test);
  for (auto& v : tokens.values) v = static_cast<float>(3 + 2 * rng.normal());
  return tokens;
}

TEST(BlockVectors, AreMeansOfNormalisedTokens) {
  const Grid grid{4, 5};
  const auto tokens = random_tokens(20, 8);
  const auto vectors = block_vectors(tokens.view(), grid, {2, 3});
  ASSERT_EQ(vectors.rows, 3 * 3);
  for (const auto& [top, left] : {std::pair{0, 0}, std::pair{2, 1}, std::pair{1, 2}}) {
    std::vector<double> sum(8);
    for (int y = top; y < top + 2; ++y)
      for (int x = left; x < left + 3; ++x) {
        const auto token = tokens.row(y * 5 + x);
        const double mean = std::accumulate(token.begin(), token.end(), 0.0) / 8;
        double variance = 0;
        for (const double v : token) variance += (v - mean) * (v - mean) / 8;
        for (std::size_t d = 0; d < 8; ++d)
          sum[d] += (token[d] - mean) / std::sqrt(variance + 1e-5);
      }
    const double length = std::sqrt(std::inner_product(sum.begin(), sum.end(), sum.begin(), 0.0));
    for (std::size_t d = 0; d < 8; ++d)
      EXPECT_NEAR(vectors.row(top * 3 + left)[d], sum[d] / length, 1e-6);
  }
  EXPECT_NE(message_of([&] {
              block_vectors(tokens.view(), grid, {5, 1});
            }).find("does not fit"),
            std::string::npos);
}

class Predict : public ::testing::Test {
 protected:
  Predict() {
    write_tiny_checkpoint(path("run"));
    write_pictures(path("shards"), {.images = 12});
    settings_.run = path("run");
    settings_.input = path("shards");
    settings_.out = path("out");
    settings_.queries = 5;
    settings_.k = 3;
    settings_.threads = 1;
  }
  std::string path(const std::string& name) const { return (folder_.path() / name).string(); }
  PredictResult predict() { return predict_blocks(settings_, *local_communicator(), Log(1)); }
  std::string problem() {
    return message_of([&] { predict(); });
  }
  TemporaryFolder folder_;
  PredictSettings settings_;
};

TEST_F(Predict, CountsAndHitsAreThoseOfAPlainSearch) {
  const auto result = predict();
  ASSERT_EQ(result.queries.size(), 5U * 4);  // four blocks an image
  const auto comm = local_communicator();
  const auto images = open_images(path("shards"));
  WholeModel model(find_checkpoint(path("run"), "", *comm, Log(1)), 1, *comm, Log(1));
  const BlockSize block{result.rows, result.cols};
  const auto sizes = draw_block_sizes(model.recipe().mask, model.grid(), 0, 0);
  EXPECT_EQ(sizes.target, block);
  std::vector<Matrix<float>> bank;
  for (std::int64_t i = 0; i < 12; ++i) {
    const auto pixels = tiny_pictures(*images, i, 1);
    bank.push_back(block_vectors(model.targets(pixels, 1).view(), model.grid(), block));
  }
  for (std::size_t q : {0U, 9U}) {
    const auto& query = result.queries[q];
    const auto masks = draw_image_masks(model.recipe().mask, model.grid(), sizes, 0, 0,
                                        static_cast<std::int64_t>(q / 4));
    const auto e = model.expect(tiny_pictures(*images, query.image, 1), masks);
    const auto direction = pooled_direction(e.predicted[q % 4].view());
    const auto similar = [&](std::int64_t image, std::int64_t position) {
      const auto row = bank[static_cast<std::size_t>(image)].row(position);
      return std::inner_product(row.begin(), row.end(), direction.begin(), 0.0);
    };
    EXPECT_NEAR(query.own, similar(query.image, query.position), 1e-5);
    std::int64_t others = 0, inside = 0;
    double best = -2;
    for (std::int64_t i = 0; i < 12; ++i)
      for (std::int64_t p = 0; p < bank[0].rows; ++p) {
        if (i == query.image) {
          inside += similar(i, p) > query.own + 1e-6 ? 1 : 0;
          continue;
        }
        others += p == query.position && similar(i, p) > query.own + 1e-6 ? 1 : 0;
        best = std::max(best, similar(i, p));
      }
    EXPECT_EQ(query.others, 11);
    EXPECT_EQ(query.before_others, others);
    EXPECT_EQ(query.before_inside, inside);
    ASSERT_EQ(query.hits.size(), 3U);
    EXPECT_NEAR(query.hits[0].similarity, best, 1e-5);
    EXPECT_NE(query.hits[0].image, query.image);
    EXPECT_NE(query.hits[0].image, query.hits[1].image);
  }
  EXPECT_EQ(result.others.candidates, 12);
  const auto sheet = read_text_file(path("out/predict.png"));
  const auto picture = decode_image(std::vector<std::uint8_t>(sheet.begin(), sheet.end()));
  EXPECT_GT(picture.width, 5 * 144);  // seen, hidden and three hits
  EXPECT_NE(read_text_file(path("out/predict.json")).find("recall_at_5"), std::string::npos);
}

/// model.targets() of two pictures of the run.
Matrix<float> targets_of(const std::string& run, const Dataset& images) {
  const auto comm = local_communicator();
  WholeModel model(find_checkpoint(run, "", *comm, Log(1)), 1, *comm, Log(1));
  return model.targets(tiny_pictures(images, 0, 2), 2);
}

TEST_F(Predict, ComparesWithTargetsAsTheyWereTrained) {
  const auto comm = local_communicator();
  const auto images = open_images(path("shards"));
  FrozenEncoder encoder(find_checkpoint(path("run"), "", *comm, Log(1)), EncoderChoice::target, 1,
                        *comm, Log(1));
  Matrix<float> pooled(2, encoder.config().width);
  const auto pixels = tiny_pictures(*images, 0, 2);
  encoder.features().apply({pixels.data(), 2, {32, 32}}, pooled.view());
  EXPECT_EQ(targets_of(path("run"), *images).values, encoder.features().tokens().values);

  LossConfig loss{.target_blocks = 2};
  write_tiny_checkpoint(path("blocks"), 2, 1, loss);
  const auto blocks = targets_of(path("blocks"), *images);
  for (std::int64_t i = 0; i < blocks.rows; ++i) {
    const auto row = blocks.row(i);
    EXPECT_NEAR(std::accumulate(row.begin(), row.end(), 0.0), 0, 1e-4);
    const double square = std::inner_product(row.begin(), row.end(), row.begin(), 0.0);
    EXPECT_LT(square, static_cast<double>(blocks.cols));  // of two vectors that are not the same
    EXPECT_GT(square, 0.3 * static_cast<double>(blocks.cols));
  }

  const auto device = make_device({.name = "cpu", .threads = 1});
  const RunningTargets moments(*device, encoder.config(), DType::f32);
  const auto tensors = moments.tensors();  // in the host's memory
  for (std::int64_t k = 0; k < encoder.config().tokens() * encoder.config().width; ++k)
    static_cast<float*>(tensors[1].data)[k] = 0.01F * static_cast<float>(k);
  std::fill_n(static_cast<float*>(tensors[2].data), encoder.config().width, 4.0F);
  loss.targets = TargetScaling::centred;
  write_tiny_checkpoint(path("centred"), 2, 1, loss, tensors);
  const auto centred = targets_of(path("centred"), *images);
  for (std::size_t i = 0; i < centred.values.size(); ++i) {
    const auto k = static_cast<double>(i % (centred.values.size() / 2));
    EXPECT_NEAR(centred.values[i], (static_cast<double>(blocks.values[i]) - 0.01 * k) / (2 + 1e-4),
                1e-5);
  }
}

TEST_F(Predict, AsksAboutAGivenBox) {
  settings_.box = "1,2,2,1";
  settings_.images = {"3"};
  const auto result = predict();
  ASSERT_EQ(result.queries.size(), 1U);
  EXPECT_EQ(result.queries[0].image, 3);
  EXPECT_EQ(result.queries[0].position, 1 * 4 + 2);
  EXPECT_EQ(result.queries[0].context.size(), 14U);
  EXPECT_EQ(result.rows, 2);
  EXPECT_EQ(result.cols, 1);
}

TEST_F(Predict, LooksThroughAnotherBank) {
  write_pictures(path("bank"), {.images = 7, .split = synth::Split::test});
  settings_.bank = path("bank");
  EXPECT_EQ(predict().queries[0].others, 7);
}

TEST_F(Predict, RefusesWhatCannotWork) {
  settings_.box = "1,2,2";
  EXPECT_NE(problem().find("TOP,LEFT,ROWS,COLS"), std::string::npos);
  settings_.box = "1,2,2,x";
  EXPECT_NE(problem().find("no number"), std::string::npos);
  settings_.box = "3,3,2,2";
  EXPECT_NE(problem().find("inside the grid of 4 x 4"), std::string::npos);
  settings_.box = "0,0,4,4";
  EXPECT_NE(problem().find("nothing to see"), std::string::npos);
  settings_.box = "";
  settings_.images = {"nobody.png"};
  EXPECT_NE(problem().find("no image nobody.png"), std::string::npos);
  settings_.images = {};
  write_pictures(path("one"), {.images = 1});
  settings_.input = path("one");
  EXPECT_NE(problem().find("no other image"), std::string::npos);
  write_picture_files(path("files"), {.images = 2});
  settings_.input = path("files");
  settings_.out = path("files/out");
  EXPECT_NE(problem().find("lies in the input"), std::string::npos);
  settings_.input = path("shards");
  settings_.bank = path("files");
  EXPECT_NE(problem().find("lies in the input"), std::string::npos);
  EXPECT_FALSE(std::filesystem::exists(path("files/out")));
  EXPECT_FALSE(std::filesystem::exists(path("out/predict.csv")));
}

}  // namespace
}  // namespace ijepa::test
