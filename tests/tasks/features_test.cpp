#include "ijepa/tasks/features.hpp"

#include <gtest/gtest.h>

#include <cmath>

#include "ijepa/core/error.hpp"
#include "tests/support/temporary_folder.hpp"
#include "tests/tasks/examples.hpp"
#include "tests/tasks/picture_shards.hpp"
#include "tests/tasks/tiny_encoder.hpp"

namespace ijepa {
namespace {

using test::message_of;
using test::TinyEncoder;

class Features : public ::testing::Test {
 protected:
  std::vector<LabelledFeatures> extract(const test::PictureShard& what, ExtractOptions options) {
    test::write_pictures(folder_.path(), what);
    const auto shards = ShardSet::open(folder_.path().string());
    const auto comm = local_communicator();
    return extract_features(shards, encoder_.maps(), options, *comm);
  }

  test::TemporaryFolder folder_;
  TinyEncoder encoder_{1};
};

TEST_F(Features, ComeInTheOrderOfTheImagesWithTheirLabels) {
  const auto sets = extract({.images = 11}, {{32, 32}, 4, 1});
  ASSERT_EQ(sets.size(), 3U);
  for (const auto& set : sets) {
    EXPECT_EQ(set.features.rows, 11);
    EXPECT_EQ(set.classes, 3);
    for (std::size_t i = 0; i < 11; ++i) EXPECT_EQ(set.labels[i], static_cast<int>(i % 3));
  }
  EXPECT_EQ(sets[0].features.cols, 24);
  const synth::Synth synth(3, 32, 5);
  for (std::int64_t i = 0; i < 11; ++i) {
    const auto picture = synth.draw(synth::Split::train, i);
    Matrix<float> expected(1, sets[2].features.cols);
    HistogramFeatures().apply({picture.data, 1, {32, 32}}, expected.view());
    const auto row = sets[2].features.row(i);
    EXPECT_TRUE(std::equal(row.begin(), row.end(), expected.values.begin())) << i;
  }
}

TEST_F(Features, ThreadsDoNotChangeABit) {
  const auto one = extract({}, {{32, 32}, 8, 1}), three = extract({}, {{32, 32}, 8, 3});
  for (std::size_t m = 0; m < one.size(); ++m)
    EXPECT_EQ(one[m].features.values, three[m].features.values) << m;
}

TEST_F(Features, BatchOnlyRounds) {
  const auto a = extract({}, {{32, 32}, 20, 1}), b = extract({}, {{32, 32}, 3, 1});
  for (std::size_t i = 0; i < a[0].features.values.size(); ++i)
    EXPECT_NEAR(a[0].features.values[i], b[0].features.values[i], 1e-5);
}

TEST_F(Features, PoolTheFinalNorm) {
  // The mean over channels of every token is 0 after the norm (weight 1, bias 0), so it is of the
  // pooled vector, too; and a target encoder with other weights gives other features.
  const auto set = extract({.images = 4}, {{32, 32}, 4, 1})[0];
  for (std::int64_t i = 0; i < 4; ++i) {
    double sum = 0, squares = 0;
    for (const double v : set.features.row(i)) {
      sum += v;
      squares += v * v;
    }
    EXPECT_NEAR(sum, 0, 1e-4);
    EXPECT_GT(squares, 0.5);
  }
  encoder_.store.initialise(2);
  const auto other = extract({.images = 4}, {{32, 32}, 4, 1})[0];
  EXPECT_NE(set.features.values, other.features.values);
}

TEST_F(Features, NetworksOnOneDeviceDoNotDisturbEachOther) {
  // A device may keep copies of weights in a layout of its own; it must not mix two networks up.
  test::write_pictures(folder_.path(), {.images = 6});
  const auto shards = ShardSet::open(folder_.path().string());
  const auto comm = local_communicator();
  const ExtractOptions options{{32, 32}, 2, 1};
  ParamStore other(*encoder_.device, encoder_.model.layout(), Precision::float32(),
                   StoreUse::inference);
  other.initialise(2);
  auto maps = encoder_.maps();
  const auto alone = extract_features(shards, maps, options, *comm)[0];
  maps.push_back(std::make_unique<EncoderFeatures>("other", *encoder_.device, encoder_.model, other,
                                                   EncoderChoice::target, Normalisation{}));
  const auto both = extract_features(shards, maps, options, *comm);
  EXPECT_EQ(both[0].features.values, alone.features.values);
  EXPECT_NE(both[3].features.values, alone.features.values);
}

TEST_F(Features, ResizesToTheCrop) {
  EXPECT_EQ(extract({.images = 3, .size = 50}, {{32, 32}, 4, 1})[0].features.rows, 3);
}

TEST_F(Features, SayWhatCannotWork) {
  EXPECT_NE(message_of([&] {
              extract({}, {{24, 24}, 4, 1});
            }).find("takes images of 32 x 32"),
            std::string::npos);
  EXPECT_NE(message_of([&] {
              extract({.damaged = 6}, {{32, 32}, 4, 2});
            }).find("1 of"),
            std::string::npos);
  EXPECT_NE(message_of([&] {
              extract({}, {{32, 32}, 0, 1});
            }).find("needs a batch"),
            std::string::npos);
}

TEST(EncoderFeatures, Bfloat16IsCloseToFloat32) {
  TinyEncoder full(1), half(1, Precision::bfloat16());
  const synth::Synth synth(3, 32, 5);
  const auto picture = synth.draw(synth::Split::train, 0);
  Matrix<float> a(1, 24), b(1, 24);
  full.features("a")->apply({picture.data, 1, {32, 32}}, a.view());
  half.features("b")->apply({picture.data, 1, {32, 32}}, b.view());
  for (std::size_t i = 0; i < 24; ++i) EXPECT_NEAR(a.values[i], b.values[i], 0.05);
  EXPECT_NE(a.values, b.values);
  EXPECT_THROW(TinyEncoder(1, Precision::bfloat16(DType::bf16)).features("refused"), Error);
}

}  // namespace
}  // namespace ijepa
