// Folders that are no classes: parts of a set, masks in class folders, a set and itself once more.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/data_tools/layout_reading.hpp"

namespace ijepa::test {
namespace {

using ::testing::Contains;
using ::testing::Each;
using ::testing::HasSubstr;
using ::testing::Not;

Paths warnings_of(const Paths& paths) {
  return read(paths, {}).layout.warnings;
}

TEST(Layout, PartsOfASetAreNoClasses) {
  for (const Paths& parts : {Paths{"images_001/images/1.png", "images_002/images/2.png"},
                             Paths{"HAM10000_images_part_1/1.jpg", "ham10000_images_part_2/2.jpg"},
                             Paths{"ds1/img/1.jpg", "ds1/ann/1.json", "ds2/img/1.jpg"}}) {
    EXPECT_EQ(summary_of(parts), "[]" + std::to_string(parts.size()) + " ");
    EXPECT_THAT(classes_of(parts), HasSubstr("L"));
    EXPECT_THAT(read(parts, {}).layout.notes, Contains(HasSubstr("parts of one set")));
  }
  EXPECT_EQ(summary_of({"person_1/1.jpg", "person_2/1.jpg"}), "[]L2 person_1,person_2,");
  EXPECT_EQ(summary_of({"1/1.jpg", "2/1.jpg"}), "[]L2 1,2,");
  EXPECT_EQ(summary_of({"part_1/cat/1.jpg", "part_1/dog/1.jpg", "part_2/cat/1.jpg"}),
            "[]L3 part_1,part_2,")
      << "they hold folders that may be classes";
}

TEST(Layout, TheOnlyFolderOfItsOwnNameIsNoClass) {
  EXPECT_EQ(summary_of({"cars_train/cars_train/1.jpg", "cars_test/cars_test/1.jpg"}),
            "cars_test[cars_test/]1 cars_train[cars_train/]1 ");
  EXPECT_EQ(summary_of({"train/train/cat.1.jpg", "test1/test1/1.jpg"}),
            "test1[test1/]1 train[train/]1 ");
  EXPECT_EQ(summary_of({"celeba/celeba/1.jpg", "list.csv"}), "[celeba/]1 ");
  EXPECT_EQ(classes_of({"celeba/celeba/1.jpg"}), "[celeba/]L1 celeba,");
}

TEST(Layout, MasksInClassFoldersAreLeftOut) {
  const Paths lungs{"COVID/images/1.png", "COVID/masks/1.png", "Normal/images/2.png",
                    "Normal/masks/2.png", "Normal/masks/.x"};
  EXPECT_EQ(summary_of(lungs), "[]L2 COVID,Normal,");
  const auto r = read(lungs, {});
  EXPECT_EQ(r.text.substr(0, r.text.find(';')), "2 images in 2 classes (COVID 1, Normal 1)");
  EXPECT_THAT(r.layout.notes, Contains(HasSubstr("COVID/masks, Normal/masks (2 files)")));
  EXPECT_EQ(classes_of(lungs), "[]L5 COVID,Normal,");
  EXPECT_EQ(summary_below(below("a/b/", lungs), "a"), "[a/b/]L2 COVID,Normal,");
  EXPECT_EQ(summary_of({"VOC2007/JPEGImages/1.jpg", "VOC2007/SegmentationClass/1.png",
                        "VOC2012/JPEGImages/1.jpg", "VOC2012/SegmentationObject/1.png"}),
            "[]L2 VOC2007,VOC2012,");
  EXPECT_EQ(summary_of({"ds1/img/1.jpg", "ds1/masks_human/1.png", "ds2/img/1.jpg"}), "[]2 ");
}

TEST(Layout, WhatLiesBesideImagesIsNoClass) {
  for (const std::string beside : {"instances", "panoptic", "semantic_rgb", "label_ids", "depth"})
    EXPECT_EQ(
        summary_of({"train/image_2/1.png", "train/" + beside + "/1.png", "test/image_2/1.png"}),
        "test[test/]1 train[train/image_2/]1 ")
        << beside;
  EXPECT_EQ(summary_of({"train/1.jpg", "test/1.jpg", "train_masks/1.gif", "train_masks/2.gif"}),
            "test[test/]1 train[train/]1 ");
  EXPECT_THAT(refusal_of(together(below("images/", cats_and_dogs),
                                  below("food/food/images/", cats_and_dogs))),
              HasSubstr("The input holds the folder images beside food: images and what"));
  EXPECT_EQ(classes_of({"images/1.jpg", "texts/1.jpg"}), "[]L2 images,texts,");
  EXPECT_EQ(summary_of({"photo/1.jpg", "sketch/1.jpg"}), "[]L2 photo,sketch,");
}

TEST(Layout, SomeFoldersNamedLikeSplitsAreRefused) {
  EXPECT_THAT(refusal_of({"bounding_box_train/1.jpg", "bounding_box_test/1.jpg", "query/1.jpg"}),
              HasSubstr("bounding_box_test, bounding_box_train beside query: splits, or classes"));
  EXPECT_THAT(refusal_of({"data_256/a/x/1.jpg", "val_256/1.jpg"}),
              HasSubstr("the folder val_256 beside data_256"));
  EXPECT_EQ(summary_of({"crash_test/1.jpg", "harbour/1.jpg"}), "[]L2 crash_test,harbour,");
  EXPECT_EQ(classes_of({"data_256/1.jpg", "val_256/1.jpg"}), "[]L2 data_256,val_256,");
}

TEST(Layout, LevelsAreLookedForPastSingleFolders) {
  EXPECT_THAT(refusal_of({"leftImg8bit_trainvaltest/leftImg8bit/train/aachen/1.png",
                          "leftImg8bit_trainvaltest/leftImg8bit/val/ulm/1.png",
                          "gtFine_trainvaltest/gtFine/train/aachen/1.png"}),
              HasSubstr("hold folders named like splits (train, val)"));
  EXPECT_THAT(warnings_of(together(below("amazon/images/", cats_and_dogs),
                                   below("dslr/images/", cats_and_dogs))),
              Contains(HasSubstr("each of them holds the same folders, cat, dog")));
  EXPECT_TRUE(warnings_of({"n1/images/1.jpg", "n2/images/1.jpg"}).empty());
}

TEST(Layout, FoldersOfFirstLettersAreTold) {
  EXPECT_THAT(warnings_of({"a/abbey/1.jpg", "a/Airport/2.jpg", "b/bank/1.jpg"}),
              Contains(HasSubstr("are the first letters of those in them (Airport, abbey, bank)")));
  for (const Paths& letters : {Paths{"a/1.jpg", "b/1.jpg"}, Paths{"a/cat/1.jpg", "b/dog/1.jpg"}})
    EXPECT_THAT(warnings_of(letters), Each(Not(HasSubstr("first letters"))));
}

TEST(Layout, MasksAmongImagesAreCounted) {
  EXPECT_THAT(warnings_of({"a/1.png", "a/1_mask.png", "a/1_mask_1.png", "b/2.png", "b/2_mask.png"}),
              Contains(HasSubstr("3 of 5 images in the input are named like masks")));
  EXPECT_THAT(warnings_of({"train/1.jpg", "train/1_mask.png"}),
              Contains(HasSubstr("1 of 2 images in train/")));
  for (const Paths& faces : {Paths{"with_mask/with_mask_1.png", "without/2.png"},
                             Paths{"a/1_mask.jpg", "a/2.jpg", "b/1.jpg"}})
    EXPECT_THAT(warnings_of(faces), Each(Not(HasSubstr("named like masks"))));
}

TEST(Layout, NumberedFoldersWithTextsBesideImagesHaveNoClasses) {
  EXPECT_EQ(summary_of({"00000/1.jpg", "00000/1.txt", "00001/2.jpg", "00001/2.json"}), "[]4 ");
  EXPECT_EQ(summary_of({"00000/1.jpg", "00001/2.jpg"}), "[]L2 00000,00001,");
  EXPECT_EQ(summary_of({"cat/1.jpg", "cat/1.json", "dog/2.jpg", "dog/2.json"}), "[]L4 cat,dog,");
}

}  // namespace
}  // namespace ijepa::test
