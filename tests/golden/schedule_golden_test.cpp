#include <gtest/gtest.h>

#include "ijepa/train/recipe/schedule.hpp"
#include "tests/support/golden.hpp"

namespace ijepa::test {
namespace {

OptimSettings settings_of(const GoldenFile& file, const std::string& group) {
  OptimSettings optim;
  optim.epochs = file.integer(group, "epochs");
  optim.warmup_epochs = file.number(group, "warmup");
  optim.lr = file.number(group, "lr");
  optim.start_lr = file.number(group, "start_lr");
  optim.final_lr = file.number(group, "final_lr");
  optim.weight_decay = file.number(group, "wd");
  optim.final_weight_decay = file.number(group, "final_wd");
  optim.ipe_scale = file.number(group, "ipe_scale");
  const auto ema = file.numbers(group, "ema");
  optim.ema_start = ema.at(0);
  optim.ema_end = ema.at(1);
  return optim;
}

void compare(const GoldenFile& file, const std::string& group) {
  const Schedule schedule(settings_of(file, group), file.integer(group, "ipe"));
  const auto shape = file.shape(group + "/rows");
  const auto rows = file.values(group + "/rows");
  ASSERT_EQ(shape.at(1), 4);
  for (std::size_t at = 0; at < rows.size(); at += 4) {
    const auto step = static_cast<std::int64_t>(rows[at]);
    SCOPED_TRACE(file.name() + " " + group + " step " + std::to_string(step));
    EXPECT_NEAR(schedule.learning_rate(step), rows[at + 1], 1e-12 * rows[at + 1] + 1e-18);
    EXPECT_NEAR(schedule.weight_decay(step), rows[at + 2], 1e-12 * rows[at + 2]);
    EXPECT_NEAR(schedule.momentum(step), rows[at + 3], 1e-12 * rows[at + 3]);
  }
}

TEST(GoldenSchedule, EveryRowOfEveryFile) {
  const auto files = golden_files("schedule");
  if (files.empty()) GTEST_SKIP() << "no golden file of kind schedule";
  for (const auto& path : files) {
    const GoldenFile file(path);
    for (const auto& group : file.children()) compare(file, group);
  }
}

}  // namespace
}  // namespace ijepa::test
