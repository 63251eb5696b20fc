// Baselines: features that need no network. What a probe of a network must beat.
#pragma once
#include "ijepa/data/resize.hpp"
#include "ijepa/tasks/feature_map.hpp"

namespace ijepa {

/// The picture at 16 x 16 pixels (antialiased), values in -0.5 .. 0.5, so that the cosine of two
/// pictures is not dominated by brightness.
class PixelFeatures final : public FeatureMap {
 public:
  static constexpr int side = 16;
  std::string name() const override { return "pixels"; }
  std::string identity() const override { return "pixels 16x16"; }
  std::int64_t width() const override { return std::int64_t{3} * side * side; }
  void apply(const PixelBatch& batch, MatrixView<float> out) override;

 private:
  Resizer resizer_;
};

/// Square roots of the shares of an 8 x 8 x 8 colour histogram: the cosine of two is their
/// Bhattacharyya coefficient.
class HistogramFeatures final : public FeatureMap {
 public:
  static constexpr std::int64_t bins = 8;  // a channel
  std::string name() const override { return "histogram"; }
  std::string identity() const override { return "histogram 8x8x8"; }
  std::int64_t width() const override { return bins * bins * bins; }
  void apply(const PixelBatch& batch, MatrixView<float> out) override;
};

}  // namespace ijepa
