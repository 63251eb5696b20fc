#include "ijepa/tasks/search/search.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <fstream>
#include <iterator>
#include <numeric>

#include "ijepa/core/file.hpp"
#include "ijepa/tasks/features/feature_file.hpp"
#include "ijepa/tasks/features/similarity_index.hpp"
#include "ijepa/tasks/features/similarity_scale.hpp"
#include "ijepa/tasks/inference/infer.hpp"
#include "tests/support/temporary_folder.hpp"
#include "tests/tasks/picture_shards.hpp"
#include "tests/tasks/probing/examples.hpp"
#include "tests/tasks/tiny_checkpoint.hpp"

namespace ijepa::test {
namespace {

namespace fs = std::filesystem;

class Search : public ::testing::Test {
 protected:
  Search() {
    write_tiny_checkpoint(path("run"));
    write_pictures(path("shards"), {.images = 40});
    InferSettings infer;
    infer.run = path("run");
    infer.input = path("shards");
    infer.out = path("features");
    infer.threads = 1;
    infer_features(infer, *local_communicator(), Log(1));
    settings_.features = path("features");
    settings_.out = path("out");
    settings_.k = 5;
    settings_.threads = 1;
  }
  std::string path(const std::string& name) const { return (folder_.path() / name).string(); }
  SearchResult search() { return search_images(settings_, *local_communicator(), Log(1)); }
  std::string problem() {
    return message_of([&] { search(); });
  }
  /// The image of this number as a file of its own.
  std::string write_file(std::int64_t image) const {
    std::vector<std::uint8_t> encoded;
    open_images(path("shards"))->read(image, encoded);
    const auto name = path("query.png");
    std::ofstream(name, std::ios::binary)
        .write(reinterpret_cast<const char*>(encoded.data()), std::ssize(encoded));
    return name;
  }

