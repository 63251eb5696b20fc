#include "src/tasks/loop/epochs.hpp"

#include <gtest/gtest.h>

namespace ijepa::test {
namespace {

/// Writes down what it is asked to do.
class Diary : public EpochTask<std::string> {
 public:
  std::int64_t begin() override { return 1; }
  std::string load(std::int64_t epoch, const StepShare& s) override {
    return fmt::format("{}:{}+{}", epoch, s.first, s.count);
  }
  void learn(const std::string& batch, std::int64_t, const StepShare& share) override {
    text += batch + (share.last ? " last " : " ");
  }
  void finish(std::int64_t step) override { text += fmt::format("step {} ", step); }
  std::string load_valid(std::int64_t first, std::int64_t count) override {
    return fmt::format("valid {}+{} ", first, count);
  }
  void judge(const std::string& batch) override { text += batch; }
  void keep(std::int64_t epoch, double seconds) override {
    EXPECT_GE(seconds, 0);
    text += fmt::format("keep {}; ", epoch);
  }

  std::string text;
};

TEST(Epochs, GoOnAfterThoseThatAreDone) {
  Diary diary;
  const EpochPlan plan{3, {5, 3, 2, 1}, 4, 3};
  Epochs<std::string>(diary, plan, *local_communicator(), Log(1)).run();
  EXPECT_EQ(diary.text,
            "1:0+2 1:2+1 last step 2 1:3+2 last step 3 valid 0+3 valid 3+1 keep 1; "
            "2:0+2 2:2+1 last step 4 2:3+2 last step 5 valid 0+3 valid 3+1 keep 2; ");
}

TEST(Epochs, DoNothingWhereAllAreDone) {
  Diary diary;
  Epochs<std::string>(diary, {1, {5, 3, 2, 1}, 4, 3}, *local_communicator(), Log(1)).run();
  EXPECT_EQ(diary.text, "");
}

}  // namespace
}  // namespace ijepa::test
