#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <limits>

#include "ijepa/core/error.hpp"
#include "ijepa/core/file.hpp"
#include "ijepa/core/message.hpp"
#include "tests/support/temporary_folder.hpp"

namespace ijepa {
namespace {

namespace fs = std::filesystem;

std::string problem_of(const std::string& folder, std::int64_t bytes = 0) {
  try {
    prepare_output_folder(folder, bytes);
  } catch (const Error& error) {
    return error.what();
  }
  return "";
}

TEST(OutputFolder, IsMadeAndLeftEmpty) {
  const test::TemporaryFolder folder;
  const auto path = folder.path() / "a/b";
  EXPECT_EQ(problem_of(path.string(), 1), "");
  EXPECT_TRUE(fs::is_empty(path));
  EXPECT_EQ(problem_of(path.string()), "") << "there already";
  make_folder("");
}

TEST(OutputFolder, SaysWhyItCannotBeUsed) {
  const test::TemporaryFolder folder;
  const auto file = (folder.path() / "file").string();
  std::ofstream(file) << "x";
  EXPECT_NE(
      problem_of(file + "/a").find("Cannot create the folder " + file + "/a: Not a directory"),
      std::string::npos);
  EXPECT_NE(problem_of(file), "");
  EXPECT_NE(problem_of("").find("empty"), std::string::npos);
  const auto link = (folder.path() / "link").string();
  fs::create_symlink(folder.path() / "emptied", link);
  for (const auto& below : {link, link + "/runs"})
    EXPECT_NE(problem_of(below).find(": " + link + " is a link to nothing."), std::string::npos)
        << problem_of(below);
  for (const char* home : {"~", "~/runs"})
    EXPECT_NE(problem_of(home).find("write the whole path"), std::string::npos) << home;
  EXPECT_FALSE(fs::exists("~"));
  EXPECT_NE(problem_of("/proc/sys/x"), "") << "not even root can";
  EXPECT_NE(problem_of("/proc/self").find("Cannot write into the folder /proc/self"),
            std::string::npos);
  const auto message = problem_of(folder.path().string(), std::numeric_limits<std::int64_t>::max());
  EXPECT_NE(message.find("but the results need 8589934592.0 GiB"), std::string::npos) << message;
}

TEST(MessageOfAnException, IsASentenceForThoseOfTheFileSystemToo) {
  const auto message_from = [](const auto& action) {
    try {
      action();
    } catch (...) {
      return message_of(std::current_exception());
    }
    return std::string();
  };
  EXPECT_EQ(message_from([] { static_cast<void>(fs::exists(std::string(300, 'n'))); }),
            "Cannot use " + std::string(300, 'n') + ": File name too long.");
  EXPECT_EQ(message_from([] { throw std::bad_alloc(); }), "Out of memory.");
  EXPECT_EQ(message_from([] { fail("It is {}.", 1); }), "It is 1.");
}

}  // namespace
}  // namespace ijepa
