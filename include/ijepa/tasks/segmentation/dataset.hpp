// Segmentation data: pairs of images and masks as batches of the network's size, in an order and
// with augmentations that are pure functions of (seed, epoch, position).
#pragma once
#include <cstdint>
#include <string>
#include <vector>

#include "ijepa/comm/communicator.hpp"
#include "ijepa/tasks/feature_map.hpp"
#include "ijepa/tasks/segmentation/pairs.hpp"

namespace ijepa {

/// Pictures of one size, uint8 (B, height, width, 3), and their labels.
struct PairBatch {
  std::vector<std::uint8_t> rgb;
  std::vector<IndexImage> labels;
  Size size;

  PixelBatch pixels() const { return {rgb.data(), std::ssize(labels), size}; }
};

class SegmentationData {
 public:
  /// The pairs of two folders. The same on all ranks, or an Error. Collective.
  SegmentationData(const std::string& images, const std::string& masks, const Labels& labels,
                   Size size, Communicator& comm);

  std::int64_t size() const { return std::ssize(pairs_); }

  /// Reads every image and mask once, shared by the ranks, so that a bad file is found before
  /// training and not after hours: an Error names the first. Returns the pixels of each class, the
  /// ignored ones last, on every rank. Collective.
  std::vector<std::int64_t> inspect(int threads, Communicator& comm) const;

  /// Pairs [first, first + count) by name, resized.
  PairBatch ordered(std::int64_t first, std::int64_t count, int threads) const;
  /// Positions [first, first + count) of the random order of an epoch, resized and, where asked,
  /// augmented.
  PairBatch shuffled(std::uint64_t seed, std::int64_t epoch, std::int64_t first, std::int64_t count,
                     bool augmented, int threads) const;

 private:
  LabelledImage read(std::int64_t pair) const;

  std::vector<ImagePair> pairs_;
  std::int64_t classes_;
  MaskReader masks_;
  Size size_;
};

}  // namespace ijepa
