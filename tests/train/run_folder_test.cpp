// What makes two configurations those of one run.
#include "ijepa/train/run/run_folder.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/support/tiny_run.hpp"

namespace ijepa::test {
namespace {

std::string text_with(const std::vector<std::string>& overrides) {
  PretrainRecipe r = tiny_recipe("shards", "run");
  for (const auto& assignment : overrides) apply_override(fields_of(r), assignment);
  resolve(r);
  return recipe_text(r);
}

std::string without_line(std::string text, const std::string& line) {
  const auto at = text.find(line + "\n");
  EXPECT_NE(at, std::string::npos) << line;
  return text.erase(at, line.size() + 1);
}

// A run that an earlier program began goes on under one that has more settings.
TEST(RunFolder, ASettingThatTheRunDidNotKnowHadItsDefault) {
  const std::string before = without_line(text_with({}), "init = \"authors\"");
  EXPECT_THAT(differing_settings(before, text_with({})), testing::IsEmpty());
  EXPECT_THAT(differing_settings(before, text_with({"model.init=xavier"})),
              testing::ElementsAre("model.init: \"authors\" there, \"xavier\" here"));
}

}  // namespace
}  // namespace ijepa::test
