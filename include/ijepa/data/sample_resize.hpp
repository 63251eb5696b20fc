// Resizing of samples by the filter of Resizer, whose rounding is to 16 bits here.
#pragma once
#include <cstdint>
#include <vector>

#include "ijepa/data/resize.hpp"
#include "ijepa/data/samples.hpp"

namespace ijepa {

class SampleResizer {
 public:
  /// Writes `part` of the picture that `in` gives when resized to `scaled`, as uint16 (part.height,
  /// part.width, in.channels), to `out`.
  void resize(const SampleView& in, const Size& scaled, const Box& part, std::uint16_t* out);

 private:
  ResizeFilter across_, down_;
  std::vector<std::uint16_t> narrow_;  // rows already resized across
  std::vector<std::int64_t> sums_;
};

}  // namespace ijepa
