// Textures: what shapes, distractors and backgrounds are painted with. Every surface of every class
// draws from the same distribution, so texture and colour say nothing about the class.
#pragma once
#include <array>
#include <opencv2/core.hpp>

#include "ijepa/core/rng.hpp"

namespace ijepa::synth {

using Colour = cv::Vec3f;  // red, green, blue in 0..1
using ColourPair = std::array<Colour, 2>;

/// Two colours of one surface: near each other or far apart.
ColourPair draw_colours(Rng& rng);

/// Smallest distance between a colour of `a` and one of `b`: how well their border can be seen.
double contrast(const ColourPair& a, const ColourPair& b);

/// float32 (size, size, 3): a random pattern (plain, stripes, checks, gradient, clouds or spots)
/// blending the two colours.
cv::Mat paint_texture(Rng& rng, const ColourPair& colours, int size);

}  // namespace ijepa::synth
