// RandAugment (Cubuk et al., arXiv 1909.13719) in the form that fine-tuning of masked autoencoders
// uses: two random operations a picture, each with probability 0.5, of nearly one magnitude.
#pragma once
#include "ijepa/core/rng.hpp"
#include "ijepa/data/images/colour.hpp"

namespace ijepa {

/// Changes the picture in place. `magnitude` 0 to 10; each operation's is drawn with deviation 0.5
/// around it. A higher one always changes more (posterize, solarize and enhancements included).
void rand_augment(const Pixels& image, double magnitude, Rng& rng);

constexpr int rand_augment_operations = 15;

/// Operation 0 .. 14 at a magnitude 0 to 10: contrast stretching, equalizing, inversion, rotation,
/// posterizing, solarizing (two kinds), saturation, contrast, brightness, sharpness, shear in x and
/// y, shift in x and y. `rng` draws signs.
void apply_operation(const Pixels& image, int operation, double magnitude, Rng& rng);

}  // namespace ijepa
