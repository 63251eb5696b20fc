// Overlays: a picture with the colours of its labels over it.
#pragma once
#include <vector>

#include "ijepa/tasks/segmentation/labels.hpp"

namespace ijepa {

struct OverlayWeights {
  double image = 0.8, mask = 1.0;
};
constexpr OverlayWeights result_overlay{0.8, 1.0}, validation_overlay{1.0, 0.8};

/// weights.image * picture + weights.mask * colour, clipped. Ignored pixels get no colour. Both
/// have one size.
Image overlay(const ImageView& picture, const IndexImage& labels, const std::vector<Rgb>& palette,
              OverlayWeights weights);

}  // namespace ijepa
