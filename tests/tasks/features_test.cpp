#include "ijepa/tasks/features/features.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <filesystem>

#include "ijepa/core/error.hpp"
#include "ijepa/core/file.hpp"
#include "ijepa/data/shards/shard_set.hpp"
#include "ijepa/tasks/network/pretrained_encoder.hpp"
#include "tests/support/temporary_folder.hpp"
#include "tests/tasks/picture_shards.hpp"
#include "tests/tasks/probing/examples.hpp"
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
  const synth::Synth synth(synth::Kind::shapes, 3, 32, 5);
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
  PretrainedEncoder other(*encoder_.device, TinyEncoder::encoder_config(), {32, 32},
                          StoreUse::inference);
  other.store().initialise(2);
  auto maps = encoder_.maps();
  const auto alone = extract_features(shards, maps, options, *comm)[0];
  maps.push_back(std::make_unique<EncoderFeatures>("other", *encoder_.device, other.network(),
                                                   Normalisation{}));
  const auto both = extract_features(shards, maps, options, *comm);
  EXPECT_EQ(both[0].features.values, alone.features.values);
  EXPECT_NE(both[3].features.values, alone.features.values);
}

TEST_F(Features, OfSeveralLayersEndWithThoseOfTheLast) {
  test::write_pictures(folder_.path(), {.images = 6});
  const auto shards = ShardSet::open(folder_.path().string());
  const auto comm = local_communicator();
  FeatureMaps maps;
  for (const std::int64_t layers : {1, 2})
    maps.push_back(std::make_unique<EncoderFeatures>("network", *encoder_.device,
                                                     encoder_.network(), Normalisation{}, layers));
  const auto sets = extract_features(shards, maps, {{32, 32}, 4, 1}, *comm);
  EXPECT_EQ(sets[1].features.cols, 48);
  for (std::int64_t i = 0; i < 6; ++i) {
    const auto one = sets[0].features.row(i), two = sets[1].features.row(i);
    EXPECT_TRUE(std::ranges::equal(one, two.last(24)));
    EXPECT_FALSE(std::ranges::equal(one, two.first(24)));
    double sum = 0;  // the final norm (weight 1, bias 0) is applied to the earlier layer, too
    for (const double v : two.first(24)) sum += v;
    EXPECT_NEAR(sum, 0, 1e-4);
  }
  EXPECT_NE(message_of([&] {
              EncoderFeatures("network", *encoder_.device, encoder_.network(), Normalisation{}, 3);
            }).find("3 layers were asked of an encoder of 2"),
            std::string::npos);
}

TEST_F(Features, OfChosenImagesAreThoseOfAll) {
  const auto all = extract({.images = 11}, {{32, 32}, 4, 1});
  const auto shards = ShardSet::open(folder_.path().string());
  FeatureCache none("", Log(1));
  const auto some = extract_features(shards, {1, 4, 10}, encoder_.maps(), {{32, 32}, 4, 1},
                                     *local_communicator(), none);
  for (std::int64_t i = 0; i < 3; ++i) {
    const auto image = std::vector{1, 4, 10}[static_cast<std::size_t>(i)];
    EXPECT_TRUE(std::ranges::equal(some[2].features.row(i), all[2].features.row(image)));
    EXPECT_EQ(some[2].labels[static_cast<std::size_t>(i)],
              all[2].labels[static_cast<std::size_t>(image)]);
  }
}

TEST_F(Features, PartsAreOfWholeBatchesAndDoNotKnowRanks) {
  EXPECT_EQ(feature_parts(10, 4).size(), 3U);
  EXPECT_EQ(feature_parts(10, 4).back().count, 2);
  EXPECT_EQ(feature_parts(4 * 64 * 3, 4).front().count, 12);
  EXPECT_EQ(feature_parts(1'000'000, 4).front().count, 64);
}

/// Counts the pictures that it is shown.
class Counting final : public FeatureMap {
 public:
  explicit Counting(std::string identity) : identity_(std::move(identity)) {}
  std::string name() const override { return "counting"; }
  std::string identity() const override { return identity_; }
  std::int64_t width() const override { return 2; }
  void apply(const PixelBatch& batch, MatrixView<float> out) override {
    seen += batch.count;
    for (std::int64_t i = 0; i < batch.count; ++i) out.row(i)[0] = batch.image(i).rgb[0];
  }
  std::int64_t seen = 0;

 private:
  std::string identity_;
};

class FeatureCaching : public Features {
 protected:
  FeatureCaching() { test::write_pictures(folder_.path() / "shards", {.images = 11}); }

