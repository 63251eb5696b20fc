// ijepa-weights as it is started: its exit codes, and one sentence for what it refuses.
#include <gtest/gtest.h>

#include <algorithm>
#include <fstream>

#include "tests/support/job.hpp"
#include "tests/support/temporary_folder.hpp"
#include "tests/train/weights/pickles.hpp"

namespace ijepa::test {
namespace {

TEST(WeightsProgram, EndsWithOneSentenceForWhatItRefuses) {
  const TemporaryFolder folder;
  const auto path = [&](const char* name) { return (folder.path() / name).string(); };
  std::ofstream(path("text.pth")) << "no weights at all";
  write_zip(path("hostile.pth"), {{"x/data.pkl",
                                   "\x80\x02"
                                   "cos\nsystem\n(" +
                                       text("id") + "tR."}});
  for (const char* name : {"text.pth", "hostile.pth", "absent.pth"}) {
    const auto ended = run({IJEPA_WEIGHTS, "import", path(name), "--out", path("run")});
    EXPECT_EQ(ended.code, 1) << name;
    EXPECT_EQ(std::ranges::count(ended.output, '\n'), 1) << ended.output;
    EXPECT_NE(ended.output.find(path(name)), std::string::npos) << ended.output;
    EXPECT_FALSE(std::filesystem::exists(path("run"))) << name;
  }
  EXPECT_NE(run({IJEPA_WEIGHTS}).code, 0);
}

}  // namespace
}  // namespace ijepa::test
