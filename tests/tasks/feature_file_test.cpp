// Feature files that are damaged, or made to harm who reads them.
#include "ijepa/tasks/features/feature_file.hpp"

#include <gtest/gtest.h>

#include <functional>

#include "ijepa/core/error.hpp"
#include "ijepa/core/file.hpp"
#include "tests/support/hostile_hdf5.hpp"
#include "tests/support/temporary_folder.hpp"

namespace ijepa::test {
namespace {

class FeatureFile : public ::testing::Test {
 protected:
  std::string path() const { return (folder_.path() / "part_00000.h5").string(); }
  std::string folder() const { return folder_.path().string(); }

  /// Three images of width 4 with two tokens each.
  void write(FeatureRows rows = {0, {"a", "bb", "c"}, {0, 1, -1}, {3, 4}, {6, 4}}) const {
    write_feature_part(path(), {"encoder", "images"}, rows);
  }
  std::string problem(const std::function<void(const HostileHdf5&)>& change) const {
    write();
    change(HostileHdf5(path()));
    return problem_of([&] { read_feature_part(path()); });
  }
  static std::string problem_of(const std::function<void()>& read) {
    try {
      read();
    } catch (const Error& error) {
      return error.what();
    }
    return "no error";
  }
  FeatureManifest manifest(std::int64_t images, std::int64_t width) const {
    FeatureManifest m;
    m.identity = {"encoder", "images"};
    m.images = images;
    m.width = width;
    m.parts = {"part_00000.h5"};
    return m;
  }

 private:
  TemporaryFolder folder_;
};

TEST_F(FeatureFile, ReadsBackWhatWasWritten) {
  write();
  const auto rows = read_feature_part(path());
  EXPECT_EQ(rows.keys, (std::vector<std::string>{"a", "bb", "c"}));
  EXPECT_EQ(rows.tokens.rows, 6);
  EXPECT_EQ(read_pooled_features(folder(), manifest(3, 4)).pooled.rows, 3);
}

TEST_F(FeatureFile, AttributesAreOneNumberOrText) {
  for (const char* name : {"format_version", "first"}) {
    const auto many = problem([&](auto& f) { f.attribute(name, H5T_STD_I64LE, {4000}); });
    EXPECT_NE(many.find("is no whole number"), std::string::npos) << many;
    const auto real = problem([&](auto& f) { f.attribute(name, H5T_IEEE_F64LE, {}); });
    EXPECT_NE(real.find("is no whole number"), std::string::npos) << real;
  }
  const auto texts = problem([](auto& f) { f.attribute("xxh3", H5T_C_S1, {4000}); });
  EXPECT_NE(texts.find("xxh3 is no text"), std::string::npos) << texts;
}

TEST_F(FeatureFile, TextsAreShort) {
  write_feature_part(path(), {"e", "i"}, {0, {std::string(4097, 'k')}, {0}, {1, 4}, {}});
  const auto key = problem_of([&] { read_feature_part(path()); });
  EXPECT_NE(key.find("keys are no texts"), std::string::npos) << key;
}

TEST_F(FeatureFile, DatasetsHaveTheirDimensions) {
  const std::vector<std::pair<const char*, std::vector<hsize_t>>> wrong{
      {"labels", {3, 2000}}, {"labels", {}}, {"features", {3}}, {"features", {1, 1, 3, 4}}};
  for (const auto& [name, shape] : wrong) {
    const auto said = problem(
        [&, name = name, &shape = shape](auto& f) { f.dataset(name, H5T_STD_I32LE, shape); });
    EXPECT_NE(said.find(std::string(name) + " is damaged"), std::string::npos) << said;
  }
  const auto keys = problem([](auto& f) { f.dataset("keys", H5T_C_S1, {3, 2000}); });
  EXPECT_NE(keys.find("keys is damaged"), std::string::npos) << keys;
  const auto tokens = problem([](auto& f) { f.dataset("tokens", H5T_IEEE_F32LE, {5, 4}); });
  EXPECT_NE(tokens.find("5 of tokens"), std::string::npos) << tokens;
}

TEST_F(FeatureFile, NothingLargerThanTheFileIsAskedFor) {
  constexpr hsize_t huge = hsize_t{1} << 32;
  const std::vector<std::vector<hsize_t>> shapes{
      {huge, huge}, {huge, huge, 0}, {huge, 1}, {1 << 20, 1 << 10}};
  for (const auto& shape : shapes)
    for (const char* name : {"features", "tokens"}) {
      const auto said = problem([&](auto& f) { f.dataset(name, H5T_IEEE_F32LE, shape, true); });
      EXPECT_NE(said.find(std::string(name) + " is damaged"), std::string::npos) << said;
    }
}

TEST_F(FeatureFile, NumbersOfOtherFilesAreNotRead) {
  const auto link = problem([](auto& f) { f.link("features", "other.h5"); });
  EXPECT_NE(link.find("features is a link to elsewhere"), std::string::npos) << link;
  const auto elsewhere = problem([](auto& f) {
    f.dataset("features", H5T_IEEE_F32LE, {3, 4}, false, "/etc/hostname");
  });
  EXPECT_NE(elsewhere.find("features lies in another file"), std::string::npos) << elsewhere;
}

TEST_F(FeatureFile, EveryImageHasItsRow) {
  write({0, {"a", "b"}, {0, 1}, {}, {2, 4}});
  const auto said = problem_of([&] { read_pooled_features(folder(), manifest(2, 0)); });
  EXPECT_NE(said.find("does not follow"), std::string::npos) << said;
}

TEST_F(FeatureFile, AManifestOfManyLevelsIsRefused) {
  write_file_atomically(folder() + "/features.json",
                        "{\"format\": " + std::string(1'000'000, '[') + "]}");
  const auto said = problem_of([&] { read_feature_manifest(folder()); });
  EXPECT_NE(said.find("nests more than"), std::string::npos) << said;
}

}  // namespace
}  // namespace ijepa::test
