// Mask limits: the drawable sizes against brute force, bounds against simulation, every refusal.
#include "ijepa/model/mask_limits.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <set>
#include <string>

#include "ijepa/core/error.hpp"

namespace ijepa {
namespace {

using Sizes = std::set<std::pair<std::int64_t, std::int64_t>>;

Sizes as_set(const std::vector<BlockSize>& sizes) {
  Sizes set;
  for (const auto s : sizes) set.emplace(s.rows, s.cols);
  EXPECT_EQ(set.size(), sizes.size()) << "a size is listed twice";
  return set;
}

std::string refusal(const MaskConfig& config, Grid grid) {
  try {
    check_masks(config, grid);
  } catch (const Error& e) {
    return e.what();
  }
  return "";
}

TEST(MaskLimits, DrawableSizesAreThoseOfAScanOfAllDraws) {
  for (const Grid grid : {Grid{8, 8}, Grid{14, 14}, Grid{9, 13}}) {
    MaskConfig config;
    config.aspect_min = 0.5;
    config.aspect_max = 2;
    Sizes targets, contexts;
    constexpr int steps = 20000;
    for (int i = 0; i < steps; ++i) {
      const double r = static_cast<double>(i) / steps;
      const auto sizes = block_sizes(config, grid, {r, r, r});
      targets.emplace(sizes.target.rows, sizes.target.cols);
      contexts.emplace(sizes.context.rows, sizes.context.cols);
    }
    EXPECT_EQ(as_set(drawable_target_sizes(config, grid)), targets);
    EXPECT_EQ(as_set(drawable_context_sizes(config, grid)), contexts);

    config.compat = false;
    targets.clear();
    constexpr int side = 1000;
    for (int i = 0; i < side; ++i)
      for (int j = 0; j < side; ++j) {
        const auto size = block_sizes(config, grid, {(i + 0.0) / side, (j + 0.0) / side, 0}).target;
        targets.emplace(size.rows, size.cols);
      }
    EXPECT_EQ(as_set(drawable_target_sizes(config, grid)), targets);
  }
}

TEST(MaskLimits, PublishedRecipesWork) {
  for (const std::int64_t side : {14, 16, 28}) EXPECT_EQ(refusal({}, {side, side}), "");
  EXPECT_EQ(refusal({}, {14, 21}), "");
}

TEST(MaskLimits, ABlockAtMinKeepIsRefusedWithItsNumbers) {
  const std::string text = refusal({}, {8, 8});
  EXPECT_NE(text.find("target block of 3 x 3 patches"), std::string::npos) << text;
  EXPECT_NE(text.find("8 x 8 grid"), std::string::npos) << text;
  EXPECT_NE(text.find("min_keep = 10"), std::string::npos) << text;
  MaskConfig config;
  config.min_keep = 8;
  EXPECT_EQ(refusal(config, {8, 8}), "");
  config.min_keep = 9;
  EXPECT_NE(refusal(config, {8, 8}), "");

  MaskConfig small_context;
  small_context.context_scale_min = 0.01;
  EXPECT_NE(refusal(small_context, {16, 16}).find("context block"), std::string::npos);
}

// Only draws below 1e-7 give the small block; a run of some epochs would meet one and hang.
TEST(MaskLimits, ARareBlockIsFound) {
  MaskConfig config;
  config.aspect_min = config.aspect_max = 1;
  config.target_scale_min = 13.0 / 64;  // n = 13: 4 x 4 patches; 12: 3 x 3
  config.target_scale_max = 0.22;
  EXPECT_EQ(refusal(config, {8, 8}), "");
  config.target_scale_min -= 1e-9;
  for (const bool compat : {true, false}) {
    config.compat = compat;
    EXPECT_NE(refusal(config, {8, 8}).find("3 x 3"), std::string::npos);
  }
}

TEST(MaskLimits, ValuesOutOfRangeAreRefused) {
  struct Case {
    const char* name;
    void (*change)(MaskConfig&);
  };
  const Case cases[] = {
      {"num_targets", [](MaskConfig& c) { c.num_targets = 0; }},
      {"num_contexts", [](MaskConfig& c) { c.num_contexts = 0; }},
      {"min_keep", [](MaskConfig& c) { c.min_keep = -1; }},
      {"truncate_group", [](MaskConfig& c) { c.truncate_group = 0; }},
      {"context_multiple", [](MaskConfig& c) { c.context_multiple = 0; }},
      {"target scale", [](MaskConfig& c) { c.target_scale_min = 0; }},
      {"target scale", [](MaskConfig& c) { c.target_scale_max = 0.1; }},
      {"target scale", [](MaskConfig& c) { c.target_scale_max = std::nan(""); }},
      {"context scale", [](MaskConfig& c) { c.context_scale_max = 1.1; }},
      {"aspect ratio", [](MaskConfig& c) { c.aspect_min = -1; }},
      {"aspect ratio", [](MaskConfig& c) { c.aspect_max = 0.5; }},
  };
  for (const auto& c : cases) {
    MaskConfig config;
    c.change(config);
    EXPECT_NE(refusal(config, {14, 14}).find(c.name), std::string::npos) << c.name;
  }
  EXPECT_NE(refusal({}, {0, 14}), "");
  EXPECT_NE(refusal({}, {1, 200}), "");  // compat leaves no row to place a block on
}

// 14 x 14: the context block is 13 x 13; the smallest target, 5 x 6, always lies inside it.
TEST(MaskLimits, WorstCaseOfThePublishedGrid) {
  const auto worst = worst_case_lengths({}, {14, 14});
  ASSERT_FALSE(worst.empty());
  EXPECT_EQ(worst.front(), (MaskLengths{169 - 30, 30}));
  for (std::size_t i = 1; i < worst.size(); ++i) {
    EXPECT_LT(worst[i].context, worst[i - 1].context);
    EXPECT_GT(worst[i].target, worst[i - 1].target);
  }
}

TEST(MaskLimits, TheWorstCaseIsOnTheGridOfContexts) {
  MaskConfig config;
  config.context_multiple = 8;
  EXPECT_EQ(worst_case_lengths(config, {14, 14}).front(), (MaskLengths{136, 30}));
}

class MaskBounds : public testing::TestWithParam<MaskConfig> {};

TEST_P(MaskBounds, NoImageExceedsTheWorstCase) {
  MaskConfig config = GetParam();
  config.truncate_group = 1;
  for (const Grid grid : {Grid{8, 8}, Grid{9, 14}, Grid{12, 12}}) {
    config.min_keep = std::min<std::int64_t>(config.min_keep, 7);
    check_masks(config, grid);
    const auto worst = worst_case_lengths(config, grid);
    for (std::int64_t i = 0; i < 300; ++i) {
      for (const auto& image : draw_batch_masks(config, grid, {1, i, 0, 0, 4}, 0, 4).images) {
        const auto target = static_cast<std::int64_t>(image.targets[0].size());
        for (const auto& mask : image.contexts) {
          const auto context = static_cast<std::int64_t>(mask.size());
          ASSERT_TRUE(std::any_of(
              worst.begin(), worst.end(),
              [&](const auto& w) { return context <= w.context && target <= w.target; }))
              << context << " and " << target;
        }
      }
    }
  }
}

INSTANTIATE_TEST_SUITE_P(
    Modes, MaskBounds,
    testing::Values(MaskConfig{}, MaskConfig{.compat = false}, MaskConfig{.allow_overlap = true},
                    MaskConfig{.num_targets = 1, .num_contexts = 2, .compat = false},
                    MaskConfig{.target_scale_min = 0.6,
                               .target_scale_max = 0.8,
                               .context_scale_min = 0.3,
                               .context_scale_max = 0.5}));

}  // namespace
}  // namespace ijepa
