// FeatureMap: what turns pictures into one vector each: a network, or a baseline without one.
#pragma once
#include <cstdint>
#include <string>

#include "ijepa/core/matrix.hpp"
#include "ijepa/core/pixel_type.hpp"
#include "ijepa/data/images/samples.hpp"

namespace ijepa {

/// `count` pictures of one size, (count, height, width, channels) as batches hold them
/// (core/pixel_type.hpp).
struct PixelBatch {
  const std::uint8_t* pixels = nullptr;
  std::int64_t count = 0;
  Size size;
  int channels = 3;

  std::int64_t bytes_each() const { return bytes_of_pixel(channels) * size.height * size.width; }
  /// Picture `i` of three channels.
  ImageView image(std::int64_t i) const {
    return {pixels + i * bytes_each(), size.height, size.width, std::ptrdiff_t{3} * size.width};
  }
  /// Picture `i` of other channels.
  SampleView samples(std::int64_t i) const {
    return {reinterpret_cast<const std::uint16_t*>(pixels + i * bytes_each()), size.height,
            size.width, channels, std::ptrdiff_t{channels} * size.width};
  }
};

class FeatureMap {
 public:
  virtual ~FeatureMap() = default;
  virtual std::string name() const = 0;
  virtual std::int64_t width() const = 0;
  /// Equal for maps that give the same features of the same pictures; empty: nobody knows, so that
  /// they are never kept.
  virtual std::string identity() const { return {}; }
  /// out (count, width). A row depends on nothing but its picture and the size of the batch.
  virtual void apply(const PixelBatch& batch, MatrixView<float> out) = 0;
};

}  // namespace ijepa
