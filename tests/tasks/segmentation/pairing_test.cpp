#include "ijepa/tasks/segmentation/pairing.hpp"

#include <gtest/gtest.h>

#include <fstream>

#include "tests/support/input_tree.hpp"
#include "tests/support/temporary_folder.hpp"
#include "tests/tasks/probing/examples.hpp"

namespace ijepa::test {
namespace {

namespace fs = std::filesystem;
using Strings = std::vector<std::string>;

class Pairing : public ::testing::Test {
 protected:
  Pairing() {
    source_.images = (folder_.path() / "i").string();
    source_.masks = (folder_.path() / "m").string();
  }
  /// Files below the folder, of the kinds that their names say.
  void files(const Strings& names) {
    for (const auto& name : names)
      write_bytes(folder_.path() / name,
                  name.ends_with(".png") ? encode_png(draw_picture(4, 4)) : small_jpeg(1));
  }
  Strings pairs() {
    Strings found;
    const auto part = [&](const std::string& path) {
      return fs::path(path).lexically_relative(folder_.path()).generic_string();
    };
    for (const auto& pair : find_pairs(source_).pairs)
      found.push_back(part(pair.image) + " " + part(pair.mask));
    return found;
  }
  void expect_problem(const std::string& words) {
    const auto message = message_of([&] { find_pairs(source_); });
    EXPECT_NE(message.find(words), std::string::npos) << message;
  }
  void list(const std::string& text) {
    source_.list = (folder_.path() / "list.txt").string();
    std::ofstream(source_.list) << text;
  }

