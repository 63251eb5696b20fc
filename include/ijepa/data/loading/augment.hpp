// Augment: what happens to a picture on its way into a training batch, drawn as a pure function of
// (seed, epoch, position), with torchvision's distributions and PIL's pixels.
#pragma once
#include <array>
#include <cstdint>
#include <vector>

#include "ijepa/core/rng.hpp"
#include "ijepa/data/images/colour.hpp"
#include "ijepa/data/images/image.hpp"
#include "ijepa/data/images/picture_reader.hpp"

namespace ijepa {

/// Of a training view: RandomResizedCrop's box, or the evaluation view's, which cuts no object
/// away.
enum class CropKind : std::uint8_t { random, centred };

struct AugmentConfig {
  CropKind crop_kind = CropKind::random;
  int crop_height = 224, crop_width = 224;
  int channels = 3;
  double scale_min = 0.3, scale_max = 1.0;              // share of the picture's area
  double ratio_min = 3.0 / 4.0, ratio_max = 4.0 / 3.0;  // width / height, log-uniform
  bool flip = false;                                    // with probability 0.5
  double colour_strength = 0;  // s: jitter 0.8 s, 0.8 s, 0.8 s, 0.2 s with probability 0.8, grey
                               // with probability 0.2; 0 switches both off
  bool blur = false;           // with probability 0.5, radius 0.1 to 2.0

  Size crop() const { return {crop_height, crop_width}; }
};

/// An Error naming the first value that cannot work.
void check_augment(const AugmentConfig& config);

/// RandomResizedCrop's box: ten tries of a random area and aspect ratio, then the largest centred
/// box within the ratio bounds.
Box draw_crop(const Size& picture, const AugmentConfig& config, Rng& rng);

/// One draw of everything behind the crop.
struct AugmentDraw {
  bool flip = false, jitter = false, grey = false;
  double blur_radius = 0;  // 0: no blur
  double brightness = 1, contrast = 1, saturation = 1, hue = 0;
  std::array<int, 4> order{0, 1, 2, 3};  // of brightness, contrast, saturation, hue
};

AugmentDraw draw_augment(const AugmentConfig& config, Rng& rng);

/// Turns encoded pictures into crops. Owns its buffers; one a thread.
class Augmenter {
 public:
  /// An Error if `config` cannot work.
  explicit Augmenter(const AugmentConfig& config, std::uint64_t seed = 0,
                     std::int64_t max_pixels = ImageDecoder::default_max_pixels);

  /// The training view of `encoded` at a position of an epoch's order: pixels of a batch
  /// (crop_height, crop_width, channels) to `out` (core/pixel_type.hpp). Only the part of the
  /// picture inside the crop is decoded. An Error if the picture cannot be decoded.
  void train(std::span<const std::uint8_t> encoded, std::int64_t epoch, std::int64_t position,
             std::uint8_t* out);

  /// The evaluation view, the same at every call: resized to cover 256/224 of the crop, centre
  /// crop; as it is where it already has the crop's size.
  void evaluate(std::span<const std::uint8_t> encoded, std::uint8_t* out);

 private:
  void apply(const AugmentDraw& draw, std::uint8_t* pixels);

  AugmentConfig config_;
  std::uint64_t seed_;
  PictureReader reader_;
  std::vector<std::uint8_t> scratch_;
};

}  // namespace ijepa
