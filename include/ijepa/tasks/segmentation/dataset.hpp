// Segmentation data: pairs of images and masks as batches of the network's size, in an order and
// with augmentations that are pure functions of (seed, epoch, position); and what a person should
// be told about the masks.
#pragma once
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "ijepa/comm/communicator.hpp"
#include "ijepa/core/log.hpp"
#include "ijepa/tasks/features/feature_map.hpp"
#include "ijepa/tasks/segmentation/pairs.hpp"

namespace ijepa {

class SegmentationData;

/// A pair as it is shown: `draw` where it is augmented.
struct PairView {
  std::int64_t pair = 0;
  std::optional<PairDraw> draw;
};

/// Pictures of one size, uint8 (B, height, width, 3), and their labels.
struct PairBatch {
  const SegmentationData* data = nullptr;  // of which the pairs are
  std::vector<PairView> pairs;
  std::vector<std::uint8_t> rgb;
  std::vector<IndexImage> labels;
  Size size;

  PixelBatch pixels() const { return {rgb.data(), std::ssize(labels), size}; }
};

/// What the masks of a set hold.
struct MaskContent {
  std::vector<std::int64_t> pixels;  // of each class, the ignored ones last
  UnknownValues unknown;             // counted above as what they became
  std::int64_t turned = 0;           // images that EXIF turns
};

class SegmentationData {
 public:
  /// The pairs that find_pairs() finds. The same on all ranks, or an Error. Collective.
  SegmentationData(const PairSource& source, const PairReader& reader, std::int64_t classes,
                   Size size, Communicator& comm, const Log& log);

  std::int64_t size() const { return std::ssize(pairs_); }

  const ImagePair& pair(std::int64_t i) const { return pairs_.at(static_cast<std::size_t>(i)); }

  /// Reads every image and mask once, shared by the ranks, so that a bad file is found before
  /// training and not after hours: an Error names the first. The same on every rank. Collective.
  MaskContent inspect(int threads, Communicator& comm) const;

  /// Makes room for pairs [first, first + count) by name.
  void open(PairBatch& batch, std::int64_t first, std::int64_t count) const;
  /// For positions [first, first + count) of the random order of an epoch, augmented where asked.
  void open(PairBatch& batch, std::uint64_t seed, std::int64_t epoch, std::int64_t first,
            std::int64_t count, bool augmented) const;
  /// Pair `i` of the batch, resized. From any thread.
  void fill(PairBatch& batch, std::int64_t i) const;
  /// open() and fill() at once.
  PairBatch batch(std::int64_t first, std::int64_t count) const;

 private:
  void make_room(PairBatch& batch) const;
  /// What this rank's share of the masks holds.
  MaskContent inspect_own(int threads, int rank, int ranks) const;

  std::vector<ImagePair> pairs_;
  std::int64_t classes_;
  PairReader reader_;
  Size size_;
};

/// An Error for masks from which nothing can be learnt: all ignored, or all of one class.
void check_classes(const MaskContent& content, const Labels& labels, const std::string& masks);

/// The share of each class; that of values that are no class, with the commonest and their places,
/// as a warning from 0.1 % on; and the classes that have no pixel.
void report_masks(const MaskContent& content, const Labels& labels, const SegmentationData& data,
                  const std::string& masks, const Log& log);

}  // namespace ijepa
