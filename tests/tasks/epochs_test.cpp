#include "src/tasks/loop/epochs.hpp"

#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace ijepa::test {
namespace {

struct Page {
  std::string title;
  std::vector<std::int64_t> items;

  std::string text() const { return fmt::format("{}[{}]", title, fmt::join(items, ",")); }
};

/// Writes down what it is asked to do.
class Diary : public EpochTask<Page> {
 public:
  std::int64_t begin() override { return 1; }
  void open(Page& page, std::int64_t epoch, const StepShare& s) override {
    page = {fmt::format("{}:{}+{}", epoch, s.first, s.count),
            std::vector<std::int64_t>(static_cast<std::size_t>(s.count))};
  }
  void open_valid(Page& page, std::int64_t first, std::int64_t count) override {
    page = {fmt::format("valid {}+{}", first, count),
            std::vector<std::int64_t>(static_cast<std::size_t>(count))};
  }
  void fill(Page& page, std::int64_t i, int thread) override {
    EXPECT_TRUE(thread == 0 || thread == 1);
    page.items[static_cast<std::size_t>(i)] = i + 1;
  }
  void complete(Page& page) override { page.items.back() *= 10; }
  void learn(const Page& page, std::int64_t, const StepShare& share) override {
    text += page.text() + (share.last ? " last " : " ");
  }
  void finish(std::int64_t step) override { text += fmt::format("step {} ", step); }
  void judge(const Page& page) override { text += page.text() + " "; }
  void keep(std::int64_t epoch, double seconds) override {
    EXPECT_GE(seconds, 0);
    text += fmt::format("keep {}; ", epoch);
  }

  std::string text;
};

TEST(Epochs, GoOnAfterThoseThatAreDone) {
  Diary diary;
  const EpochPlan plan{3, {5, 3, 2, 1}, 4, 3, 2};
  Epochs<Page>(diary, plan, *local_communicator(), Log(1)).run();
  EXPECT_EQ(diary.text,
            "1:0+2[1,20] 1:2+1[10] last step 2 1:3+2[1,20] last step 3 valid 0+3[1,2,30] valid "
            "3+1[10] keep 1; "
            "2:0+2[1,20] 2:2+1[10] last step 4 2:3+2[1,20] last step 5 valid 0+3[1,2,30] valid "
            "3+1[10] keep 2; ");
}

TEST(Epochs, DoNothingWhereAllAreDone) {
  Diary diary;
  Epochs<Page>(diary, {1, {5, 3, 2, 1}, 4, 3}, *local_communicator(), Log(1)).run();
  EXPECT_EQ(diary.text, "");
}

}  // namespace
}  // namespace ijepa::test
