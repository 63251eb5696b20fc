// HealthMonitor: measures, every so many steps, whether features collapse, on a fixed set of
// held-out images and masks, with the weights as they are.
#pragma once
#include <cstdint>
#include <span>
#include <vector>

#include "ijepa/core/matrix.hpp"
#include "ijepa/data/images/image.hpp"
#include "ijepa/model/masks.hpp"
#include "ijepa/train/health/health.hpp"
#include "ijepa/train/step/engine.hpp"

namespace ijepa {

class HealthMonitor {
 public:
  /// `pixels` (n, H, W, C): the evaluation views of the held-out images. n >= 2. Masks are one
  /// iteration of the recipe's, the same every time. Batches have at most `micro_batch` images.
  HealthMonitor(const PretrainRecipe& recipe, std::vector<std::uint8_t> pixels, std::int64_t images,
                std::int64_t micro_batch);

  /// What was seen beside the health.
  struct Look {
    Health health;
    std::vector<float> variances;  // (D) over images, of the mean of each one's features
    Matrix<float> tokens;          // (shown N, D) features of the patches of the first images
  };
  /// Needs no other rank: one rank measures for all.
  Look measure(Engine& engine) const;

  /// The first few images, as pictures, and their masks.
  std::vector<Image> shown_images() const;
  std::span<const ImageMasks> shown_masks() const;
  Grid grid() const { return {encoder_.grid_rows(), encoder_.grid_cols()}; }

 private:
  EncoderConfig encoder_;
  PredictorSequences sequences_;
  std::vector<std::uint8_t> pixels_;
  std::vector<ImageMasks> masks_;
  std::int64_t images_, micro_batch_, shown_;
};

}  // namespace ijepa
