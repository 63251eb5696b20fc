#include "ijepa/tasks/probing/baselines.hpp"

#include <fmt/ranges.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <vector>

namespace ijepa {
namespace {

/// Of three channels the name alone, which kept features have had.
std::string identity_of(const char* name, const Normalisation& n) {
  if (n.mean.size() == 3) return name;
  return fmt::format("{} mean {} std {}", name, fmt::join(n.mean, " "), fmt::join(n.std, " "));
}

double normal(std::uint16_t value, const Normalisation& n, std::size_t channel) {
  return (value / 65535.0 - n.mean[channel]) / n.std[channel];
}

}  // namespace

std::string PixelFeatures::identity() const {
  return identity_of("pixels 16x16", normalisation_);
}

void PixelFeatures::apply(const PixelBatch& batch, MatrixView<float> out) {
  std::array<std::uint8_t, std::size_t{3} * side * side> small{};
  for (std::int64_t i = 0; i < batch.count; ++i) {
    if (batch.channels != 3) {
      apply_samples(batch.samples(i), out.row(i));
      continue;
    }
    resizer_.resize(batch.image(i), {side, side}, small.data());
    std::ranges::transform(small, out.row(i).begin(),
                           [](std::uint8_t v) { return static_cast<float>(v) / 255.0F - 0.5F; });
  }
}

void PixelFeatures::apply_samples(const SampleView& picture, std::span<float> out) {
  std::vector<std::uint16_t> small(out.size());
  sample_resizer_.resize(picture, {side, side}, {0, 0, side, side}, small.data());
  for (std::size_t i = 0; i < small.size(); ++i)
    out[i] = static_cast<float>(normal(small[i], normalisation_, i % normalisation_.mean.size()));
}

std::string HistogramFeatures::identity() const {
  return identity_of(colours() ? "histogram 8x8x8" : "histogram 32", normalisation_);
}

void HistogramFeatures::apply(const PixelBatch& batch, MatrixView<float> out) {
  const auto pixels = static_cast<float>(std::int64_t{batch.size.height} * batch.size.width);
  for (std::int64_t i = 0; i < batch.count; ++i) {
    const auto counts = out.row(i);
    std::ranges::fill(counts, 0.0F);
    if (colours())
      count_colours(batch.image(i), counts);
    else
      count_samples(batch.samples(i), counts);
    for (auto& v : counts) v = std::sqrt(v / pixels);
  }
}

void HistogramFeatures::count_colours(const ImageView& picture, std::span<float> counts) const {
  const std::int64_t pixels = std::int64_t{picture.height} * picture.width;
  for (std::int64_t p = 0; p < pixels; ++p) {
    std::int64_t bin = 0;
    for (std::int64_t c = 0; c < 3; ++c) bin = bin * bins + picture.rgb[3 * p + c] * bins / 256;
    ++counts[static_cast<std::size_t>(bin)];
  }
}

void HistogramFeatures::count_samples(const SampleView& picture, std::span<float> counts) const {
  constexpr double deviations = 3, each = channel_bins / (2 * deviations);
  const std::int64_t numbers = picture.height * picture.stride;
  for (std::int64_t i = 0; i < numbers; ++i) {
    const auto c = i % picture.channels;
    const double place =
        (normal(picture.samples[i], normalisation_, static_cast<std::size_t>(c)) + deviations) *
        each;
    const auto bin =
        std::clamp<std::int64_t>(static_cast<std::int64_t>(std::floor(place)), 0, channel_bins - 1);
    ++counts[static_cast<std::size_t>(c * channel_bins + bin)];
  }
}

}  // namespace ijepa
