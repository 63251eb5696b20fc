// Names that are not there yet, from within the folder that they are asked of.
#include "ijepa/core/path.hpp"

#include <gtest/gtest.h>

#include <filesystem>

#include "tests/support/temporary_folder.hpp"

namespace ijepa {
namespace {

namespace fs = std::filesystem;

class Path : public testing::Test {
 protected:
  Path() {
    fs::create_directories(folder_.path() / "in/a");
    fs::create_directory_symlink(folder_.path() / "in", folder_.path() / "link");
    fs::current_path(folder_.path() / "in");
  }
  ~Path() override { fs::current_path(before_); }

  const fs::path before_ = fs::current_path();
  const test::TemporaryFolder folder_;
};

TEST_F(Path, AFolderHoldsItselfAndWhatLiesBelow) {
  for (const char* inner : {".", "a", "new", "new/er", "a/../new", "../in", "../link/new"}) {
    EXPECT_TRUE(lies_in(inner, ".")) << inner;
    EXPECT_TRUE(lies_in(inner, "../link/")) << inner;
    EXPECT_TRUE(lies_in(inner, folder_.path() / "in")) << inner;
  }
}

TEST_F(Path, ANameThatBeginsAlikeLiesElsewhere) {
  for (const char* inner : {"..", "../inside", "../other/in", "a/../../x", "/"})
    EXPECT_FALSE(lies_in(inner, ".")) << inner;
}

TEST_F(Path, ANameIsTheSameWhetherItIsThereOrNot) {
  const auto before = real_path("new/run");
  fs::create_directories("new/run");
  EXPECT_EQ(real_path("new/run"), before);
  EXPECT_EQ(before, (fs::canonical(folder_.path()) / "in/new/run").string());
}

}  // namespace
}  // namespace ijepa
