#include "data_tools/layout.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "ijepa/core/error.hpp"

namespace ijepa::test {
namespace {

using namespace tools;
using ::testing::Contains;
using ::testing::HasSubstr;

using Paths = std::vector<std::string>;

struct Read {
  Layout layout;
  std::string text;  // layout_text()
};

/// "a/" is a folder, "a.tar/" one that is in truth a tar.
Read read(const Paths& paths, const LayoutChoice& choice) {
  FolderTree tree(choice.subdir);
  for (const auto& path : paths) {
    SourceEntry entry{path, 10, false, false, "", ""};
    if (path.ends_with("/")) entry = {path.substr(0, path.size() - 1), 0, true, false, "", ""};
    if (path.ends_with(".tar/")) entry = {path.substr(0, path.size() - 5), 0, true, true, "", ""};
    tree.add(entry);
  }
  tree.finish();
  Read out{find_layout(tree, choice, {"2", "10"}), ""};
  out.text = layout_text(out.layout, tree, choice);
  return out;
}

/// "train[train/]L2 cat,dog," a split with labels and two candidates, and the classes.
std::string summary_of(const Paths& paths, const LayoutChoice& choice = {}) {
  const Layout layout = read(paths, choice).layout;
  std::string text;
  std::vector<std::int64_t> found(layout.splits.size());
  for (const auto& path : paths)
    if (const auto place = layout.place(path); place && !path.ends_with("/")) ++found[place->split];
  for (std::size_t s = 0; s < layout.splits.size(); ++s) {
    const Split& split = layout.splits[s];
    EXPECT_EQ(split.candidates, found[s]) << "place() and the counts must agree";
    EXPECT_EQ(split.bytes, 10 * found[s]);
    text += split.name + "[" + split.prefix + (split.labelled ? "]L" : "]") +
            std::to_string(split.candidates) + " ";
  }
  for (const auto& name : layout.class_names) text += name + ",";
  return text;
}

std::string summary_below(const Paths& paths, const std::string& subdir) {
  LayoutChoice choice;
  choice.subdir = subdir;
  return summary_of(paths, choice);
}

/// With --no-splits.
std::string classes_of(const Paths& paths) {
  LayoutChoice choice;
  choice.no_splits = true;
  return summary_of(paths, choice);
}

std::string refusal_of(const Paths& paths, const LayoutChoice& choice = {}) {
  try {
    return "not refused: " + summary_of(paths, choice);
  } catch (const Error& error) {
    return error.what();
  }
}

Paths below(const std::string& prefix, const Paths& paths) {
  Paths out;
  for (const auto& path : paths) out.push_back(prefix + path);
  return out;
}

Paths together(Paths some, const Paths& others) {
  some.insert(some.end(), others.begin(), others.end());
  return some;
}

const Paths cats_and_dogs{"cat/1.jpg", "cat/2.jpg", "dog/1.jpg"};

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

TEST(Layout, SplitsBelowClassesAreRefused) {
  EXPECT_THAT(refusal_of({"cat/train/1.jpg", "cat/test/1.jpg", "dog/train/1.jpg"}),
              HasSubstr("which would be mixed"));
  EXPECT_THAT(refusal_of({"leftImg8bit/train/a/1.png", "gtFine/train/a/1.png"}),
              HasSubstr("--subdir"));
  EXPECT_EQ(classes_of({"cat/train/1.jpg", "dog/train/1.jpg"}), "[]L2 cat,dog,");
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