  /// The features, and how many pictures were looked at for them.
  std::pair<Matrix<float>, std::int64_t> run(const std::string& identity = "a") {
    const auto shards = ShardSet::open((folder_.path() / "shards").string());
    FeatureMaps maps;
    maps.push_back(std::make_unique<Counting>(identity));
    auto& map = static_cast<Counting&>(*maps[0]);
    FeatureCache cache(cache_.string(), Log(1));
    auto sets = extract_features(shards, sample_images(shards), maps, {{32, 32}, 4, 1},
                                 *local_communicator(), cache);
    return {std::move(sets[0].features), map.seen};
  }
  std::vector<std::filesystem::path> files() const {
    std::vector<std::filesystem::path> found;
    for (const auto& f : std::filesystem::recursive_directory_iterator(cache_))
      if (f.is_regular_file()) found.push_back(f.path());
    std::ranges::sort(found);
    return found;
  }

  std::filesystem::path cache_ = folder_.path() / "cache";
};

TEST_F(FeatureCaching, ComputesNothingTwice) {
  const auto first = run(), second = run();
  EXPECT_EQ(first.second, 11);
  EXPECT_EQ(second.second, 0);
  EXPECT_EQ(first.first.values, second.first.values);
  EXPECT_EQ(files().size(), 3U);
}

TEST_F(FeatureCaching, KnowsWhatFeaturesAreOf) {
  run("a");
  EXPECT_EQ(run("b").second, 11);  // another network
  EXPECT_EQ(run("").second, 11);   // nobody knows which
  std::filesystem::remove_all(folder_.path() / "shards");
  test::write_pictures(folder_.path() / "shards", {.images = 11, .unlabelled = 2});
  EXPECT_EQ(run("a").second, 11);  // other images
}

TEST_F(FeatureCaching, DamagedPartsAreMadeAgain) {
  const auto whole = run().first;
  for (const auto& file : files()) {
    const auto bytes = read_text_file(file.string());
    const auto rewritten = [&](std::string changed) {
      write_file_atomically(file.string(), changed);
      const auto again = run();
      EXPECT_EQ(again.first.values, whole.values);
      EXPECT_EQ(run().second, 0);
      return again.second;
    };
    EXPECT_GE(rewritten(bytes.substr(0, bytes.size() / 2)), 3);
    EXPECT_GE(rewritten(""), 3);
    EXPECT_GE(rewritten("no HDF5"), 3);
    // The value of a feature, wherever HDF5 put it.
    const float value = whole.values[0];
    const std::string pattern(reinterpret_cast<const char*>(&value), sizeof value);
    auto flipped = bytes;
    const auto at = flipped.find(pattern);
    if (at == std::string::npos || value == 0) continue;
    flipped[at] = static_cast<char>(flipped[at] ^ 1);
    EXPECT_GE(rewritten(flipped), 3);
  }
}

TEST_F(FeatureCaching, PartsOfOthersAreNotUsed) {
  const auto whole = run("a").first;
  const auto mine = files();
  run("b");
  for (const auto& file : files())
    if (std::ranges::find(mine, file) == mine.end())
      for (const auto& own : mine)
        if (own.filename() == file.filename())
          std::filesystem::copy_file(file, own, std::filesystem::copy_options::overwrite_existing);
  EXPECT_EQ(run("a").second, 11);
  EXPECT_EQ(run("a").second, 0);
}

TEST_F(FeatureCaching, AFolderThatCannotBeWrittenIsNoError) {
  cache_ = "/dev/null/cache";
  EXPECT_EQ(run().second, 11);
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
            }).find("cannot be read"),
            std::string::npos);
  EXPECT_NE(message_of([&] {
              extract({}, {{32, 32}, 0, 1});
            }).find("needs a batch"),
            std::string::npos);
}

TEST(EncoderFeatures, Bfloat16IsCloseToFloat32) {
  TinyEncoder full(1), half(1, Precision::bfloat16());
  const synth::Synth synth(synth::Kind::shapes, 3, 32, 5);
  const auto picture = synth.draw(synth::Split::train, 0);
  Matrix<float> a(1, 24), b(1, 24);
  full.features("a")->apply({picture.data, 1, {32, 32}}, a.view());
  half.features("b")->apply({picture.data, 1, {32, 32}}, b.view());
  for (std::size_t i = 0; i < 24; ++i) EXPECT_NEAR(a.values[i], b.values[i], 0.05);
  EXPECT_NE(a.values, b.values);
  TinyEncoder stream(1, Precision::bfloat16(DType::bf16));  // of the residual stream, too
  stream.features("c")->apply({picture.data, 1, {32, 32}}, b.view());
  for (std::size_t i = 0; i < 24; ++i) EXPECT_NEAR(a.values[i], b.values[i], 0.1);
}

}  // namespace
}  // namespace ijepa
