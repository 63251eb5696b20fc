#include "ijepa/model/mask_limits.hpp"

#include <algorithm>
#include <cmath>
#include <set>
#include <utility>

#include "ijepa/core/error.hpp"

namespace ijepa {
namespace {

struct Range {
  double low = 0, high = 0;
  double at(double draw) const { return low + draw * (high - low); }
  /// The draw that gives `value`; 0 where every draw gives the same.
  double draw_for(double value) const { return high > low ? (value - low) / (high - low) : 0; }
};

/// Draws that meet every constant piece of a function whose pieces end at `breaks`: the ends of
/// [0, 1), the breaks and the middle between neighbours.
std::vector<double> probes(std::vector<double> breaks) {
  constexpr double last = 1 - 0x1.0p-53;  // the largest uniform draw
  std::erase_if(breaks, [](double r) { return !(r > 0 && r < last); });
  breaks.push_back(0);
  breaks.push_back(last);
  std::sort(breaks.begin(), breaks.end());
  const std::size_t count = breaks.size();
  for (std::size_t i = 1; i < count; ++i) breaks.push_back((breaks[i - 1] + breaks[i]) / 2);
  return breaks;
}

/// Patch counts n = floor(N scale) of the range, and one more at either end against rounding.
std::pair<std::int64_t, std::int64_t> count_range(Range scale, Grid grid) {
  const auto tokens = static_cast<double>(grid.tokens());
  return {static_cast<std::int64_t>(std::floor(tokens * scale.low)) - 1,
          static_cast<std::int64_t>(std::floor(tokens * scale.high)) + 1};
}

/// Draws at which n changes.
std::vector<double> count_breaks(Range scale, Grid grid) {
  std::vector<double> breaks;
  const auto [low, high] = count_range(scale, grid);
  for (std::int64_t n = low; n <= high; ++n)
    breaks.push_back(scale.draw_for(static_cast<double>(n) / static_cast<double>(grid.tokens())));
  return breaks;
}

/// Draws at which a block of n patches changes rows or columns: sqrt(n a) or sqrt(n / a) is a half.
void append_shape_breaks(Range aspect, Grid grid, double n, std::vector<double>& breaks) {
  for (std::int64_t i = 0; i < std::max(grid.rows, grid.cols); ++i) {
    const double half = static_cast<double>(i) + 0.5;
    breaks.push_back(aspect.draw_for(half * half / n));
    breaks.push_back(aspect.draw_for(n / (half * half)));
  }
}

Range target_scale(const MaskConfig& c) {
  return {c.target_scale_min, c.target_scale_max};
}
Range context_scale(const MaskConfig& c) {
  return {c.context_scale_min, c.context_scale_max};
}
Range aspect_ratio(const MaskConfig& c) {
  return {c.aspect_min, c.aspect_max};
}

class SizeSet {
 public:
  void add(BlockSize size) { sizes_.emplace(size.rows, size.cols); }
  std::vector<BlockSize> list() const {
    std::vector<BlockSize> result;
    for (const auto& [rows, cols] : sizes_) result.push_back({rows, cols});
    return result;
  }

