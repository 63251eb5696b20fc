// Pairs: an image with the labels of its mask.
#pragma once
#include <cstdint>

#include "ijepa/data/image.hpp"
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

}  // namespace ijepa
