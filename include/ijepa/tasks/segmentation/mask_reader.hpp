// Mask reader: label maps of encoded mask files, whose pixels hold a colour or a number: one code;
// and a count of those that are no class.
#pragma once
#include <cstdint>
#include <span>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

#include "ijepa/tasks/segmentation/labels.hpp"

namespace ijepa {

/// 0xRRGGBB; of index masks a code is the value itself.
constexpr std::uint32_t mask_code(const Rgb& c) {
  return std::uint32_t{c[0]} << 16 | std::uint32_t{c[1]} << 8 | c[2];
}
constexpr Rgb colour_of(std::uint32_t code) {
  return {static_cast<std::uint8_t>(code >> 16), static_cast<std::uint8_t>(code >> 8),
          static_cast<std::uint8_t>(code)};
}

/// "(0, 0, 255)", or "7" of index masks.
std::string value_text(MaskKind masks, std::uint32_t code);

/// A value that is no class: how many pixels have it, and the first of them.
struct UnknownValue {
  std::uint32_t code = 0;
  std::int64_t pixels = 0, pair = 0;  // pair: number of the mask
  int x = 0, y = 0;
};

/// Counts such values with little memory: of a set with more than a few thousand of them rare ones
/// are dropped on the way, so their counts are then too low; the sum over all stays exact.
class UnknownValues {
 public:
  void add(const UnknownValue& value);
  void add(const UnknownValues& others);

  std::int64_t pixels() const { return pixels_; }
  /// At most `count`, the commonest first.
  std::vector<UnknownValue> commonest(std::size_t count) const;
  /// The commonest values of others, whose pixels are so many in all.
  void add(std::span<const UnknownValue> commonest, std::int64_t pixels);

 private:
  void merge(const UnknownValue& value);

  std::unordered_map<std::uint32_t, UnknownValue> values_;
  std::int64_t pixels_ = 0;
};

class MaskReader {
 public:
  explicit MaskReader(const Labels& labels);

  /// The labels of an encoded mask (PNG, BMP, GIF; of colours also TIFF, PPM). Values that are no
  /// class become what labels.unknown says and are added to `unknown`, where there is one, as those
  /// of mask number `pair`. With the rule `error` an Error names the value and its pixel.
  IndexImage read(std::span<const std::uint8_t> encoded, UnknownValues* unknown = nullptr,
                  std::int64_t pair = 0) const;

 private:
  struct Found {
    std::uint8_t label;
    bool known;
  };
  Found find(std::uint32_t code, int x, int y) const;
  /// `code(i)`: of pixel i.
  template <class Code>
  IndexImage read_codes(Size size, const Code& code, UnknownValues* unknown,
                        std::int64_t pair) const;

  Labels labels_;
  std::vector<std::pair<std::uint32_t, std::uint8_t>> by_code_;  // sorted
};

}  // namespace ijepa