 private:
  std::set<std::pair<std::int64_t, std::int64_t>> sizes_;
};

/// One draw for scale and aspect ratio: all breaks lie on one line.
std::vector<BlockSize> coupled_target_sizes(const MaskConfig& config, Grid grid) {
  std::vector<double> breaks = count_breaks(target_scale(config), grid);
  const auto [low, high] = count_range(target_scale(config), grid);
  for (std::int64_t n = std::max<std::int64_t>(low, 1); n <= high; ++n)
    append_shape_breaks(aspect_ratio(config), grid, static_cast<double>(n), breaks);
  SizeSet sizes;
  for (const double r : probes(std::move(breaks)))
    sizes.add(block_sizes(config, grid, {r, r, 0}).target);
  return sizes.list();
}

/// Independent draws: every shape of every patch count.
std::vector<BlockSize> independent_target_sizes(const MaskConfig& config, Grid grid) {
  SizeSet sizes;
  for (const double r : probes(count_breaks(target_scale(config), grid))) {
    const double n = std::floor(static_cast<double>(grid.tokens()) * target_scale(config).at(r));
    std::vector<double> breaks;
    if (n >= 1) append_shape_breaks(aspect_ratio(config), grid, n, breaks);
    for (const double aspect : probes(std::move(breaks)))
      sizes.add(block_sizes(config, grid, {r, aspect, 0}).target);
  }
  return sizes.list();
}

void check_range(Range range, double limit, const char* name) {
  check(range.low > 0 && range.low <= range.high && range.high <= limit,
        "mask: the {} range {}..{} must rise and lie above 0 and at most at {}.", name, range.low,
        range.high, limit);
}

void check_block_sizes(const MaskConfig& config, Grid grid, const std::vector<BlockSize>& sizes,
                       const char* name) {
  const auto smallest = *std::min_element(sizes.begin(), sizes.end(),
                                          [](auto a, auto b) { return a.cells() < b.cells(); });
  check(smallest.cells() > config.min_keep,
        "mask: a {} block of {} x {} patches can be drawn on the {} x {} grid, which is not more "
        "than min_keep = {}; enlarge its scale, use smaller patches or lower min_keep.",
        name, smallest.rows, smallest.cols, grid.rows, grid.cols, config.min_keep);
}

/// Cells that a context block and a target block share wherever the two are placed: an axis of
/// `reach` patches cannot hold both apart when they are longer together.
std::int64_t least_overlap(BlockSize a, BlockSize b, std::int64_t reach_rows,
                           std::int64_t reach_cols) {
  const std::int64_t rows = std::max<std::int64_t>(0, a.rows + b.rows - reach_rows);
  return rows * std::max<std::int64_t>(0, a.cols + b.cols - reach_cols);
}

/// All target blocks may lie on one another, so at least one block's overlap is lost, unless every
/// constraint can be dropped: that needs a context that one target block alone leaves too small.
std::int64_t longest_context(const MaskConfig& config, Grid grid, BlockSize context,
                             BlockSize target) {
  const bool all_can_drop = context.cells() - target.cells() <= config.min_keep;
  if (config.allow_overlap || all_can_drop) return context.cells();
  const std::int64_t margin = config.compat ? 1 : 0;
  return context.cells() - least_overlap(context, target, grid.rows - margin, grid.cols - margin);
}

void check_random_masks(const MaskConfig& config, Grid grid) {
  check(
      config.num_targets == 1 && config.num_contexts == 1,
      "mask: with shape = \"random\" all patches but the context's are one target: set num_targets "
      "and num_contexts to 1, not {} and {}.",
      config.num_targets, config.num_contexts);
  check(config.context_patches > 0 && config.context_patches < grid.tokens(),
        "mask: shape = \"random\" needs context_patches, the patches that are seen: 1 to {} of the "
        "{} x {} grid, not {}.",
        grid.tokens() - 1, grid.rows, grid.cols, config.context_patches);
}

}  // namespace

std::vector<BlockSize> drawable_target_sizes(const MaskConfig& config, Grid grid) {
  return config.compat ? coupled_target_sizes(config, grid)
                       : independent_target_sizes(config, grid);
}

std::vector<BlockSize> drawable_context_sizes(const MaskConfig& config, Grid grid) {
  SizeSet sizes;
  for (const double r : probes(count_breaks(context_scale(config), grid)))
    sizes.add(block_sizes(config, grid, {0, 0, r}).context);
  return sizes.list();
}

void check_masks(const MaskConfig& config, Grid grid) {
  constexpr std::int64_t most_blocks = 1024;
  check(grid.rows > 0 && grid.cols > 0, "mask: a grid of {} x {} patches is empty.", grid.rows,
        grid.cols);
  check(config.num_targets >= 1 && config.num_targets <= most_blocks,
        "mask: num_targets is {}, not in 1..{}.", config.num_targets, most_blocks);
  check(config.num_contexts >= 1 && config.num_contexts <= most_blocks,
        "mask: num_contexts is {}, not in 1..{}.", config.num_contexts, most_blocks);
  check(config.min_keep >= 0, "mask: min_keep is {}, below 0.", config.min_keep);
  check(config.truncate_group >= 1, "mask: truncate_group is {}, below 1 (1: no truncation).",
        config.truncate_group);
  check(config.context_patches >= 0, "mask: context_patches is {}, below 0 (0: no limit).",
        config.context_patches);
  check(config.context_multiple >= 1, "mask: context_multiple is {}, below 1 (1: any length).",
        config.context_multiple);
  if (config.shape == MaskShape::random) return check_random_masks(config, grid);
  check_range(target_scale(config), 1, "target scale");
  check_range(context_scale(config), 1, "context scale");
  constexpr double longest_aspect = 1e6;
  check_range(aspect_ratio(config), longest_aspect, "aspect ratio");
  check_block_sizes(config, grid, drawable_target_sizes(config, grid), "target");
  check_block_sizes(config, grid, drawable_context_sizes(config, grid), "context");
}

std::vector<MaskLengths> worst_case_lengths(const MaskConfig& config, Grid grid) {
  if (config.shape == MaskShape::random)
    return {
        {context_length(config, config.context_patches), grid.tokens() - config.context_patches}};
  std::vector<MaskLengths> all;
  const auto targets = drawable_target_sizes(config, grid);
  for (const auto context : drawable_context_sizes(config, grid))
    for (const auto target : targets)
      all.push_back(
          {context_length(config, longest_context(config, grid, context, target)), target.cells()});
  std::sort(all.begin(), all.end(), [](const auto& a, const auto& b) {
    return std::pair(-a.context, -a.target) < std::pair(-b.context, -b.target);
  });
  std::vector<MaskLengths> worst;
  for (const auto& lengths : all)
    if (worst.empty() || lengths.target > worst.back().target) worst.push_back(lengths);
  return worst;
}

}  // namespace ijepa
