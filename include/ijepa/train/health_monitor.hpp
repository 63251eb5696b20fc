// HealthMonitor: measures, every so many steps, whether features collapse, on a fixed set of
// held-out images and masks, with the weights as they are.
#pragma once
#include <cstdint>
#include <vector>

#include "ijepa/model/masks.hpp"
#include "ijepa/train/engine.hpp"
#include "ijepa/train/health.hpp"

namespace ijepa {

class HealthMonitor {
 public:
  /// `pixels` (n, H, W, 3): the evaluation views of the held-out images. n >= 2. Masks are one
  /// iteration of the recipe's, the same every time. Batches have at most `micro_batch` images.
  HealthMonitor(const PretrainRecipe& recipe, std::vector<std::uint8_t> pixels, std::int64_t images,
                std::int64_t micro_batch);

  /// Needs no other rank: one rank measures for all.
  Health measure(Engine& engine) const;

 private:
  EncoderConfig encoder_;
  PredictorSequences sequences_;
  std::vector<std::uint8_t> pixels_;
  std::vector<ImageMasks> masks_;
  std::int64_t images_, micro_batch_;
};

}  // namespace ijepa
