#include "ijepa/model/masks.hpp"

#include <algorithm>
#include <cmath>
#include <iterator>
#include <numeric>

#include "ijepa/core/error.hpp"

namespace ijepa {
namespace {

constexpr int draws_before_dropping = 20;  // as the reference

std::int64_t round_half_even(double x) {
  return std::llrint(x);
}

/// Rounding decides sizes here, so the build keeps the compiler from fusing these products and
/// sums: a fused one differs in the last bit and so, rarely, by a whole row.
double at(double low, double high, double draw) {
  return low + draw * (high - low);
}

BlockSize block_size(const MaskConfig& config, Grid grid, double scale, double aspect) {
  const double n = std::floor(static_cast<double>(grid.tokens()) * scale);
  const std::int64_t margin = config.compat ? 1 : 0;
  return {std::min(round_half_even(std::sqrt(n * aspect)), grid.rows - margin),
          std::min(round_half_even(std::sqrt(n / aspect)), grid.cols - margin)};
}

struct Place {
  std::int64_t top = 0, left = 0;
};

/// Uniform over the positions where the block fits; compat leaves out the last of each axis, so its
/// blocks never reach the last row or column.
Place draw_place(const MaskConfig& config, Grid grid, BlockSize size, Rng& rng) {
  const std::int64_t ends = config.compat ? 0 : 1;
  const auto below = [&](std::int64_t n) {
    return static_cast<std::int64_t>(rng.below(static_cast<std::uint64_t>(n)));
  };
  const std::int64_t top = below(grid.rows - size.rows + ends);
  return {top, below(grid.cols - size.cols + ends)};
}

template <class Visit>
void for_each_cell(Grid grid, BlockSize size, Place place, Visit visit) {
  for (std::int64_t row = place.top; row < place.top + size.rows; ++row)
    for (std::int64_t col = place.left; col < place.left + size.cols; ++col)
      visit(static_cast<std::int32_t>(row * grid.cols + col));
}

std::vector<std::int32_t> draw_target(const MaskConfig& config, Grid grid, BlockSize size,
                                      std::int32_t k, Rng& rng,
                                      std::vector<std::int32_t>& first_target_inout) {
  std::vector<std::int32_t> patches;
  patches.reserve(static_cast<std::size_t>(size.cells()));
  for_each_cell(grid, size, draw_place(config, grid, size, rng), [&](std::int32_t patch) {
    patches.push_back(patch);
    auto& first = first_target_inout[static_cast<std::size_t>(patch)];
    first = std::min(first, k);
  });
  return patches;
}

/// A context keeps the patches of its block that no target block in force covers: `first_target`
/// holds the first target block over each patch, so the first `in_force` are one comparison.
std::vector<std::int32_t> draw_context(const MaskConfig& config, Grid grid, BlockSize size,
                                       const std::vector<std::int32_t>& first_target, Rng& rng,
                                       std::int32_t& dropped_inout) {
  auto in_force = config.allow_overlap ? 0 : static_cast<std::int32_t>(config.num_targets);
  std::vector<std::int32_t> patches;
  patches.reserve(static_cast<std::size_t>(size.cells()));
  for (int draws = 1;; ++draws) {
    patches.clear();
    for_each_cell(grid, size, draw_place(config, grid, size, rng), [&](std::int32_t patch) {
      if (first_target[static_cast<std::size_t>(patch)] >= in_force) patches.push_back(patch);
    });
    if (static_cast<std::int64_t>(patches.size()) > config.min_keep) return patches;
    if (draws % draws_before_dropping == 0 && in_force > 0) {
      --in_force;
      ++dropped_inout;
    }
  }
}

void check_block(const MaskConfig& config, Grid grid, BlockSize size, const char* name) {
  const std::int64_t margin = config.compat ? 1 : 0;
  check(size.rows > 0 && size.cols > 0 && size.rows <= grid.rows - margin &&
            size.cols <= grid.cols - margin && size.cells() > config.min_keep,
        "A {} block of {} x {} patches cannot be placed on a {} x {} grid with min_keep {}.", name,
        size.rows, size.cols, grid.rows, grid.cols, config.min_keep);
}

/// Selection sampling (Knuth, TAOCP 2, 3.4.2, algorithm S): every subset is equally likely. 32
/// random bits decide a patch; the probability is off by at most 2^-32.
void keep_random_subset(std::size_t length, Rng& rng, std::vector<std::int32_t>& mask_inout) {
  std::size_t kept = 0;
  for (std::size_t i = 0; i < mask_inout.size() && kept < length; ++i) {
    const std::uint64_t draw = (std::uint64_t{rng.bits()} * (mask_inout.size() - i)) >> 32;
    if (draw < length - kept) mask_inout[kept++] = mask_inout[i];
  }
  mask_inout.resize(length);
}

void truncate_mask(const MaskConfig& config, std::int64_t length, Rng& rng,
                   std::vector<std::int32_t>& mask_inout) {
  const auto n = static_cast<std::size_t>(length);
  check(mask_inout.size() >= n, "A mask of {} patches cannot be cut to {}.", mask_inout.size(), n);
  if (config.compat || mask_inout.size() == n) {
    mask_inout.resize(n);
  } else {
    keep_random_subset(n, rng, mask_inout);
  }
}

/// A random subset of config.context_patches patches, and all others as the one target.
ImageMasks draw_random_masks(const MaskConfig& config, Grid grid, Rng& rng) {
  std::vector<std::int32_t> all(static_cast<std::size_t>(grid.tokens()));
  std::iota(all.begin(), all.end(), 0);
  auto context = all;
  keep_random_subset(static_cast<std::size_t>(config.context_patches), rng, context);
  std::vector<std::int32_t> target;
  std::ranges::set_difference(all, context, std::back_inserter(target));
  ImageMasks masks;
  masks.contexts.push_back(std::move(context));
  masks.targets.push_back(std::move(target));
  return masks;
}

}  // namespace

MaskConfig autoencoder_masks(const MaskConfig& config, Grid grid) {
  MaskConfig c = config;
  c.shape = MaskShape::random;
  c.num_targets = c.num_contexts = 1;
  c.context_patches = std::max<std::int64_t>(1, grid.tokens() / 4);
  return c;
}

BlockSizes block_sizes(const MaskConfig& config, Grid grid, const SizeDraws& draws) {
  const double target_scale =
      at(config.target_scale_min, config.target_scale_max, draws.target_scale);
  const double aspect = at(config.aspect_min, config.aspect_max,
                           config.compat ? draws.target_scale : draws.target_aspect);
  const double context_scale =
      at(config.context_scale_min, config.context_scale_max, draws.context_scale);
  return {block_size(config, grid, target_scale, aspect),
          block_size(config, grid, context_scale, 1.0)};
}

BlockSizes draw_block_sizes(const MaskConfig& config, Grid grid, std::uint64_t seed,
                            std::int64_t iteration) {
  Rng rng(seed, Purpose::mask_size, 0, static_cast<std::uint64_t>(iteration));
  SizeDraws draws;
  draws.target_scale = rng.uniform();
  draws.target_aspect = rng.uniform();
  draws.context_scale = rng.uniform();
  return block_sizes(config, grid, draws);
}

ImageMasks draw_image_masks(const MaskConfig& config, Grid grid, const BlockSizes& sizes,
                            std::uint64_t seed, std::int64_t epoch, std::int64_t position) {
  Rng rng(seed, Purpose::mask_place, static_cast<std::uint64_t>(epoch),
          static_cast<std::uint64_t>(position));
  if (config.shape == MaskShape::random) return draw_random_masks(config, grid, rng);
  check_block(config, grid, sizes.target, "target");
  check_block(config, grid, sizes.context, "context");
  const auto targets = static_cast<std::int32_t>(config.num_targets);
  std::vector<std::int32_t> first_target(static_cast<std::size_t>(grid.tokens()), targets);
  ImageMasks masks;
  masks.targets.reserve(static_cast<std::size_t>(targets));
  for (std::int32_t k = 0; k < targets; ++k)
    masks.targets.push_back(draw_target(config, grid, sizes.target, k, rng, first_target));
  for (std::int64_t e = 0; e < config.num_contexts; ++e)
    masks.contexts.push_back(
        draw_context(config, grid, sizes.context, first_target, rng, masks.dropped_constraints));
  return masks;
}

MaskLengths common_lengths(std::span<const ImageMasks> images) {
  check(!images.empty(), "A truncation group needs at least one image.");
  std::size_t context = images[0].contexts.at(0).size(), target = images[0].targets.at(0).size();
  for (const auto& image : images) {
    for (const auto& mask : image.contexts) context = std::min(context, mask.size());
    for (const auto& mask : image.targets) target = std::min(target, mask.size());
  }
  return {static_cast<std::int64_t>(context), static_cast<std::int64_t>(target)};
}

std::int64_t context_length(const MaskConfig& config, std::int64_t length) {
  if (config.context_patches > 0) length = std::min(length, config.context_patches);
  const std::int64_t rest = length % config.context_multiple;
  return rest < length ? length - rest : length;
}

void truncate_masks(const MaskConfig& config, const MaskLengths& lengths, std::uint64_t seed,
                    std::int64_t epoch, std::int64_t position, ImageMasks& masks_inout) {
  constexpr std::uint64_t subset_stream = 1;  // index 0 places the blocks
  Rng rng(seed, Purpose::mask_place, static_cast<std::uint64_t>(epoch),
          static_cast<std::uint64_t>(position), subset_stream);
  for (auto& mask : masks_inout.contexts) truncate_mask(config, lengths.context, rng, mask);
  for (auto& mask : masks_inout.targets) truncate_mask(config, lengths.target, rng, mask);
}

BatchMasks draw_batch_masks(const MaskConfig& config, Grid grid, const MaskIteration& iteration,
                            std::int64_t first, std::int64_t count) {
  const std::int64_t end = iteration.first_position + iteration.batch;
  check(first >= iteration.first_position && count >= 0 && first + count <= end,
        "Positions {}..{} are not inside the iteration's {}..{}.", first, first + count,
        iteration.first_position, end);
  const BlockSizes sizes = draw_block_sizes(config, grid, iteration.seed, iteration.iteration);
  const std::int64_t run = config.truncate_group;
  const std::int64_t offset = (first - iteration.first_position) % run;
  BatchMasks batch;
  for (std::int64_t group = first - offset; group < first + count; group += run) {
    std::vector<ImageMasks> images;
    for (std::int64_t p = group; p < std::min(group + run, end); ++p)
      images.push_back(draw_image_masks(config, grid, sizes, iteration.seed, iteration.epoch, p));
    MaskLengths lengths = common_lengths(images);
    lengths.context = context_length(config, lengths.context);
    for (std::int64_t p = std::max(group, first); p < std::min(group + run, first + count); ++p) {
      ImageMasks& image = images[static_cast<std::size_t>(p - group)];
      if (run > 1 || config.context_multiple > 1 || config.context_patches > 0)
        truncate_masks(config, lengths, iteration.seed, iteration.epoch, p, image);
      batch.dropped_constraints += image.dropped_constraints;
      batch.images.push_back(std::move(image));
    }
  }
  return batch;
}

}  // namespace ijepa