  TemporaryFolder folder_;
  SearchSettings settings_;
};

/// Nearest by the definition, for comparison.
std::vector<std::int64_t> nearest_by_hand(const Matrix<float>& rows, std::int64_t query,
                                          std::size_t k) {
  std::vector<std::pair<double, std::int64_t>> order;
  for (std::int64_t i = 0; i < rows.rows; ++i) {
    double cosine = 0;
    for (std::int64_t d = 0; d < rows.cols; ++d)
      cosine += static_cast<double>(rows.row(query)[static_cast<std::size_t>(d)]) *
                static_cast<double>(rows.row(i)[static_cast<std::size_t>(d)]);
    if (i != query) order.emplace_back(-cosine, i);
  }
  std::ranges::sort(order);
  std::vector<std::int64_t> nearest;
  for (std::size_t i = 0; i < k; ++i) nearest.push_back(order[i].second);
  return nearest;
}

TEST_F(Search, FindsTheNearestOfEveryImage) {
  settings_.all = true;
  const auto result = search();
  ASSERT_EQ(result.hits.size(), 40U);
  const auto manifest = read_feature_manifest(path("features"));
  const auto data = read_pooled_features(path("features"), manifest);
  const auto rows = unit_rows(data.pooled);
  double same = 0;
  for (std::size_t q = 0; q < 40; ++q) {
    std::vector<std::int64_t> found;
    for (const auto& hit : result.hits[q]) {
      found.push_back(hit.image);
      same += data.labels[static_cast<std::size_t>(hit.image)] == data.labels[q];
    }
    EXPECT_EQ(found, nearest_by_hand(rows, static_cast<std::int64_t>(q), 5)) << q;
  }
  ASSERT_EQ(result.precision.size(), 2U);  // at 1 and 5
  EXPECT_NEAR(result.precision[1].share, same / 200, 1e-12);
  EXPECT_NEAR(result.chance, 1.0 / 3, 0.02);
  EXPECT_TRUE(fs::exists(path("out/nearest.csv")) && fs::exists(path("out/precision.csv")));
  EXPECT_FALSE(fs::exists(path("out/hits.png")));
}

TEST_F(Search, AnImageFileIsNearestToItself) {
  settings_.files = {write_file(7)};
  settings_.queries = {"picture/3.png", "4"};
  const auto result = search();
  ASSERT_EQ(result.hits.size(), 3U);
  EXPECT_EQ(result.queries[1], "picture/4.png");
  EXPECT_EQ(result.hits[2][0].image, 7);
  EXPECT_NEAR(result.hits[2][0].similarity, 1, 1e-5);
  EXPECT_NE(result.hits[0][0].image, 3);
  std::ifstream sheet(path("out/hits.png"), std::ios::binary);
  const std::vector<std::uint8_t> bytes{std::istreambuf_iterator<char>(sheet), {}};
  EXPECT_GT(decode_image(bytes).width, decode_image(bytes).height);
}

TEST_F(Search, HitsOfOtherFeaturesStandBeside) {
  InferSettings infer;
  infer.run = path("run");
  infer.input = path("shards");
  infer.out = path("untrained");
  infer.threads = 1;
  infer.encoder = EncoderChoice::untrained;
  infer_features(infer, *local_communicator(), Log(1));
  settings_.queries = {"picture/3.png", "4"};
  const auto alone = search();
  const auto width = [&] {
    std::ifstream sheet(path("out/hits.png"), std::ios::binary);
    const std::vector<std::uint8_t> bytes{std::istreambuf_iterator<char>(sheet), {}};
    return decode_image(bytes).width;
  };
  const auto narrow = width();
  settings_.beside = path("untrained");
  const auto both = search();
  EXPECT_EQ(alone.beside_hits.size(), 0U);
  ASSERT_EQ(both.beside_hits.size(), 2U);
  EXPECT_GT(width(), narrow + 5 * 100);
  settings_.features = path("untrained");
  settings_.beside.clear();
  const auto other = search();
  ASSERT_EQ(both.beside.size(), other.precision.size());
  for (std::size_t q = 0; q < 2; ++q)
    for (std::size_t h = 0; h < 5; ++h) {
      EXPECT_EQ(both.hits[q][h].image, alone.hits[q][h].image);
      EXPECT_EQ(both.beside_hits[q][h].image, other.hits[q][h].image);
    }
  EXPECT_EQ(both.beside[1].share, other.precision[1].share);

  write_pictures(path("others"), {.images = 41});
  infer.input = path("others");
  infer.out = path("features_of_others");
  infer_features(infer, *local_communicator(), Log(1));
  settings_.beside = path("features_of_others");
  EXPECT_NE(problem().find("are of other images"), std::string::npos);
}

TEST_F(Search, WritesNoPictureAmongTheImagesThatItShows) {
  write_picture_files(path("folder"), {.images = 40});
  settings_.files = {write_file(7)};
  settings_.images = path("folder");
  settings_.out = path("folder/hits");
  EXPECT_NE(problem().find("lies in the input"), std::string::npos) << problem();
  EXPECT_FALSE(std::filesystem::exists(path("folder/hits")));
  settings_.all = true;  // a table alone
  settings_.files = {};
  EXPECT_EQ(problem(), "no error");
}

TEST_F(Search, CentredFeaturesAreComparedWithoutTheirMean) {
  settings_.all = settings_.centred = true;
  const auto result = search();
  auto rows =
      read_pooled_features(path("features"), read_feature_manifest(path("features"))).pooled;
  for (std::int64_t d = 0; d < rows.cols; ++d) {
    const auto at = static_cast<std::size_t>(d);
    double mean = 0;
    for (std::int64_t i = 0; i < rows.rows; ++i) mean += rows.row(i)[at] / 40.0;
    for (std::int64_t i = 0; i < rows.rows; ++i)
      rows.row(i)[at] = static_cast<float>(rows.row(i)[at] - mean);
  }
  rows = unit_rows(rows);
  for (std::size_t q = 0; q < 40; ++q) {
    std::vector<std::int64_t> found;
    for (const auto& hit : result.hits[q]) found.push_back(hit.image);
    EXPECT_EQ(found, nearest_by_hand(rows, static_cast<std::int64_t>(q), 5)) << q;
  }
  EXPECT_LT(result.scale->median(), 0.2);  // as they are, half of all pairs are above 0.9
  settings_.all = false;
  settings_.files = {write_file(7)};
  EXPECT_NEAR(search().hits[0][0].similarity, 1, 1e-5);
}

TEST_F(Search, AnImageFileIsSeenInThePrecisionOfTheFeatures) {
  InferSettings infer;
  infer.run = path("run");
  infer.input = path("shards");
  infer.out = settings_.features = path("half");
  infer.threads = 1;
  infer.precision = TaskPrecision::bfloat16;
  infer_features(infer, *local_communicator(), Log(1));
  settings_.files = {write_file(7)};
  const auto hit = search().hits[0][0];
  EXPECT_EQ(hit.image, 7);
  EXPECT_NEAR(hit.similarity, 1, 1e-6);  // rounded alike
}

TEST_F(Search, TwoImagesAreComparedByTheirFeatures) {
  FrozenEncoder encoder(checkpoint_folder(path("run"), 7), EncoderChoice::target, 1,
                        *local_communicator(), Log(1));
  const auto file = write_file(7);
  EXPECT_NEAR(image_similarity({file, file}, encoder), 1, 1e-6);
  settings_.files = {file};
  const auto nearest = search().hits[0][1];
  const auto other = path("other.png");
  fs::rename(file, other);
  const auto second = write_file(nearest.image);
  EXPECT_NEAR(image_similarity({other, second}, encoder), nearest.similarity, 1e-5);
}

TEST_F(Search, ASimilarityIsPlacedAmongThoseOfRandomPairs) {
  const auto manifest = read_feature_manifest(path("features"));
  const auto& identity = manifest.identity.encoder;
  const auto rows = unit_rows(read_pooled_features(path("features"), manifest).pooled);
  std::vector<double> all;
  for (std::int64_t a = 0; a < rows.rows; ++a)
    for (std::int64_t b = 0; b < a; ++b)
      all.push_back(
          std::inner_product(rows.row(a).begin(), rows.row(a).end(), rows.row(b).begin(), 0.0));
  std::ranges::sort(all);
  const auto at = [&](double share) {
    return all[static_cast<std::size_t>(share * static_cast<double>(all.size()))];
  };
  const auto scale = similarity_scale(path("features"), identity);
  for (const double share : {0.1, 0.5, 0.9}) EXPECT_NEAR(scale.below(at(share)), share, 0.02);
  EXPECT_GT(scale.median(), at(0.48));
  EXPECT_LT(scale.median(), at(0.52));
  EXPECT_EQ(scale.below(1.1), 1);
  EXPECT_EQ(scale.below(-1.1), 0);
  const auto other = message_of([&] { similarity_scale(path("features"), identity + "x"); });
  EXPECT_NE(other.find("are of another encoder"), std::string::npos) << other;
}

TEST_F(Search, HitsAreToldWithThatScale) {
  settings_.queries = {"picture/3.png"};
  const auto result = search();
  const auto text = read_text_file(path("out/nearest.csv"));
  EXPECT_TRUE(text.starts_with("query,rank,key,similarity,percentile\npicture/3.png,1,")) << text;
  const auto share = 100 * result.scale->below(result.hits[0][0].similarity);
  EXPECT_GT(share, 80);  // the nearest of 40
  EXPECT_NE(text.find(fmt::format(",{:.2f}\npicture/3.png,2,", share)), std::string::npos) << text;
  EXPECT_NE(as_text(result).find(fmt::format("  {:6.2f} %  ", share)), std::string::npos);
}

TEST_F(Search, ApproximateIndicesFindNearlyTheSame) {
  if (!IJEPA_WITH_FAISS) GTEST_SKIP() << "this build has no Faiss";
  settings_.all = true;
  const auto exact = search();
  settings_.index = "HNSW16";
  const auto fast = search();
  double same = 0;
  for (std::size_t q = 0; q < 40; ++q)
    for (const auto& hit : fast.hits[q])
      same +=
          std::ranges::any_of(exact.hits[q], [&](const Hit& h) { return h.image == hit.image; });
  EXPECT_GT(same / 200, 0.9);
}

TEST_F(Search, RefusesWhatCannotWork) {
  EXPECT_NE(problem().find("Nothing is looked for"), std::string::npos);
  settings_.queries = {"picture/99.png"};
  EXPECT_NE(problem().find("no image picture/99.png"), std::string::npos);
  settings_.queries = {"40"};
  EXPECT_NE(problem().find("no image 40"), std::string::npos);
  settings_.queries = {"0"};
  settings_.index = "Fastest";
  EXPECT_NE(problem().find(IJEPA_WITH_FAISS ? "Faiss cannot make" : "-DIJEPA_FAISS=ON"),
            std::string::npos);
  settings_.index = "Flat";
  settings_.k = 40;
  EXPECT_NE(problem().find("neighbours"), std::string::npos);
  settings_.k = 5;
  settings_.images = path("run");
  EXPECT_NE(problem().find("neither shards nor"), std::string::npos);
  settings_.images = "";
  std::ofstream(path("text.png")) << "no picture";
  settings_.files = {path("text.png")};
  EXPECT_NE(problem().find("text.png cannot be read"), std::string::npos);
  settings_.files = {write_file(1)};
  write_tiny_checkpoint(path("another"), 5);
  settings_.run = path("another");
  EXPECT_NE(problem().find("another checkpoint"), std::string::npos);
  settings_.features = path("run");
  EXPECT_NE(problem().find("no finished features"), std::string::npos);
}

TEST_F(Search, RefusesDamagedFeatures) {
  settings_.all = true;
  fs::resize_file(path("features/part_00000.h5"), 3000);
  EXPECT_NE(problem().find("missing or damaged"), std::string::npos);
  std::ofstream(path("features/features.json")) << "{";
  EXPECT_NE(problem().find("is damaged"), std::string::npos);
}

TEST(UnitRows, RefuseWhatIsNoNumber) {
  Matrix<float> rows(2, 2);
  rows.row(1)[0] = NAN;
  EXPECT_NE(message_of([&] { unit_rows(rows); }).find("image 1"), std::string::npos);
}

}  // namespace
}  // namespace ijepa::test
