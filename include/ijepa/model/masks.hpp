// Masks: which patches the encoder sees (context) and which the predictor must predict (targets).
// Multi-block masking of Assran et al. (arXiv 2301.08243, section 3), as pure functions of the seed
// and the image's place in the global order: any rank can work out any image's masks alone.
#pragma once
#include <cstdint>
#include <span>
#include <vector>

#include "ijepa/core/rng.hpp"
#include "ijepa/model/config.hpp"
#include "ijepa/model/grid.hpp"

namespace ijepa {

/// What a masked autoencoder sees and hides (He et al., arXiv 2111.06377): a quarter of the patches
/// chosen at random, and all others.
MaskConfig autoencoder_masks(const MaskConfig& config, Grid grid);

struct BlockSize {
  std::int64_t rows = 0, cols = 0;
  std::int64_t cells() const { return rows * cols; }
  bool operator==(const BlockSize&) const = default;
};

/// The sizes of one iteration: every target block of every image has one, every context block the
/// other.
struct BlockSizes {
  BlockSize target, context;
};

/// Token counts of one context mask and of one target mask.
struct MaskLengths {
  std::int64_t context = 0, target = 0;
  bool operator==(const MaskLengths&) const = default;
};

/// Uniform draws in [0, 1) that decide the sizes of an iteration. In compat mode `target_aspect` is
/// not looked at: one draw serves scale and aspect ratio.
struct SizeDraws {
  double target_scale = 0, target_aspect = 0, context_scale = 0;
};

/// Masks of one image: sorted patch indices.
struct ImageMasks {
  std::vector<std::vector<std::int32_t>> contexts;  // (E)
  std::vector<std::vector<std::int32_t>> targets;   // (K)
  std::int32_t dropped_constraints = 0;  // target blocks a context had to ignore to keep enough
};

/// One iteration's place in the run; `first_position` and `batch` are its run of the epoch's order.
struct MaskIteration {
  std::uint64_t seed = 0;
  std::int64_t iteration = 0;  // global step: the same sizes on every rank
  std::int64_t epoch = 0;
  std::int64_t first_position = 0, batch = 0;
};

/// Masks of consecutive positions, cut to the lengths of their truncation groups.
struct BatchMasks {
  std::vector<ImageMasks> images;
  std::int64_t dropped_constraints = 0;  // over `images`; worth a warning when not 0
};

/// Sizes for given draws: n = floor(N scale), rows = round(sqrt(n aspect)), cols = round(sqrt(n /
/// aspect)), halves to even, then clamped to the grid (compat: to one less than the grid).
BlockSizes block_sizes(const MaskConfig& config, Grid grid, const SizeDraws& draws);

/// Sizes of iteration `iteration` (global step).
BlockSizes draw_block_sizes(const MaskConfig& config, Grid grid, std::uint64_t seed,
                            std::int64_t iteration);

/// Untruncated masks of the image at `position` of `epoch`'s order. The configuration must have
/// passed check_masks.
ImageMasks draw_image_masks(const MaskConfig& config, Grid grid, const BlockSizes& sizes,
                            std::uint64_t seed, std::int64_t epoch, std::int64_t position);

/// The smallest context and target counts over `images`: the lengths of a truncation group.
MaskLengths common_lengths(std::span<const ImageMasks> images);

/// The length to which a context of `length` patches is cut: at most config.context_patches, where
/// that is given, and the largest multiple of config.context_multiple below; no multiple where it
/// is below the first one. Fewer lengths are fewer shapes that a GPU's libraries compile.
std::int64_t context_length(const MaskConfig& config, std::int64_t length);

/// Cuts every mask of the image to `lengths`: compat keeps the first indices, otherwise a random
/// subset, drawn for (seed, epoch, position), stays. An Error if a mask is shorter than its length.
void truncate_masks(const MaskConfig& config, const MaskLengths& lengths, std::uint64_t seed,
                    std::int64_t epoch, std::int64_t position, ImageMasks& masks_inout);

/// Masks of `count` positions from `first`, all inside the iteration. Truncation groups are runs of
/// config.truncate_group positions from the iteration's first (the last may be shorter); a group
/// cut by [first, first + count) still takes its lengths from all its images. Context lengths are
/// then those of context_length(), in a group of one image, which is not truncated otherwise, too.
BatchMasks draw_batch_masks(const MaskConfig& config, Grid grid, const MaskIteration& iteration,
                            std::int64_t first, std::int64_t count);

}  // namespace ijepa
