// Mix images: mixup (Zhang et al., arXiv 1710.09412) and cutmix (Yun et al., arXiv 1905.04899) of
// neighbouring images of a batch, which random order has made random pairs.
#pragma once
#include <cstdint>
#include <span>

#include "ijepa/core/matrix.hpp"
#include "ijepa/core/rng.hpp"
#include "ijepa/data/images/image.hpp"

namespace ijepa {

/// What a step does to all its pairs: each image keeps `own` of itself, the rest is its partner's.
/// Cutmix: `box` comes from the partner; its area is the partner's share.
struct MixDraw {
  double own = 1;  // 1: nothing is mixed
  Box box;         // empty: mixup
};

/// One of the two, each with probability 1/2 where both alphas are above 0; own ~ Beta(alpha,
/// alpha).
MixDraw draw_mix(double mixup_alpha, double cutmix_alpha, const Size& size, Rng& rng);

/// Images 2 j and 2 j + 1 of `pixels`, as batches hold them (n, height, width, channels), and rows
/// of `targets` (n, C) are mixed with one another; an odd last one stays.
void mix_pairs(const MixDraw& draw, const Size& size, int channels, std::span<std::uint8_t> pixels,
               MatrixView<double> targets);

/// Beta(alpha, alpha), alpha > 0 (Joehnk's rejection).
double draw_beta(double alpha, Rng& rng);

/// (n, C): 1 - smoothing at the label, and smoothing / C everywhere.
Matrix<double> smoothed_targets(std::span<const std::int32_t> labels, std::int64_t classes,
                                double smoothing);

}  // namespace ijepa
