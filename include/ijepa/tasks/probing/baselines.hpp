// Baselines: features that need no network. What a probe of a network must beat.
#pragma once
#include <span>
#include <string>
#include <utility>

#include "ijepa/data/images/resize.hpp"
#include "ijepa/device/ops.hpp"
#include "ijepa/tasks/features/feature_map.hpp"

namespace ijepa {

/// The picture at 16 x 16 pixels (antialiased), values in -0.5 .. 0.5, so that the cosine of two
/// pictures is not dominated by brightness. Of other channels than three: normalised values.
class PixelFeatures final : public FeatureMap {
 public:
  static constexpr int side = 16;
  /// A mean and a deviation for each channel.
  explicit PixelFeatures(Normalisation normalisation = {})
      : normalisation_(std::move(normalisation)) {}
  std::string name() const override { return "pixels"; }
  std::string identity() const override;
  std::int64_t width() const override {
    return std::ssize(normalisation_.mean) * std::int64_t{side} * side;
  }
  void apply(const PixelBatch& batch, MatrixView<float> out) override;

 private:
  void apply_samples(const SampleView& picture, std::span<float> out);

  Normalisation normalisation_;
  Resizer resizer_;
  SampleResizer sample_resizer_;
};

/// Square roots of the shares of an 8 x 8 x 8 colour histogram: the cosine of two is their
/// Bhattacharyya coefficient. Of other channels than three a histogram each, of 32 bins within
/// three deviations of the mean, the outer ones with what lies beyond.
class HistogramFeatures final : public FeatureMap {
 public:
  static constexpr std::int64_t bins = 8;           // a colour
  static constexpr std::int64_t channel_bins = 32;  // of other channels
  explicit HistogramFeatures(Normalisation normalisation = {})
      : normalisation_(std::move(normalisation)) {}
  std::string name() const override { return "histogram"; }
  std::string identity() const override;
  std::int64_t width() const override {
    return colours() ? bins * bins * bins : std::ssize(normalisation_.mean) * channel_bins;
  }
  void apply(const PixelBatch& batch, MatrixView<float> out) override;

 private:
  bool colours() const { return normalisation_.mean.size() == 3; }
  void count_colours(const ImageView& picture, std::span<float> counts) const;
  void count_samples(const SampleView& picture, std::span<float> counts) const;

  Normalisation normalisation_;
};

}  // namespace ijepa
