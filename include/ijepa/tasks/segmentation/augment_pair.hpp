// Augmentation of an image together with its labels, drawn as a pure function of (seed, epoch,
// position).
#pragma once
#include "ijepa/core/rng.hpp"
#include "ijepa/tasks/segmentation/pairs.hpp"

namespace ijepa {

/// One draw: a flip with probability 0.5; brightness and contrast within +-0.2 with probability
/// 0.2; a rotation within +-25 degrees with probability 0.5.
struct PairDraw {
  bool flip = false;
  double contrast = 0, brightness = 0;  // value (1 + contrast) + 255 brightness, clipped to 0..255
  double degrees = 0;                   // counter-clockwise

  static PairDraw draw(Rng& rng);
};

/// In that order. Around a rotated picture it is reflected (its edge row not repeated); the image
/// is interpolated bilinearly, labels to the nearest.
void augment(const PairDraw& draw, LabelledImage& pair_inout);

}  // namespace ijepa
