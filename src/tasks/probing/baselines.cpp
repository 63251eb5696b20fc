#include "ijepa/tasks/probing/baselines.hpp"

#include <algorithm>
#include <array>
#include <cmath>

namespace ijepa {

void PixelFeatures::apply(const PixelBatch& batch, MatrixView<float> out) {
  std::array<std::uint8_t, std::size_t{3} * side * side> small{};
  for (std::int64_t i = 0; i < batch.count; ++i) {
    resizer_.resize(batch.image(i), {side, side}, small.data());
    std::ranges::transform(small, out.row(i).begin(),
                           [](std::uint8_t v) { return static_cast<float>(v) / 255.0F - 0.5F; });
  }
}

void HistogramFeatures::apply(const PixelBatch& batch, MatrixView<float> out) {
  const std::int64_t pixels = batch.bytes_each() / 3;
  for (std::int64_t i = 0; i < batch.count; ++i) {
    const auto counts = out.row(i);
    std::ranges::fill(counts, 0.0F);
    const auto* rgb = batch.image(i).rgb;
    for (std::int64_t p = 0; p < pixels; ++p) {
      std::int64_t bin = 0;
      for (std::int64_t c = 0; c < 3; ++c) bin = bin * bins + rgb[3 * p + c] * bins / 256;
      ++counts[static_cast<std::size_t>(bin)];
    }
    for (auto& v : counts) v = std::sqrt(v / static_cast<float>(pixels));
  }
}

}  // namespace ijepa
