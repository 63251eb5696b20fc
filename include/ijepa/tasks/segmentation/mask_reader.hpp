// Mask reader: label maps of encoded mask files.
#pragma once
#include <cstdint>
#include <span>
#include <utility>
#include <vector>

#include "ijepa/tasks/segmentation/mask_values.hpp"

namespace ijepa {

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
