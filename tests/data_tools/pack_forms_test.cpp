// Every form of input becomes the same shards; labels, splits and orders are what they should be.
#include <gmock/gmock.h>

#include <fstream>
#include <set>
#include <thread>

#include "data_tools/packing/image_packer.hpp"
#include "ijepa/data/images/orientation.hpp"
#include "tests/data_tools/pack_fixture.hpp"
#include "tests/support/exif.hpp"
#include "tests/support/other_pictures.hpp"

namespace ijepa::test {
namespace {

namespace fs = std::filesystem;
using PackForms = PackFixture;
using ::testing::HasSubstr;
const std::vector<std::string> three_classes{"bird", "cat", "Ürsus 熊"};

struct Form {
  const char* name;
  const char* input;
  bool of_class_tars;
};

class EveryForm : public PackFixture, public ::testing::WithParamInterface<Form> {};

TEST_P(EveryForm, GivesTheSameSet) {
  const InputTree tree = class_tree(three_classes, 9);
  InputTree form = GetParam().of_class_tars ? class_tars(tree, fs::path(at(""))) : tree;
  const std::string input = GetParam().input;
  if (input.find(".tar") == std::string::npos)
    write_folder(form, at(input));
  else
    write_tar(form, at(input));
  const PackSummary summary = run(options(input, "out"));
  EXPECT_EQ(summary.rejected, 0);
  EXPECT_EQ(summary.sets.at(0).shards, 3);
  EXPECT_EQ(contents(at("out")), expected(tree));
  // The order of the input is the same in all forms here, so the shards are too.
  write_folder(tree, at("reference"));
  EXPECT_EQ(summary.sets.at(0).fingerprint,
            run(options("reference", "reference_out")).sets.at(0).fingerprint);
}

INSTANTIATE_TEST_SUITE_P(
    Inputs, EveryForm,
    ::testing::Values(Form{"Folder", "in", false}, Form{"Tar", "in.tar", false},
                      Form{"Gzip", "in.tar.gz", false}, Form{"Bzip2", "in.tar.bz2", false},
                      Form{"Xz", "in.tar.xz", false}, Form{"Zstd", "in.tar.zst", false},
                      Form{"TarOfTars", "in.tar", true}, Form{"GzipOfTars", "in.tar.gz", true},
                      Form{"FolderOfTars", "in", true}),
    [](const auto& each) { return each.param.name; });

TEST_F(PackForms, WithoutFoldersThereAreNoLabels) {
  InputTree tree;
  for (std::uint64_t i = 0; i < 12; ++i)
    tree["p" + std::to_string(i) + ".jpeg"] = small_jpeg(i + 1);
  write_folder(tree, at("in"));
  write_tar(tree, at("in.tar"));
  for (const std::string input : {"in", "in.tar"}) {
    const auto summary = run(options(input, "out_" + input));
    EXPECT_TRUE(summary.class_names.empty());
    const auto all = contents(at("out_" + input));
    ASSERT_EQ(all.size(), tree.size());
    for (const auto& [key, content] : all) {
      EXPECT_EQ(content.class_name, "-");
      EXPECT_EQ(content.bytes, tree.at(key));
    }
  }
}

TEST_F(PackForms, SplitsBecomeSetsWithOneListOfClasses) {
  InputTree tree = class_tree({"a", "b", "c"}, 6, "wrapper/train/");
  tree.merge(class_tree({"b", "c"}, 3, "wrapper/test/"));  // class a has no test image
  tree["wrapper/README.txt"] = {'h', 'i'};
  write_tar(tree, at("in.tar"));
  const auto summary = run(options("in.tar", "out"));
  ASSERT_EQ(summary.sets.size(), 2U);
  EXPECT_EQ(summary.sets[0].path, at("out/test"));
  EXPECT_EQ(summary.sets[0].images, 6);
  EXPECT_EQ(summary.sets[1].images, 18);
  EXPECT_EQ(ShardSet::open(at("out/test")).class_names(),
            (std::vector<std::string>{"a", "b", "c"}));
  EXPECT_EQ(contents(at("out/test")).at("c/101.jpg").class_name, "c");
  EXPECT_EQ(read_text_file(at("out/rejected.csv")),
            "path,bytes,reason\nwrapper/README.txt,2,outside of every class folder\n");
}

TEST_F(PackForms, TestShareIsPutAsideAtRandom) {
  const InputTree tree = class_tree(three_classes, 9);
  write_folder(tree, at("in"));
  PackOptions o = options("in", "out");
  o.test_share = 0.2;
  const PackSummary summary = run(o);
  ASSERT_EQ(summary.sets.size(), 2U);
  EXPECT_EQ(summary.sets[0].images, 22);
  EXPECT_EQ(summary.sets[1].images, 5);
  auto all = contents(at("out/train"));
  const auto test = contents(at("out/test"));
  std::set<std::string> classes;
  for (const auto& [key, content] : test) classes.insert(content.class_name);
  EXPECT_GT(classes.size(), 1U);  // the end of the input would be one class
  all.insert(test.begin(), test.end());
  EXPECT_EQ(all, expected(tree));
  // Two ranks: one counts, the other reads its plan.
  PackOptions shared = options("in", "shared");
  shared.test_share = 0.2;
  std::thread other([&] { run(shared, {1, 2}); });
  run(shared, {0, 2});
  other.join();
  EXPECT_EQ(files(at("shared/test")), files(at("out/test")));
}

TEST_F(PackForms, TestShareLeavesSplitsOfTheInputAlone) {
  const InputTree tree = class_tree(three_classes, 3);
  for (const std::string split : {"train", "val"}) write_folder(tree, at("in/" + split));
  PackOptions o = options("in", "out");
  o.test_share = 0.5;
  const PackSummary summary = run(o);
  ASSERT_EQ(summary.sets.size(), 2U);
  EXPECT_EQ(contents(at("out/train")), expected(tree));
  EXPECT_EQ(contents(at("out/val")), expected(tree));
}

TEST_F(PackForms, SubdirTakesOneFolder) {
  InputTree tree = class_tree({"a", "b"}, 4, "train/");
  tree.merge(class_tree({"a", "b"}, 3, "test/"));
  write_folder(tree, at("in"));
  PackOptions o = options("in", "out");
  o.layout.subdir = "test";
  const auto summary = run(o);
  ASSERT_EQ(summary.sets.size(), 1U);
  EXPECT_EQ(summary.sets[0].path, at("out"));
  EXPECT_EQ(summary.sets[0].images, 6);
  EXPECT_EQ(summary.rejected, 0);
}

TEST_F(PackForms, OneClassAndAnEmptyOne) {
  write_folder(class_tree({"only"}, 3), at("one"));
  EXPECT_EQ(run(options("one", "one_out")).class_names, std::vector<std::string>{"only"});
  write_folder(class_tree({"a", "c"}, 3), at("in"));
  fs::create_directory(at("in/b"));
  const auto summary = run(options("in", "out"));
  EXPECT_EQ(summary.class_names, (std::vector<std::string>{"a", "b", "c"}));
  EXPECT_EQ(contents(at("out")).at("c/100.jpg").class_name, "c");
}

TEST_F(PackForms, OrderIsMixedAndSetByTheSeed) {
  write_folder(class_tree({"a", "b", "c", "d"}, 40), at("in"));
  PackOptions o = options("in", "out");
  o.images_per_shard = 80;
  run(o);
  const ShardSet set = ShardSet::open(at("out"));
  int same_neighbours = 0;
  for (std::int64_t i = 1; i < set.size(); ++i) same_neighbours += set.label(i) == set.label(i - 1);
  EXPECT_GT(same_neighbours, 16);  // 39 expected of 159; sorted input would have 156
  EXPECT_LT(same_neighbours, 70);
  std::set<int> labels_of_first_shard;
  for (std::int64_t i = 0; i < set.shard_begin(1); ++i) labels_of_first_shard.insert(set.label(i));
  EXPECT_EQ(labels_of_first_shard.size(), 4U);

  o.out = at("again");
  EXPECT_EQ(run(o).sets[0].fingerprint, set.fingerprint());
  o.out = at("other");
  o.seed = 1;
  EXPECT_NE(run(o).sets[0].fingerprint, set.fingerprint());
  EXPECT_EQ(contents(at("other")), contents(at("out")));
}

TEST_F(PackForms, ShardSizeIsInBytes) {
  const InputTree tree = class_tree({"a", "b"}, 20);
  write_folder(tree, at("in"));
  std::int64_t bytes = 0;
  for (const auto& [path, content] : tree) bytes += std::ssize(content);
  PackOptions o = options("in", "out");
  o.images_per_shard = 0;
  o.shard_bytes = bytes / 4 + 1;
  EXPECT_EQ(run(o).sets[0].shards, 4);
}

TEST_F(PackForms, ShortSideShrinksOnlyLargerImages) {
  const Bytes large = encode_png(draw_picture(60, 90)), small = small_jpeg(1, 20);
  write_folder({{"a/large.png", large}, {"a/small.jpg", small}}, at("in"));
  PackOptions o = options("in", "out");
  o.image.short_side = 32;
  o.image.quality = 80;
  run(o);
  const auto all = contents(at("out"));
  EXPECT_EQ(all.at("a/small.jpg").bytes, small);
  const Image shrunk = decode_image(all.at("a/large.png").bytes);
  EXPECT_EQ(image_format(all.at("a/large.png").bytes), ImageFormat::jpeg);
  EXPECT_EQ(shrunk.height, 32);
  EXPECT_EQ(shrunk.width, 48);
}

TEST_F(PackForms, WhatIsEncodedAnewKeepsItsOrientation) {
  const auto large = with_exif(encode_jpeg(draw_picture(60, 90)), 6);
  write_folder({{"a/large.jpg", large}}, at("in"));
  PackOptions o = options("in", "out");
  o.image.short_side = 32;
  run(o);
  const auto bytes = contents(at("out")).at("a/large.jpg").bytes;
  EXPECT_NE(bytes, large);
  EXPECT_EQ(exif_orientation(bytes), 6);
  EXPECT_EQ(decode_upright(bytes).height, 48);
}

/// Decoded as it is read, so that no reader of shards needs libtiff, unless channels keep 16 bits.
TEST_F(PackForms, ATiffIsKeptAsItIsWhereItsBitsAreKept) {
  for (const auto bits : {std::uint16_t{8}, std::uint16_t{16}}) {
    const Bytes grey =
        tiff(Bytes(std::size_t{8} * 6 * bits / 8, 77), 8, 6, {.channels = 1, .bits = bits});
    for (const int channels : {1, 3}) {
      ImagePacker packer({.channels = channels});
      const auto packed = packer.pack({grey, "", ""});
      EXPECT_EQ(packed.problem, "");
      EXPECT_FALSE(packed.first_of_several);
      if (channels == 1) {
        EXPECT_EQ(packed.bytes, grey);
      } else {
        EXPECT_EQ(image_format(packed.bytes), ImageFormat::png);
        EXPECT_EQ(decode_image(packed.bytes).rgb, decode_image(grey).rgb);
      }
    }
  }
}

TEST_F(PackForms, TheFirstOfSeveralPicturesIsPackedAloneOrNotAtAll) {
  const Bytes stack = tiff(Bytes(std::size_t{8} * 6, 77), 8, 6, {.channels = 1, .pages = 3});
  const auto colours = ImagePacker({.channels = 3}).pack({stack, "", ""});
  EXPECT_EQ(colours.problem, "");
  EXPECT_TRUE(colours.first_of_several);
  EXPECT_THAT(ImagePacker({.channels = 1}).pack({stack, "", ""}).problem,
              HasSubstr("It has 1 channel in each of several pictures"));
}

TEST_F(PackForms, InputAndOutputMayHaveNamesThatAreNoUtf8) {
  const InputTree tree = class_tree({"a", "b"}, 2);
  write_folder(tree, at("in\xE9"));
  PackOptions o = options("in\xE9", "out\xE9");
  run(o);
  EXPECT_EQ(contents(at("out\xE9")), expected(tree));
  EXPECT_THAT(read_text_file(at("out\xE9/manifest.json")), HasSubstr(R"(in\\xE9)"));
  o.seed = 7;
  EXPECT_THAT(message_of(o), HasSubstr("seed"));
}

TEST_F(PackForms, LinksAreFollowedOnceAndNamesAreKeptPrintable) {
  write_folder(class_tree({"a"}, 2), at("elsewhere"));
  write_folder(class_tree({"b"}, 2), at("in"));
  fs::create_directory_symlink(at("elsewhere/a"), at("in/a"));
  fs::create_directory_symlink(at("in"), at("in/b/up"));
  fs::create_symlink(at("none"), at("in/b/gone.jpg"));
  fs::create_symlink("self.jpg", at("in/b/self.jpg"));
  write_bytes(at("in/b/caf\xE9\n.jpg"), small_jpeg(9));
  run(options("in", "out"));
  const auto all = contents(at("out"));
  EXPECT_EQ(all.size(), 5U);
  EXPECT_TRUE(all.contains("b/caf\\xE9\\x0A.jpg"));
  EXPECT_EQ(read_text_file(at("out/rejected.csv")),
            "path,bytes,reason\nb/gone.jpg,0,a link to nothing\n"
            "b/self.jpg,0,a link to itself\nb/up,0,a link to a folder above it\n");
}

}  // namespace
}  // namespace ijepa::test
