// Pairs: an image with the labels of its mask, read, resized and augmented together.
#pragma once
#include <cstdint>

#include "ijepa/core/rng.hpp"
#include "ijepa/data/images/image.hpp"
#include "ijepa/tasks/segmentation/mask_reader.hpp"
#include "ijepa/tasks/segmentation/pairing.hpp"

namespace ijepa {

/// A picture with its labels, of one size.
struct LabelledImage {
  Image image;
  IndexImage labels;
  bool turned = false;  // the image, as its EXIF orientation says
};

class PairReader {
 public:
  /// Without `exif` pictures are taken as they are stored.
  PairReader(const Labels& labels, bool exif) : masks_(labels), exif_(exif) {}

  /// Both of a pair, upright. An Error names the file that cannot be read, a mask's value that is
  /// no class, or two sizes that differ. `unknown`, `number`: see MaskReader::read.
  LabelledImage read(const ImagePair& pair, UnknownValues* unknown = nullptr,
                     std::int64_t number = 0) const;

 private:
  MaskReader masks_;
  bool exif_;
};

/// Both resized, aspect not kept: the image antialiased bilinearly, labels to the nearest.
LabelledImage resized(const LabelledImage& pair, Size size);

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
