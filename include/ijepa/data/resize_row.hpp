// The inner loop of resizing along rows: the filter's weights as the instructions want them, and
// one row from many pixels to few. AVX2 where the build has it, else plain code with the same
// integers.
#pragma once
#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

namespace ijepa {

/// Bits after the point of a weight: 8-bit pixels times weights stay within 32 bits.
constexpr int resize_precision = 22;
constexpr std::int32_t resize_half = 1 << (resize_precision - 1);

/// Weights in groups of four taps: four upper halves (11 bits) and four lower halves, so that two
/// 16-bit multiplications do the work of a 32-bit one on twice as many pixels.
class RowWeights {
 public:
  /// `weights` has `taps` (a multiple of 4) entries for each output pixel, zero-padded; `first` is
  /// the input pixel of the first one.
  void prepare(std::span<const std::int32_t> first, std::span<const std::int32_t> weights,
               int taps);

  /// Bytes behind the end of a row that apply() may read, and behind the end of a result that it
  /// may write.
  std::ptrdiff_t slack() const { return static_cast<std::ptrdiff_t>(12 * groups_ + 4); }

  /// One row of 8-bit RGB, first.size() pixels to `out`.
  void apply(const std::uint8_t* in, std::uint8_t* out) const;

 private:
  std::size_t groups_ = 0;  // an output pixel
  std::vector<std::int32_t> first_byte_;
  std::vector<std::int16_t> halves_;
};

}  // namespace ijepa
