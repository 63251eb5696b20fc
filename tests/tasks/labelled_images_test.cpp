#include "ijepa/tasks/images/labelled_images.hpp"

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>

#include "ijepa/core/file.hpp"
#include "tests/support/pictures.hpp"
#include "tests/support/temporary_folder.hpp"
#include "tests/tasks/probing/examples.hpp"

namespace ijepa::test {
namespace {

namespace fs = std::filesystem;

class LabelledImages : public ::testing::Test {
 protected:
  void put(const std::string& name, const Bytes& bytes) const {
    const auto path = folder_.path() / name;
    fs::create_directories(path.parent_path());
    std::ofstream(path, std::ios::binary)
        .write(reinterpret_cast<const char*>(bytes.data()), std::ssize(bytes));
  }
  /// Two good images of each class, and damaged ones between them.
  std::unique_ptr<Dataset> source(const std::vector<std::string>& classes) const {
    for (const auto& name : classes)
      for (const char* file : {"/1.png", "/3.png"})
        put(name + file, encode_png(draw_picture(8, 8)));
    return open_images(folder_.path().string());
  }
  void leave_out(std::unique_ptr<Dataset>& images) {
    leave_out_bad_images(images, bad_, 2, 3, *local_communicator(), Log(1));
  }
  static std::vector<std::string> keys_of(const Dataset& images) {
    std::vector<std::string> keys;
    for (std::int64_t i = 0; i < images.size(); ++i) keys.push_back(images.key(i));
    return keys;
  }

  TemporaryFolder folder_;
  std::vector<BadImage> bad_;
};

TEST_F(LabelledImages, ThoseThatCannotBeReadAreLeftOutAndListed) {
  put("cat/2.png", {'n', 'o', 'n', 'e'});
  put("dog/0.png", {});
  auto images = source({"cat", "dog"});
  const auto all = images->fingerprint();
  leave_out(images);
  EXPECT_EQ(keys_of(*images),
            (std::vector<std::string>{"cat/1.png", "cat/3.png", "dog/1.png", "dog/3.png"}));
  EXPECT_EQ(images->label(1), 0);
  EXPECT_EQ(images->label(2), 1);
  EXPECT_NE(images->fingerprint(), all) << "features of other images must not be taken for these";
  std::vector<std::uint8_t> encoded;
  images->read(2, encoded);
  EXPECT_EQ(encoded, encode_png(draw_picture(8, 8)));
  ASSERT_EQ(bad_.size(), 2U);
  EXPECT_EQ(bad_[0].key, "cat/2.png");
  EXPECT_EQ(bad_[1].key, "dog/0.png");
  write_bad_images(bad_, folder_.path().string());
  const auto list = read_text_file((folder_.path() / "bad_images.csv").string());
  EXPECT_TRUE(list.starts_with("key,reason\ncat/2.png,")) << list;
}

TEST_F(LabelledImages, NothingIsLeftOutOfGoodOnes) {
  auto images = source({"cat"});
  const auto* before = images.get();
  leave_out(images);
  EXPECT_EQ(images.get(), before);
  write_bad_images(bad_, folder_.path().string());
  EXPECT_FALSE(fs::exists(folder_.path() / "bad_images.csv"));
}

TEST_F(LabelledImages, NoneThatCanBeReadAreRefusedWithTheFirstReason) {
  put("cat/1.png", {'n', 'o', 'n', 'e'});
  auto images = open_images(folder_.path().string());
  const auto text = message_of([&] { leave_out(images); });
  EXPECT_TRUE(text.starts_with("None of the 1 images can be read; the first, cat/1.png: ")) << text;
}

TEST_F(LabelledImages, HaveTheClassesOfThoseThatWereTrainedOn) {
  const auto train = source({"cat", "dog", "owl"});
  const TemporaryFolder other;
  fs::create_directories(other.path() / "owl");
  fs::create_directories(other.path() / "dog");
  fs::copy(folder_.path() / "cat/1.png", other.path() / "owl/9.png");
  fs::copy(folder_.path() / "cat/1.png", other.path() / "dog/8.png");
  const auto valid =
      with_classes_of(*train, "train", open_images(other.path().string()), "valid", Log(1));
  EXPECT_EQ(valid->class_names(), train->class_names());
  EXPECT_EQ(valid->key(0), "dog/8.png");
  EXPECT_EQ(valid->label(0), 1);
  EXPECT_EQ(valid->label(1), 2);
}

}  // namespace
}  // namespace ijepa::test