  TemporaryFolder folder_;
  PairSource source_;
};

TEST_F(Pairing, OneNameMayBeTheBeginningOfAnother) {
  files({"i/1.jpg", "i/1_2.jpg", "i/1_2_3.jpg", "m/1_mask.png", "m/1_2_mask.png",
         "m/1_2_3_part.png"});
  EXPECT_EQ(pairs(), (Strings{"i/1.jpg m/1_mask.png", "i/1_2.jpg m/1_2_mask.png",
                              "i/1_2_3.jpg m/1_2_3_part.png"}));
  files({"m/1_2.png", "i/x.jpg", "m/x_y.png", "i/x_y_z.jpg", "m/x_y_z.png"});
  fs::remove(folder_.path() / "m/1_2_mask.png");
  EXPECT_EQ(pairs(),
            (Strings{"i/1.jpg m/1_mask.png", "i/1_2.jpg m/1_2.png", "i/1_2_3.jpg m/1_2_3_part.png",
                     "i/x.jpg m/x_y.png", "i/x_y_z.jpg m/x_y_z.png"}));
  fs::remove(folder_.path() / "i/1_2.jpg");
  expect_problem("m/1_2.png has no image");
  expect_problem("of its own: 1.jpg has the mask 1_mask.png");
}

TEST_F(Pairing, NamesOfDataSetsAndTools) {
  const std::vector<std::pair<std::string, std::string>> layouts{
      {"aachen/aachen_000000_000019_leftImg8bit.png",
       "aachen/aachen_000000_000019_gtFine_labelIds.png"},
      {"0001TP_006690.png", "0001TP_006690_L.png"},
      {"2007_000032.jpg", "2007_000032.png"},
      {"x.jpg", "x.jpg.png"},
      {"v.1_jpg.rf.0a.jpg", "v.1_jpg.rf.0a_mask.png"},
      {"ISIC_0000000.jpg", "ISIC_0000000_segmentation.png"},
      {"21_training.jpg", "21_manual1.png"},
      {"b1d0a191.jpg", "b1d0a191_train_id.png"},
      {"104_sat.jpg", "104_mask.png"},
      {"P0003.png", "P0003_instance_color_RGB.png"}};
  for (const auto& [image, mask] : layouts) {
    fs::remove_all(folder_.path() / "i");
    fs::remove_all(folder_.path() / "m");
    files({"i/" + image, "m/" + mask});
    EXPECT_EQ(pairs(), (Strings{"i/" + image + " m/" + mask}));
  }
}

TEST_F(Pairing, WordsBeforeANameOrInAFolderForEachImage) {
  files(
      {"i/image_1.jpg", "m/mask_1.png", "i/2.jpg", "m/label-2.png", "i/IMG_3.jpg", "m/Mask_3.png"});
  EXPECT_EQ(pairs(), (Strings{"i/2.jpg m/label-2.png", "i/IMG_3.jpg m/Mask_3.png",
                              "i/image_1.jpg m/mask_1.png"}));
  source_.images = source_.masks = (folder_.path() / "each").string();
  files({"each/a/image.png", "each/a/mask.png", "each/b_json/img.png", "each/b_json/label.png",
         "each/c.jpg", "each/c_json/label.png"});
  EXPECT_EQ(pairs(), (Strings{"each/a/image.png each/a/mask.png",
                              "each/b_json/img.png each/b_json/label.png",
                              "each/c.jpg each/c_json/label.png"}));
}

TEST_F(Pairing, OneFolderForBoth) {
  files({"i/1_jpg.rf.01.jpg", "i/1_jpg.rf.01_mask.png", "i/1.jpg", "i/1_mask.png", "i/2.jpg",
         "i/2.png", "i/3.jpg", "i/3.jpg.png", "i/4.png", "i/4_mask.png"});
  source_.masks = source_.images + "/.";
  EXPECT_EQ(find_pairs(source_).pairs.size(), 5U);
  source_.masks = source_.images;
  EXPECT_EQ(pairs(), (Strings{"i/1.jpg i/1_mask.png", "i/1_jpg.rf.01.jpg i/1_jpg.rf.01_mask.png",
                              "i/2.jpg i/2.png", "i/3.jpg i/3.jpg.png", "i/4.png i/4_mask.png"}));
  // Masks in a folder among the images are no images.
  fs::remove_all(folder_.path() / "i");
  files({"i/1.jpg", "i/masks/1.png"});
  source_.masks = source_.images + "/masks";
  EXPECT_EQ(pairs(), (Strings{"i/1.jpg i/masks/1.png"}));
}

TEST_F(Pairing, ImagesWithoutMaskAreCounted) {
  files({"i/1.jpg", "i/2.jpg", "i/3.jpg", "m/2.png"});
  const auto found = find_pairs(source_);
  EXPECT_EQ(found.pairs.size(), 1U);
  EXPECT_EQ(found.without_mask, 2);
  EXPECT_TRUE(found.first_without_mask.ends_with("i/1.jpg"));
  fs::rename(folder_.path() / "m/2.png", folder_.path() / "m/two.png");
  expect_problem("fits any of the 3 images");
  expect_problem("the first image is " + (folder_.path() / "i/1.jpg").string() +
                 ", the first mask two.png");
}

TEST_F(Pairing, SuffixesThatAreSaid) {
  files({"i/1_rgb.png", "i/1_depth.png", "i/2_rgb.png", "m/1_gtFine_labelIds.png",
         "m/1_gtFine_color.png", "m/2_gtFine_labelIds.png", "m/2_gtFine_color.png"});
  expect_problem("has two masks, 1_gtFine_color.png and 1_gtFine_labelIds.png");
  source_.image_suffix = "_rgb";
  source_.mask_suffix = "_gtFine_labelIds";
  EXPECT_EQ(pairs(), (Strings{"i/1_rgb.png m/1_gtFine_labelIds.png",
                              "i/2_rgb.png m/2_gtFine_labelIds.png"}));
  source_.masks = source_.images;
  source_.mask_suffix = "_depth";
  EXPECT_EQ(pairs(), (Strings{"i/1_rgb.png i/1_depth.png"}));
}

TEST_F(Pairing, AListOfNames) {
  files({"i/2007_1.jpg", "i/2007_2.jpg", "i/2007_3.jpg", "i/2007_4.jpg", "m/2007_1.png",
         "m/2007_2.png", "m/2007_3.png", "m/other.png"});
  list("2007_3\r\n\n2007_1  1\n");
  const Strings expected{"i/2007_1.jpg m/2007_1.png", "i/2007_3.jpg m/2007_3.png"};
  EXPECT_EQ(pairs(), expected);
  list("/SegNet/CamVid/train/2007_1.jpg /SegNet/CamVid/trainannot/2007_1.png\n./i/2007_3.jpg");
  EXPECT_EQ(pairs(), expected);
  list("2007_1\n2007_9\n");
  expect_problem("list.txt:2: 2007_9 is no image");
  list("2007_1\n2007_4\n");
  expect_problem("2007_4.jpg, which " + source_.list + " names, has no mask");
  list("\n");
  expect_problem("names no image");
}

}  // namespace
}  // namespace ijepa::test
