#include "ijepa/tasks/images/image_folder.hpp"

#include <fmt/ranges.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <filesystem>
#include <fstream>

#include "ijepa/data/images/image.hpp"
#include "ijepa/tasks/images/image_choice.hpp"
#include "ijepa/tasks/images/open_images.hpp"
#include "tests/support/pictures.hpp"
#include "tests/support/temporary_folder.hpp"
#include "tests/tasks/probing/examples.hpp"

namespace ijepa::test {
namespace {

namespace fs = std::filesystem;

using Paths = std::vector<std::string>;

class ImageFolders : public ::testing::Test {
 protected:
  fs::path path(const std::string& name) const { return folder_.path() / name; }
  void put(const std::string& name, const Bytes& bytes) const {
    fs::create_directories(path(name).parent_path());
    std::ofstream(path(name), std::ios::binary)
        .write(reinterpret_cast<const char*>(bytes.data()), std::ssize(bytes));
  }
  void put_image(const std::string& name) const { put(name, encode_png(draw_picture(8, 8))); }
  void put_text(const std::string& name) const { put(name, {'t', 'e', 'x', 't', '\n'}); }
  ImageFolder found() const { return find_images(folder_.path().string()); }

  TemporaryFolder folder_;
};

TEST_F(ImageFolders, ImagesAreToldByTheirFirstBytesOrTheirNames) {
  put_image("a/0123abc");  // without an ending
  put_image("a/wrong.txt");
  put_text("a/damaged.JPG");  // its reader will say what it is
  put_text("notes.txt");
  put("Thumbs.db", {0xD0, 0xCF, 0x11, 0xE0});
  const auto all = found();
  EXPECT_EQ(all.paths, (Paths{"a/0123abc", "a/damaged.JPG", "a/wrong.txt"}));
  EXPECT_EQ(all.passed_over, 2);
  EXPECT_EQ(all.note(),
            "2 files are no images and were passed over; the first is Thumbs.db (a Windows "
            "thumbnail database)");
}

TEST_F(ImageFolders, FoldersNamedLikeSplitsAndAnnotationsAreNoClasses) {
  const auto classes_of = [&](const Paths& folders) {
    fs::remove_all(path("in"));
    for (const auto& folder : folders) put_image("in/" + folder + "/1.png");
    return open_images(path("in").string());
  };
  for (const Paths& folders : {Paths{"train", "val"}, Paths{"train2017"}, Paths{"images", "masks"},
                               Paths{"seg_train", "seg_test"}, Paths{"images_001", "images_002"}}) {
    const auto images = classes_of(folders);
    EXPECT_TRUE(images->class_names().empty()) << folders[0];
    EXPECT_EQ(images->label(0), -1);
    EXPECT_NE(images->note().find(folders[0]), std::string::npos) << images->note();
    EXPECT_NE(images->why_no_classes().find("--no-splits"), std::string::npos);
  }
  for (const Paths& folders :
       {Paths{"bus", "car", "train"}, Paths{"face", "face_mask"}, Paths{"1", "2"}}) {
    const auto images = classes_of(folders);
    EXPECT_EQ(images->class_names(), folders);
    EXPECT_EQ(images->note(), fmt::format("{} classes by its folders: {}", folders.size(),
                                          fmt::join(folders, ", ")));
  }
}

TEST_F(ImageFolders, MasksAmongImagesAreTold) {
  for (const char* name : {"cat/images/1.png", "cat/masks/1.png", "dog/2.png", "dog/2_mask_1.png"})
    put_image(name);
  EXPECT_EQ(found().note(),
            "2 of 4 images are masks or annotations by their names and are taken as images; the "
            "first is cat/masks/1.png");
  const TemporaryFolder faces;
  fs::create_directories(faces.path() / "mask");
  fs::copy(path("dog/2.png"), faces.path() / "mask/1_mask.png");
  EXPECT_EQ(find_images(faces.path().string()).note(), "") << "all of them";
}

TEST_F(ImageFolders, HiddenNamesHoldNoImages) {
  put_image("cat/1.png");
  for (const char* name : {"cat/._1.png", "cat/.DS_Store", ".ipynb_checkpoints/1.png",
                           "@eaDir/1.png", "__MACOSX/cat/1.png", "cat/.ipynb_checkpoints/2.png"})
    put_image(name);
  const auto all = found();
  EXPECT_EQ(all.paths, (Paths{"cat/1.png"}));
  EXPECT_EQ(all.folders, (Paths{"cat"}));
  EXPECT_EQ(all.passed_over, 6);
}

TEST_F(ImageFolders, LinksAreFollowedAndLoopsAreNot) {
  const TemporaryFolder pool;
  fs::create_directories(pool.path() / "dog");
  put_image("cat/1.png");
  fs::copy(path("cat/1.png"), pool.path() / "dog/2.png");
  fs::create_directory_symlink(pool.path() / "dog", path("dog"));
  fs::create_symlink(path("cat/1.png"), path("cat/3.png"));
  EXPECT_EQ(found().paths, (Paths{"cat/1.png", "cat/3.png", "dog/2.png"}));
  fs::create_directory_symlink("..", path("cat/up"));
  fs::create_symlink("self.png", path("cat/self.png"));
  fs::create_symlink("nowhere.png", path("cat/broken.png"));
  ASSERT_EQ(::mkfifo(path("cat/pipe.png").c_str(), 0600), 0);
  const auto all = found();
  EXPECT_EQ(all.paths, (Paths{"cat/1.png", "cat/3.png", "dog/2.png"}));
  EXPECT_EQ(all.passed_over, 4);
}

TEST_F(ImageFolders, AFolderThatIsALinkToItselfIsNamed) {
  fs::create_symlink("self", path("self"));
  const auto message = message_of([&] { open_images(path("self").string()); });
  EXPECT_NE(message.find("There are no images at"), std::string::npos) << message;
  EXPECT_EQ(message.find("filesystem error"), std::string::npos);
}

TEST_F(ImageFolders, NamesThatAreNoUtf8AreWrittenAsInShards) {
  put_image("caf\xE9/\xE9 1.png");
  put_image("dog/2.png");
  const auto images = open_images(folder_.path().string());
  EXPECT_EQ(images->class_names(), (Paths{"caf\\xE9", "dog"}));
  EXPECT_EQ(images->key(0), "caf\\xE9/\\xE9 1.png");
  EXPECT_EQ(images->label(0), 0);
  EXPECT_EQ(images->label(1), 1);
  std::vector<std::uint8_t> encoded;
  images->read(0, encoded);
  EXPECT_FALSE(encoded.empty());
  EXPECT_EQ(find_image(*images, "caf\xE9/\xE9 1.png"), 0) << "asked for as it is on the disk";
}

TEST_F(ImageFolders, EveryWayToWriteTheFolderIsTheSame) {
  put_image("cat/1.png");
  const auto root = folder_.path().string();
  const auto fingerprint = open_images(root)->fingerprint();
  for (const auto& name : {root + "/", root + "/.", root + "/cat/.."}) {
    EXPECT_EQ(open_images(name)->fingerprint(), fingerprint) << name;
    EXPECT_EQ(open_images(name)->key(0), "cat/1.png") << name;
  }
}

TEST_F(ImageFolders, OneImageIsASource) {
  put_image("cat/1.png");
  const auto image = open_images(path("cat/1.png").string());
  EXPECT_EQ(image->size(), 1);
  EXPECT_EQ(image->key(0), "1.png");
  EXPECT_EQ(image->label(0), -1);
  put_text("list.csv");
  const auto message = message_of([&] { open_images(path("list.csv").string()); });
  EXPECT_NE(message.find("is text: give one image"), std::string::npos) << message;
}

TEST_F(ImageFolders, ACacheOfHuggingFaceIsToldItsFolderOfImages) {
  put_image("blobs/5e");
  fs::create_directories(path("snapshots/1b/cat"));
  fs::create_symlink("../../../blobs/5e", path("snapshots/1b/cat/1.png"));
  const auto message = message_of([&] { open_images(folder_.path().string()); });
  EXPECT_NE(message.find("a cache of Hugging Face: name the folder of images in it, such as " +
                         path("snapshots/1b").string()),
            std::string::npos)
      << message;
  EXPECT_EQ(open_images(path("snapshots/1b").string())->size(), 1);
}

TEST_F(ImageFolders, WithoutImagesItSaysWhatIsThere) {
  put_text("a/1.txt");
  const auto message = message_of([&] { open_images(folder_.path().string()); });
  EXPECT_NE(message.find("holds neither shards nor images (JPEG, PNG, WebP"), std::string::npos);
  EXPECT_NE(message.find("a/1.txt (text)"), std::string::npos) << message;
}

TEST_F(ImageFolders, ClassesAreThoseInTheOneFolderOfAll) {
  put_image("birds/all/a/1.png");
  put_image("birds/all/b/1.png");
  put_text("README.txt");
  const auto images = open_images(folder_.path().string());
  EXPECT_EQ(images->class_names(), (std::vector<std::string>{"a", "b"}));
  EXPECT_EQ(images->label(1), 1);
  EXPECT_EQ(images->key(1), "birds/all/b/1.png");
  EXPECT_NE(images->note().find("2 classes by its folders in birds/all/: a, b"), std::string::npos)
      << images->note();
}

TEST_F(ImageFolders, SplitsBesideOthersAreNoClasses) {
  put_image("Train/0/1.png");
  put_image("Test/1.png");
  put_image("Meta/1.png");
  const auto images = open_images(folder_.path().string());
  EXPECT_TRUE(images->class_names().empty());
  EXPECT_EQ(images->label(0), -1);
  EXPECT_NE(images->why_no_classes().find("Meta, Test, Train"), std::string::npos);
}

TEST_F(ImageFolders, AnArchiveUnpackedIntoItsNameHasNoClass) {
  put_image("celeba/celeba/1.png");
  EXPECT_TRUE(open_images(folder_.path().string())->class_names().empty());
}

TEST_F(ImageFolders, AStrayOutsideTheClassFoldersIsNamed) {
  put_image("good/1.png");
  put_image("bad/1.png");
  put_image("preview.png");
  const auto images = open_images(folder_.path().string());
  EXPECT_TRUE(images->class_names().empty());
  EXPECT_NE(images->note().find("preview.png lies outside of the folders"), std::string::npos)
      << images->note();
}

TEST_F(ImageFolders, SomeOfAFolderAreSpreadOverItsClasses) {
  for (const char* name : {"a", "b", "c"})
    for (int i = 0; i < 4; ++i) put_image(fmt::format("{}/{}.png", name, i));
  const auto images = open_images(folder_.path().string());
  EXPECT_EQ(sample_images(*images, 6), (ImageChoice{0, 2, 4, 6, 8, 10}));
  EXPECT_EQ(sample_images(*images).size(), 12U);
  EXPECT_EQ(sample_images(*images, 50).size(), 12U);
}

TEST_F(ImageFolders, AFolderOfShardSetsNamesOne) {
  put_text("train/shard_00000.h5");
  put_text("val/shard_00000.h5");
  const auto message = message_of([&] { open_images(folder_.path().string()); });
  EXPECT_NE(message.find("Name one of the shard sets in it, such as " + path("train").string()),
            std::string::npos)
      << message;
}

}  // namespace
}  // namespace ijepa::test
