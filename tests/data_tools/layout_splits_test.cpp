// Which folders are splits, by their names.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/data_tools/layout_reading.hpp"

namespace ijepa::test {
namespace {

using ::testing::Contains;
using ::testing::HasSubstr;

TEST(Layout, SplitNamesInEverySpelling) {
  for (const std::string train :
       {"train", "Train", "TRAIN", "Training", "train2017", "training_set", "train_images",
        "Training Data", "trainset", "images_train"}) {
    const std::string test = train == "trainset" ? "testset" : "Test";
    const auto read =
        summary_of(together(below(train + "/", cats_and_dogs), below(test + "/", cats_and_dogs)));
    const auto one = train + "[" + train + "/]L3 ", other = test + "[" + test + "/]L3 ";
    EXPECT_EQ(read, (train < test ? one + other : other + one) + "cat,dog,");
  }
  for (const std::string other : {"val", "valid", "validation", "Validation", "dev", "eval",
                                  "evaluation", "testing", "unlabeled", "unlabelled"})
    EXPECT_THAT(summary_of(together(below("train/", cats_and_dogs), {other + "/1.jpg"})),
                HasSubstr(other + "[" + other + "/]1 "));
  EXPECT_EQ(summary_of({"train2017/1.jpg", "val2017/1.jpg", "annotations/x.json"}),
            "train2017[train2017/]1 val2017[val2017/]1 ");
  EXPECT_EQ(
      summary_of({"ILSVRC2012_img_train.tar/", "ILSVRC2012_img_train/a/1.jpg",
                  "ILSVRC2012_img_val.tar/", "ILSVRC2012_img_val/1.jpg"}),
      "ILSVRC2012_img_train[ILSVRC2012_img_train/]L1 ILSVRC2012_img_val[ILSVRC2012_img_val/]1 "
      "a,");
}

TEST(Layout, WordsOfANameBeginWithACapitalOrFollowEachOther) {
  for (const std::string words : {"Data", "Images", "Set", "Img"})
    for (const bool small : {false, true}) {
      auto train = "Train" + words, test = "Test" + words;
      if (small) train[0] = 't', test[0] = 't';
      const auto both = [&] {
        return summary_of(
            together(below(train + "/", cats_and_dogs), below(test + "/", {"cat/1.jpg"})));
      };
      const auto wanted = [&] {
        return test + "[" + test + "/]L1 " + train + "[" + train + "/]L3 cat,dog,";
      };
      EXPECT_EQ(both(), wanted());
      for (auto* name : {&train, &test})
        std::ranges::transform(*name, name->begin(),
                               [](unsigned char c) { return std::tolower(c); });
      EXPECT_EQ(both(), wanted());
    }
  EXPECT_EQ(summary_of({"TrainingData/a/1.jpg", "ValidationData/a/1.jpg", "TestData/a/1.jpg"}),
            "TestData[TestData/]L1 TrainingData[TrainingData/]L1 ValidationData[ValidationData/]L1 "
            "a,");
  EXPECT_EQ(summary_of({"minitrain2017/1.jpg", "minival2017/1.jpg"}),
            "minitrain2017[minitrain2017/]1 minival2017[minival2017/]1 ");
  EXPECT_EQ(summary_of({"train/a/1.jpg", "train/b/1.jpg", "minival/a/1.jpg"}),
            "minival[minival/]L1 train[train/]L2 a,b,");
  EXPECT_THAT(refusal_of({"trainA/1.jpg", "trainB/1.jpg", "testA/1.jpg", "testB/1.jpg"}),
              HasSubstr("parts of splits"));
  EXPECT_EQ(summary_of({"VOC2012_train_val/JPEGImages/1.jpg", "VOC2012_test/JPEGImages/2.jpg"}),
            "VOC2012_test[VOC2012_test/]1 VOC2012_train_val[VOC2012_train_val/]1 ");
  EXPECT_EQ(summary_of({"trainval/a/1.jpg", "trainval/b/1.jpg", "test2018/2.jpg"}),
            "test2018[test2018/]1 trainval[trainval/]L2 a,b,");
  EXPECT_EQ(summary_of({"AirTrain/1.jpg", "Bus/1.jpg"}), "[]L2 AirTrain,Bus,");
}

TEST(Layout, FramedSplitsWithAFolderOfTheirOwnNameInside) {
  Paths intel = {"seg_pred/seg_pred/1.jpg"};
  for (const std::string split : {"seg_train", "seg_test"})
    intel = together(intel, below(split + "/" + split + "/", cats_and_dogs));
  const auto r = read(intel, {});
  EXPECT_EQ(summary_of(intel),
            "seg_pred[seg_pred/]1 seg_test[seg_test/seg_test/]L3 seg_train[seg_train/seg_train/]L3 "
            "cat,dog,");
  EXPECT_THAT(r.layout.notes, Contains(HasSubstr("--subdir")));
}

TEST(Layout, ACacheOfHuggingFaceIsItsSnapshot) {
  EXPECT_EQ(summary_of({"blobs/5e", "blobs/6f", "refs/main", "snapshots/1b/cat/1.jpg",
                        "snapshots/1b/dog/2.jpg"}),
            "[snapshots/1b/]L2 cat,dog,");
  EXPECT_THAT(refusal_of({"blobs/5e", "refs/main", "snapshots/1b/train.parquet"}),
              HasSubstr("a cache of Hugging Face"));
}

TEST(Layout, NamesLikePartsOfSplitsAreRefused) {
  EXPECT_THAT(refusal_of({"test1/1.jpg", "test2/1.jpg"}), HasSubstr("--no-splits"));
  EXPECT_THAT(refusal_of({"train_cat/1.jpg", "test_cat/1.jpg", "train_dog/1.jpg"}),
              HasSubstr("--split"));
  EXPECT_EQ(classes_of({"test1/1.jpg", "test2/1.jpg"}), "[]L2 test1,test2,");
  EXPECT_EQ(summary_of({"train_station/1.jpg", "harbour/1.jpg"}), "[]L2 harbour,train_station,");
  EXPECT_EQ(summary_of({"strain/1.jpg", "attest/1.jpg"}), "[]L2 attest,strain,");
}

TEST(Layout, AClassMayBeCalledTrain) {
  const Paths vehicles{"bus/1.jpg", "car/1.jpg", "train/1.jpg"};
  EXPECT_THAT(refusal_of(vehicles), HasSubstr("--no-splits"));
  EXPECT_EQ(classes_of(vehicles), "[]L3 bus,car,train,");
  EXPECT_EQ(classes_of({"test/1.jpg", "train/1.jpg"}), "[]L2 test,train,");
  const Paths cifar = together(below("train/", vehicles), below("test/", vehicles));
  EXPECT_EQ(summary_of(cifar), "test[test/]L3 train[train/]L3 bus,car,train,");
  EXPECT_EQ(summary_below(cifar, "train"), "[train/]L3 bus,car,train,");
  LayoutChoice of_folder;
  of_folder.input_name = "train";
  EXPECT_EQ(summary_of(vehicles, of_folder), "[]L3 bus,car,train,");
}

}  // namespace
}  // namespace ijepa::test
