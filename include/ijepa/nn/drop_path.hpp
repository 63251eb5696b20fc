// Drop path (stochastic depth; Huang et al., arXiv 1603.09382): whole residual branches are left
// out per sequence, more often the deeper the block. Draws are pure functions of the image's
// position.
#pragma once
#include <cstdint>
#include <span>
#include <vector>

#include "ijepa/nn/block.hpp"

namespace ijepa {

/// Which stack draws, so that encoder and predictor are independent.
enum class StackId : std::uint8_t { encoder = 0, predictor = 1 };

struct DropPathDraw {
  std::uint64_t seed = 0, epoch = 0;
  std::span<const std::int64_t> positions;  // (B) of each image in the epoch's order
};

/// Scales for every block: rate grows linearly from 0 to `rate`; a branch is kept with probability
/// 1 - rate_i and then scaled by 1 / (1 - rate_i). `sequence_image` (S): the image of each
/// sequence. Returns nothing when rate is 0 or no positions are given. The tensors are kept in the
/// arena.
std::vector<BranchScales> draw_drop_path(Pass& p, double rate, std::int64_t depth, StackId stack,
                                         const DropPathDraw& draw,
                                         std::span<const std::int32_t> sequence_image);

}  // namespace ijepa
