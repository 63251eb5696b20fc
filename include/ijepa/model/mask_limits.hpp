// Mask limits: what a mask recipe can draw on a grid, over all draws. Decides at start whether a
// recipe can work at all and how long its masks can get.
#pragma once
#include <vector>

#include "ijepa/model/masks.hpp"

namespace ijepa {

/// Refuses, with an Error that gives the numbers, a recipe that cannot work on this grid: values
/// out of range, or a block size that can be drawn with min_keep or fewer patches (retrying for one
/// with more would never end).
void check_masks(const MaskConfig& config, Grid grid);

/// Every block size that some draw gives, by rows, then columns. The recipe's ranges must be valid.
std::vector<BlockSize> drawable_target_sizes(const MaskConfig& config, Grid grid);
std::vector<BlockSize> drawable_context_sizes(const MaskConfig& config, Grid grid);

/// Upper bounds of the mask lengths of any image in any iteration, for the memory dry run: pairs of
/// which none is at most another in both numbers, by falling context length. The recipe must have
/// passed check_masks.
std::vector<MaskLengths> worst_case_lengths(const MaskConfig& config, Grid grid);

}  // namespace ijepa
