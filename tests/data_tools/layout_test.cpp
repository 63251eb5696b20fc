#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/data_tools/layout_reading.hpp"

namespace ijepa::test {
namespace {

using ::testing::Contains;
using ::testing::HasSubstr;

TEST(Layout, IsFoundFromTheFolders) {
  EXPECT_EQ(summary_of({"a/1.jpg", "b/2.jpg"}), "[]L2 a,b,");
  EXPECT_EQ(summary_of({"1.jpg", "2.PNG"}), "[]2 ");
  EXPECT_EQ(summary_of({"1", "2"}), "[]2 ");
  EXPECT_EQ(summary_of({"a/1", "b/2"}), "[]L2 a,b,");
  EXPECT_EQ(summary_of({"a/1.jpg"}), "[]L1 a,");
  EXPECT_EQ(summary_of({"a/1.jpg", "b/"}), "[]L1 a,b,");
  EXPECT_EQ(summary_of({"w/a/1.jpg", "w/b/2.jpg"}), "[w/]L2 a,b,");
  EXPECT_EQ(summary_of({"a/x/y/z/1.jpg", "b/2.jpg"}), "[]L2 a,b,");
  EXPECT_EQ(summary_of({"train/a/1.jpg", "val/a/2.jpg"}), "train[train/]L1 val[val/]L1 a,");
  EXPECT_EQ(summary_of({"train/a/1.jpg"}), "train[train/]L1 a,");
  EXPECT_EQ(summary_of({"w/train/a/1.jpg", "w/test/b/2.jpg", "w/x.txt"}),
            "test[w/test/]L1 train[w/train/]L1 a,b,");
  EXPECT_EQ(summary_of({"train/a/1.jpg", "train/b/1.jpg", "test/7.jpg"}),
            "test[test/]1 train[train/]L2 a,b,");
}

TEST(Layout, AFolderThatIsNoClassHasNoLabels) {
  EXPECT_EQ(summary_of({"t/train/n1/images/1.jpg", "t/train/n2/images/1.jpg", "t/val/images/1.jpg",
                        "t/val/notes.txt"}),
            "train[t/train/]L2 val[t/val/]2 n1,n2,");
  EXPECT_EQ(summary_of({"train/images/1.jpg", "train/labels/1.txt", "valid/images/1.jpg"}),
            "train[train/]2 valid[valid/]1 ");
  EXPECT_EQ(summary_of({"train/train/1.jpg", "test/test/1.jpg"}), "test[test/]1 train[train/]1 ");
  EXPECT_EQ(summary_of({"VOC/JPEGImages/1.jpg", "VOC/Annotations/1.xml"}), "[VOC/]2 ");
}

TEST(Layout, FilesBesideClassesAreOutside) {
  EXPECT_EQ(summary_of({"a/1.jpg", "b/2.jpg", "3.jpg", "docs/x.txt"}), "[]L2 a,b,");
}

TEST(Layout, AnyNumberOfWrappersIsPassedOver) {
  const Paths splits =
      together(below("train/", cats_and_dogs), below("val/", {"cat/3.jpg", "dog/3.jpg"}));
  std::string prefix;
  for (int wrappers = 0; wrappers <= 5;
       ++wrappers, prefix += "w" + std::to_string(wrappers) + "/") {
    EXPECT_EQ(summary_of(below(prefix, splits)),
              "train[" + prefix + "train/]L3 val[" + prefix + "val/]L2 cat,dog,");
    EXPECT_EQ(summary_of(below(prefix, cats_and_dogs)), "[" + prefix + "]L3 cat,dog,");
    EXPECT_EQ(
        summary_of(together(below(prefix, splits),
                            {"README.txt", "__MACOSX/w/train/cat/._1.jpg", ".git/a/b/c/d.png"})),
        "train[" + prefix + "train/]L3 val[" + prefix + "val/]L2 cat,dog,");
  }
  EXPECT_EQ(summary_of({"test/train/a/1.jpg", "test/val/a/1.jpg"}),
            "train[test/train/]L1 val[test/val/]L1 a,")
      << "a wrapper called test";
}

TEST(Layout, WrappersInsideSplits) {
  EXPECT_EQ(summary_of(together(below("train/train/", cats_and_dogs), {"test/test/1.jpg"})),
            "test[test/]1 train[train/train/]L3 cat,dog,");
  EXPECT_EQ(
      summary_of(together(below("train/images/", cats_and_dogs), below("val/", cats_and_dogs))),
      "train[train/images/]L3 val[val/]L3 cat,dog,");
  EXPECT_EQ(
      summary_of(together(below("train/a/b/", cats_and_dogs), below("val/c/", cats_and_dogs))),
      "train[train/]L3 val[val/]L3 a,c,")
      << "two levels apart: not known to be one";
  EXPECT_EQ(summary_of({"train/cat/s1/1.jpg", "train/cat/s2/1.jpg", "val/cat/s3/1.jpg"}),
            "train[train/]L2 val[val/]L1 cat,");
}

TEST(Layout, SuperClassesStayClasses) {
  const auto r = read({"animals/cat/1.jpg", "animals/dog/1.jpg", "vehicles/car/1.jpg"}, {});
  EXPECT_EQ(r.layout.class_names, (Paths{"animals", "vehicles"}));
  EXPECT_THAT(r.layout.notes, Contains(HasSubstr("(car, cat, dog) belong to their class")));
}

TEST(Layout, SubdirIsTheWholeInput) {
  EXPECT_EQ(summary_below({"train/a/1.jpg", "test/b/2.jpg"}, "test"), "[test/]L1 b,");
  EXPECT_THROW(summary_below({"a/1.jpg"}, "b"), Error);
  const Paths splits = together(below("train/", cats_and_dogs), {"val/1.jpg"});
  std::string prefix = "a/";
  for (int level = 1; level <= 6; ++level, prefix += "b/")
    EXPECT_EQ(summary_below(together(below(prefix, splits), {"zoo/x/1.jpg", "1.jpg"}),
                            prefix.substr(0, prefix.size() - 1)),
              "train[" + prefix + "train/]L3 val[" + prefix + "val/]1 cat,dog,");
  EXPECT_EQ(summary_below({".cache/a/1.jpg", ".cache/b/1.jpg"}, ".cache"), "[.cache/]L2 a,b,");
}

TEST(Layout, HiddenNamesCountNowhere) {
  const Paths hidden{"__MACOSX/cat/._1.jpg", ".ipynb_checkpoints/1.jpg",
                     "@eaDir/x/1.jpg",       ".DS_Store",
                     "lost+found/1.jpg",     "._1.jpg"};
  EXPECT_EQ(summary_of(together(cats_and_dogs, hidden)), "[]L3 cat,dog,");
  EXPECT_EQ(summary_of(together(below("w/train/", cats_and_dogs),
                                together(hidden, below("w/train/", hidden)))),
            "train[w/train/]L3 cat,dog,");
  // Inside a class they keep their place in the order, where they are then listed.
  EXPECT_EQ(summary_of({"a/.x/1.jpg", "a/1.jpg", "a/.DS_Store", "b/1.jpg"}), "[]L4 a,b,");
  EXPECT_EQ(summary_of({"a/1.jpg", "b/.DS_Store"}), "[]L2 a,b,") << "b is an empty class";
  EXPECT_EQ(refusal_of({".DS_Store", "__MACOSX/1.jpg"}), "The input holds no files.");
}

TEST(Layout, StraysBesideSplits) {
  const Paths splits = together(below("train/", cats_and_dogs), below("test/", cats_and_dogs));
  const std::string right = "test[test/]L3 train[train/]L3 cat,dog,";
  EXPECT_EQ(summary_of(together(splits, {"classes.png", "README.md"})), right);
  EXPECT_EQ(summary_of(together(splits, {"samples/1.jpg", "samples/2.jpg"})), right);
  EXPECT_EQ(summary_of(together(splits, {"masks/1.png", "masks/2.png", "masks/3.png"})), right);
  EXPECT_THAT(refusal_of(together(splits, below("other/", cats_and_dogs))),
              HasSubstr("--split NAME=FOLDER"));
  EXPECT_THAT(refusal_of({"train/a/1.jpg", "cat/2.jpg"}), HasSubstr("--subdir"));
  EXPECT_THAT(refusal_of({"train/a/1.jpg", "2.jpg"}), HasSubstr("--subdir"));
  EXPECT_THAT(refusal_of({"train/1.jpg", "Train/1.jpg"}), HasSubstr("look alike"));
}

TEST(Layout, SplitsCanBeNamed) {
  LayoutChoice choice;
  choice.splits = {{"train", "a/b"}, {"test", "c"}};
  EXPECT_EQ(summary_of(together(below("a/b/", cats_and_dogs),
                                together(below("c/", cats_and_dogs), {"d/1.jpg"})),
                       choice),
            "test[c/]L3 train[a/b/]L3 cat,dog,");
  EXPECT_THAT(refusal_of(below("a/b/", cats_and_dogs), choice), HasSubstr("no files below c"));
  choice.splits[1].folder = "a";
  EXPECT_THAT(refusal_of(below("a/b/", cats_and_dogs), choice), HasSubstr("lie in each other"));
}

TEST(Layout, MasksBesideImagesAreNoClass) {
  EXPECT_EQ(summary_of({"images/1.jpg", "masks/1.png"}), "[images/]1 ");
  EXPECT_EQ(summary_of({"images/training/1.jpg", "images/validation/2.jpg",
                        "annotations/training/1.png", "annotations/validation/2.png"}),
            "training[images/training/]1 validation[images/validation/]1 ");
  EXPECT_EQ(summary_of({"train/images/1.jpg", "train/masks/1.png", "val/images/1.jpg"}),
            "train[train/images/]1 val[val/]1 ");
  EXPECT_EQ(summary_of({"with_mask/1.jpg", "mask/1.jpg"}), "[]L2 mask,with_mask,");
  EXPECT_EQ(summary_of({"CUB/images/a/1.jpg", "CUB/images/b/2.jpg", "segmentations/a/1.png"}),
            "[CUB/images/]L2 a,b,");
}

TEST(Layout, WhatToolsWriteBesideImagesIsNoClass) {
  EXPECT_EQ(summary_of({"JPEGImages/1.jpg", "SegmentationClass/1.npy", "SegmentationClassPNG/1.png",
                        "SegmentationClassVisualization/1.jpg"}),
            "[JPEGImages/]1 ");
  EXPECT_EQ(summary_of({"train/1.png", "trainannot/1.png", "val/2.png", "valannot/2.png"}),
            "train[train/]1 val[val/]1 ");
  EXPECT_EQ(summary_of({"train/1.png", "train_labels/1.png", "test/2.png", "test_labels/2.png"}),
            "test[test/]1 train[train/]1 ");
  EXPECT_EQ(summary_of({"img/1.jpg", "masks_machine/1.png", "masks_human/1.png"}), "[img/]1 ");
  EXPECT_EQ(summary_of({"with/1.jpg", "with_mask/1.jpg", "without_mask/1.jpg"}),
            "[]L3 with,with_mask,without_mask,");
  EXPECT_THAT(refusal_of({"a_json/img.png", "a_json/label.png", "b_json/img.png"}),
              HasSubstr("labelme"));
}

TEST(Layout, ClassesNamedLikeAnnotationsOfOthersStayClasses) {
  const auto warnings = [](const Paths& paths) { return read(paths, {}).layout.warnings; };
  const Paths faces{"face/1.jpg", "face/2.jpg", "face_mask/3.jpg"};
  EXPECT_EQ(summary_of(faces), "[]L3 face,face_mask,");
  EXPECT_THAT(warnings(faces), Contains(HasSubstr("The folders face_mask in the input were taken "
                                                  "as classes")));
  EXPECT_EQ(summary_of({"in/beer/1.jpg", "in/beer label/2.jpg"}), "[in/]L2 beer,beer label,");
  EXPECT_EQ(summary_of({"face/1.png", "face_mask/2.png"}), "[]L2 face,face_mask,");
  EXPECT_EQ(summary_of({"train/face/1.jpg", "train/face_mask/2.jpg", "val/face/1.jpg",
                        "val/face_mask/1.jpg"}),
            "train[train/]L2 val[val/]L2 face,face_mask,");
}

TEST(Layout, PairsOfImagesAndAnnotationsAreToldAndCanBePacked) {
  const auto warnings = [](const Paths& paths) { return read(paths, {}).layout.warnings; };
  for (const std::string bare : {"face", "site 1"})
    for (const std::string mask : {"_mask", "_masks", "annot"}) {
      const Paths pair{bare + "/1.jpg", bare + mask + "/1.png"};
      EXPECT_EQ(summary_of(pair), "[" + bare + "/]1 ");
      EXPECT_THAT(warnings(pair), Contains(HasSubstr(bare + mask + " were left out as")));
      EXPECT_EQ(classes_of(pair), "[]L2 " + bare + "," + bare + mask + ",");
    }
  const Paths cvat{"default/1.png", "defaultannot/1.png"};
  EXPECT_EQ(summary_of(cvat), "[default/]1 ");
  EXPECT_TRUE(warnings(cvat).empty());
  EXPECT_EQ(classes_of(cvat), "[]L2 default,defaultannot,");
  EXPECT_EQ(summary_of({"images/1.jpg", "images_mask/1.jpg"}), "[images/]1 ");
  EXPECT_EQ(summary_of({"train/1.jpg", "train_mask/1.jpg", "val/1.jpg", "val_mask/1.jpg"}),
            "train[train/]1 val[val/]1 ");
}

TEST(Layout, FoldersThatAllHoldTheSameFoldersAreTold) {
  const auto warnings = [](const Paths& paths) { return read(paths, {}).layout.warnings; };
  const auto folds = together(below("fold1/", cats_and_dogs), below("fold2/", cats_and_dogs));
  EXPECT_THAT(warnings(folds), Contains(HasSubstr("holds the same folders, cat, dog")));
  EXPECT_TRUE(warnings({"animals/cat/1.jpg", "animals/dog/1.jpg", "cars/a/1.jpg"}).empty());
}

TEST(Layout, SplitsBelowClassesAreRefused) {
  EXPECT_THAT(refusal_of({"cat/train/1.jpg", "cat/test/1.jpg", "dog/train/1.jpg"}),
              HasSubstr("which would be mixed"));
  EXPECT_THAT(refusal_of({"leftImg8bit/train/a/1.png", "gtFine/train/a/1.png"}),
              HasSubstr("--subdir"));
  EXPECT_THAT(refusal_of({"bottle/train/good/1.png", "bottle/test/bad/1.png",
                          "bottle/ground_truth/bad/1.png", "cable/train/good/1.png"}),
              HasSubstr("named like splits (test, train)"));
  EXPECT_EQ(classes_of({"cat/train/1.jpg", "dog/train/1.jpg"}), "[]L2 cat,dog,");
}

// cell_images/{Parasitized,Uninfected,cell_images/{Parasitized,Uninfected}}: downloads do that.
TEST(Layout, ASetThatLiesInItselfOnceMoreIsRefused) {
  EXPECT_THAT(refusal_of(together(cats_and_dogs, below("pets/", cats_and_dogs))),
              HasSubstr("the folder pets holds folders of the same names as those beside it (cat, "
                        "dog)"));
  EXPECT_THAT(refusal_of(together(
                  below("train/", cats_and_dogs),
                  together(below("train/train/", cats_and_dogs), below("test/", cats_and_dogs)))),
              HasSubstr("train/train holds"));
  EXPECT_EQ(summary_below(together(cats_and_dogs, below("pets/", cats_and_dogs)), "pets"),
            "[pets/]L3 cat,dog,");
  EXPECT_EQ(summary_of({"cat/1.jpg", "dog/1.jpg", "wolf/dog/1.jpg"}), "[]L3 cat,dog,wolf,")
      << "one name may be chance";
  EXPECT_EQ(
      summary_of({"cat/1.jpg", "dog/1.jpg", "pets/1.jpg", "pets/cat/1.jpg", "pets/dog/1.jpg"}),
      "[]L5 cat,dog,pets,");
}

TEST(Layout, NumbersOfClassesMayBeThoseOfFoldersInThem) {
  Paths subjects;
  for (const std::string subject : {"1/", "2/", "3/"})
    for (const char* session : {"1/a.jpg", "2/a.jpg"}) subjects.push_back(subject + session);
  EXPECT_EQ(summary_of(subjects), "[]L6 1,2,3,");
  EXPECT_THAT(read(subjects, {}).layout.warnings,
              Contains(HasSubstr("holds the same folders, 1, 2")));
  EXPECT_EQ(summary_of({"1/2/a.jpg", "1/3/a.jpg", "2/1/a.jpg", "2/4/a.jpg", "3/1/a.jpg"}),
            "[]L5 1,2,3,");
  EXPECT_EQ(summary_of({"1/1/a.jpg", "1/2/a.jpg", "2/a.jpg", "3/a.jpg"}), "[]L4 1,2,3,")
      << "not all the others";
  const auto twice = together(cats_and_dogs, below("pets/", cats_and_dogs));
  EXPECT_THAT(refusal_of(together(twice, below("pets/pets/", cats_and_dogs))),
              HasSubstr("the folder pets holds"));
  EXPECT_EQ(classes_of(twice), "[]L6 cat,dog,pets,");
}

TEST(Layout, OneSplitWithItsClassesALevelDeeperIsRefused) {
  EXPECT_THAT(refusal_of({"train/animals/cat/1.jpg", "train/animals/dog/1.jpg",
                          "train/vehicles/car/1.jpg", "val/cat/1.jpg", "val/car/1.jpg"}),
              HasSubstr("a level deeper in train"));
  const auto r = read({"train/a/1.jpg", "train/b/1.jpg", "val/c/1.jpg", "val/d/1.jpg"}, {});
  EXPECT_THAT(r.layout.warnings, Contains(HasSubstr("val has 2 classes that train has not: c, d")));
}

TEST(Layout, WebDatasetsHaveNoClasses) {
  Paths tars;
  for (const std::string tar : {"x-train-000", "x-train-001"})
    tars = together(tars, {tar + ".tar/", tar + "/1.jpg", tar + "/1.cls", tar + "/1.json"});
  const auto r = read(tars, {});
  EXPECT_EQ(summary_of(tars), "[]6 2,10,");
  EXPECT_EQ(r.text, "2 images in 2 classes by their .cls files");
  EXPECT_THAT(r.layout.notes, Contains(HasSubstr("WebDataset")));
  EXPECT_EQ(
      summary_of({"000.tar/", "000/1.jpg", "000/1.txt", "001.tar/", "001/2.jpg", "001/2.txt"}),
      "[]4 ");
  EXPECT_EQ(summary_of({"000/1.jpg", "000/1.cls", "001/2.jpg", "001/2.cls"}), "[]4 2,10,");
  EXPECT_EQ(summary_of({"cat.tar/", "cat/1.jpg", "dog.tar/", "dog/1.jpg"}), "[]L2 cat,dog,");
  EXPECT_THAT(refusal_of(together(tars, {"x-val-000.tar/", "x-val-000/1.jpg", "x-val-000/1.cls"})),
              HasSubstr("parts of splits"));
}

TEST(Layout, ClassNamesThatLookAlikeAreTold) {
  const auto warnings = [](const Paths& paths) { return read(paths, {}).layout.warnings; };
  EXPECT_THAT(warnings({"caf\xC3\xA9/1.jpg", "cafe\xCC\x81/1.jpg"}),
              Contains(HasSubstr("\"cafe\\xCC\\x81\" and \"caf\\xC3\\xA9\"")));
  EXPECT_THAT(warnings({"train/Cat/1.jpg", "val/cat/1.jpg"}),
              Contains(HasSubstr("\"Cat\" and \"cat\"")));
  EXPECT_THAT(warnings({"dog/1.jpg", "dog /1.jpg"}), Contains(HasSubstr("\"dog\" and \"dog \"")));
  EXPECT_TRUE(warnings({"cat/1.jpg", "dog/1.jpg"}).empty());
}

TEST(Layout, OneLineSaysWhatWasRead) {
  EXPECT_EQ(
      read(together(together(below("w/train/", cats_and_dogs), {"w/test/1.jpg"}),
                    {"w/notes.txt", "__MACOSX/._1.jpg", "../up.jpg", "w/train/z/1.heic"}),
           {})
          .text,
      "test: 1 image without classes; train: 3 images in 2 classes (cat 2, dog 1); left out: 1 "
      "file directly in w/, w/train/z/ (1 file, none named like an image), 1 hidden file, 1 "
      "file that leads out");
  EXPECT_THAT(read({"a/1.jpg", "1.jpg", "2.jpg"}, {}).layout.warnings,
              Contains(HasSubstr("2 images lie beside the class folders")));
}

TEST(Layout, FoldersBeyondTheLimitCountForThoseAbove) {
  FolderTree tree("", 100);
  const auto add = [&](const std::string& path) { tree.add({path, 10, false, false, "", ""}); };
  for (const std::string split : {"w/train/", "w/val/"})
    for (const std::string name : {"cat/", "dog/"})
      for (int object = 0; object < 1000; ++object)
        add(split + name + std::to_string(object) + "/x/1.jpg");
  add("w/train/cat/0/x/2.jpg");
  const Folder& root = tree.finish();
  EXPECT_EQ(root.all.images, 4001);
  ASSERT_NE(root.find("w/train/dog"), nullptr);
  EXPECT_EQ(root.find("w/train/cat")->all.images, 1001);
  EXPECT_EQ(root.find("w/train/cat/7"), nullptr) << "as many folders as images are not kept";
  const Layout layout = find_layout(tree, {});
  EXPECT_EQ(layout.class_names, (Paths{"cat", "dog"}));
  EXPECT_EQ(layout.splits.at(0).candidates, 2001);
}

TEST(Layout, PathsThatLeadOutHaveNoPlace) {
  EXPECT_EQ(summary_of({"a/1.jpg", "b/1.jpg", "../up.jpg", "a/../../1.jpg"}), "[]L2 a,b,");
  EXPECT_EQ(summary_of({"1.jpg", "../up.jpg"}), "[]1 ");
}

}  // namespace
}  // namespace ijepa::test
