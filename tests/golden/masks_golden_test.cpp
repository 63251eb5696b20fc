// Mask sizes and mask statistics against the reference's. The draws differ, so means are compared
// within a few standard errors, which are estimated from this side's own iterations.
#include <gtest/gtest.h>

#include <cmath>

#include "ijepa/model/masks.hpp"
#include "tests/support/golden.hpp"

namespace ijepa {
namespace {

constexpr double standard_errors = 4.5;

TEST(GoldenMasks, BlockSizesForGivenDraws) {
  const auto files = test::golden_files("masks");
  if (files.empty()) GTEST_SKIP() << "no golden file of kind masks";
  for (const auto& path : files) {
    const test::GoldenFile file(path);
    const auto rows = file.values("sizes");
    ASSERT_EQ(rows.size() % 12, 0U);
    for (std::size_t i = 0; i < rows.size(); i += 12) {
      const double* row = &rows[i];
      MaskConfig config;
      config.target_scale_min = row[1], config.target_scale_max = row[2];
      config.context_scale_min = row[3], config.context_scale_max = row[4];
      config.aspect_min = row[5], config.aspect_max = row[6];
      const auto side = static_cast<std::int64_t>(row[0]);
      const auto size_at = [row](std::size_t column) {
        return BlockSize{static_cast<std::int64_t>(row[column]),
                         static_cast<std::int64_t>(row[column + 1])};
      };
      const auto sizes = block_sizes(config, {side, side}, {row[7], row[7], row[7]});
      EXPECT_EQ(sizes.target, size_at(8)) << file.name() << " row " << i / 12;
      EXPECT_EQ(sizes.context, size_at(10)) << file.name() << " row " << i / 12;
    }
  }
}

/// Mean and spread over iterations of a quantity.
class Mean {
 public:
  void add(double x) {
    sum_ += x;
    squares_ += x * x;
    ++count_;
  }
  double value() const { return sum_ / count_; }
  double variance() const { return squares_ / count_ - value() * value(); }
  double count() const { return count_; }

 private:
  double sum_ = 0, squares_ = 0, count_ = 0;
};

struct Statistics {
  explicit Statistics(Grid grid)
      : context_coverage(static_cast<std::size_t>(grid.tokens())),
        target_coverage(context_coverage.size()) {}
  Mean context_tokens, target_tokens;
  std::vector<Mean> context_coverage, target_coverage;  // (N)
};

void count_cover(const std::vector<std::vector<std::int32_t>>& masks, std::vector<double>& cover) {
  for (const auto& mask : masks)
    for (const auto patch : mask) ++cover[static_cast<std::size_t>(patch)];
}

void add_cover(const std::vector<double>& cover, std::int64_t masks, std::vector<Mean>& means) {
  for (std::size_t p = 0; p < cover.size(); ++p)
    means[p].add(cover[p] / static_cast<double>(masks));
}

Statistics simulate(const MaskConfig& config, Grid grid, std::int64_t batch) {
  constexpr std::int64_t iterations = 1000;
  Statistics result(grid);
  for (std::int64_t i = 0; i < iterations; ++i) {
    const auto masks =
        draw_batch_masks(config, grid, {1, i, 0, i * batch, batch}, i * batch, batch);
    std::vector<double> context(result.context_coverage.size()), target(context.size());
    for (const auto& image : masks.images) {
      count_cover(image.contexts, context);
      count_cover(image.targets, target);
    }
    result.context_tokens.add(static_cast<double>(masks.images[0].contexts[0].size()));
    result.target_tokens.add(static_cast<double>(masks.images[0].targets[0].size()));
    add_cover(context, batch * config.num_contexts, result.context_coverage);
    add_cover(target, batch * config.num_targets, result.target_coverage);
  }
  return result;
}

/// Difference of two independent means in standard errors, with this side's variance for both.
double deviation(const Mean& mine, double theirs, double their_count) {
  const double difference = mine.value() - theirs;
  if (std::abs(difference) < 1e-9) return 0;
  return difference / std::sqrt(mine.variance() * (1 / mine.count() + 1 / their_count));
}

void expect_coverage(const std::vector<Mean>& mine, const std::vector<double>& theirs,
                     double their_count) {
  ASSERT_EQ(mine.size(), theirs.size());
  for (std::size_t p = 0; p < mine.size(); ++p) {
    const double d = deviation(mine[p], theirs[p], their_count);
    EXPECT_LT(std::abs(d), standard_errors)
        << "patch " << p << ": " << mine[p].value() << " and " << theirs[p];
  }
}

TEST(GoldenMasks, StatisticsOfIndependentDraws) {
  const auto files = test::golden_files("masks");
  if (files.empty()) GTEST_SKIP() << "no golden file of kind masks";
  for (const auto& path : files) {
    const test::GoldenFile file(path);
    for (const auto& name : file.children("statistics")) {
      const std::string group = "statistics/" + name;
      SCOPED_TRACE(file.name() + ": " + group);
      const Grid grid{file.integer(group, "grid"), file.integer(group, "grid")};
      const auto batch = file.integer(group, "batch");
      MaskConfig config;
      config.num_contexts = file.integer(group, "num_context");
      config.num_targets = file.integer(group, "num_targets");
      config.min_keep = file.integer(group, "min_keep");
      config.truncate_group = batch;
      const auto mine = simulate(config, grid, batch);
      const double iterations = file.number(group, "iterations");
      const auto expect_mean = [&](const Mean& mean, const char* attribute) {
        const double theirs = file.number(group, attribute);
        const double d = deviation(mean, theirs, iterations);
        EXPECT_LT(std::abs(d), standard_errors)
            << attribute << ": " << mean.value() << " and " << theirs;
      };
      expect_mean(mine.context_tokens, "context_tokens_mean");
      expect_mean(mine.target_tokens, "target_tokens_mean");
      expect_coverage(mine.context_coverage, file.values(group + "/context_coverage"), iterations);
      expect_coverage(mine.target_coverage, file.values(group + "/target_coverage"), iterations);
    }
  }
}

}  // namespace
}  // namespace ijepa
