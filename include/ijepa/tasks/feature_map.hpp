// FeatureMap: what turns pictures into one vector each: a network, or a baseline without one.
#pragma once
#include <cstdint>
#include <string>

#include "ijepa/core/matrix.hpp"
#include "ijepa/data/image.hpp"

namespace ijepa {

/// `count` pictures of one size, uint8 (count, height, width, 3).
struct PixelBatch {
  const std::uint8_t* rgb = nullptr;
  std::int64_t count = 0;
  Size size;

  std::int64_t bytes_each() const { return std::int64_t{3} * size.height * size.width; }
  ImageView image(std::int64_t i) const {
    return {rgb + i * bytes_each(), size.height, size.width, std::ptrdiff_t{3} * size.width};
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
