#include "ijepa/tasks/segmentation/mask_reader.hpp"

#include <algorithm>

#include "ijepa/core/error.hpp"

namespace ijepa {
namespace {

/// An Error for formats that blur values, and where numbers could be read scaled or cut.
void check_keeps_values(ImageFormat format, bool index) {
  const bool exact =
      format == ImageFormat::png || format == ImageFormat::bmp || format == ImageFormat::gif;
  const bool colours = format == ImageFormat::tiff || format == ImageFormat::netpbm;
  check(
      exact || (colours && !index),
      "Masks must be PNG, BMP or GIF files, those of colours also TIFF or PPM, and this is {}: "
      "JPEG does not keep values, and others are not read. Convert the masks from where they were "
      "made, without loss.",
      format_name(format));
}

}  // namespace

MaskReader::MaskReader(const Labels& labels) : labels_(labels) {
  const bool index = labels.masks == MaskKind::index;
  const auto add = [&](std::int64_t value, const std::array<double, 3>& colour, auto label) {
    if (index && value < 0) return;
    const auto code = index ? static_cast<std::uint32_t>(value) : mask_code(rgb_of(colour));
    by_code_.emplace_back(code, static_cast<std::uint8_t>(label));
  };
  for (std::size_t l = 0; l < labels.classes.size(); ++l)
    add(labels.value(l), labels.classes[l].mask, l);
  for (const auto& i : labels.ignored) add(i.value, i.mask, ignored_label);
  if (index && labels.ignore_index >= 0) add(labels.ignore_index, {}, ignored_label);
  if (index && labels.reduce_zero_label) add(0, {}, ignored_label);
  std::ranges::sort(by_code_);
}

MaskReader::Found MaskReader::find(std::uint32_t code, int x, int y) const {
  const auto found = std::ranges::lower_bound(by_code_, std::pair{code, std::uint8_t{0}});
  if (found != by_code_.end() && found->first == code) return {found->second, true};
  if (labels_.two_sided()) return {1, false};
  check(labels_.unknown != UnknownColour::error,
        "The mask has the {} {} at pixel x = {}, y = {}, which is no class of the configuration "
        "(rule unknown_colour = \"error\").",
        labels_.masks == MaskKind::index ? "index" : "colour", value_text(labels_.masks, code), x,
        y);
  return {labels_.unknown == UnknownColour::ignore ? ignored_label : std::uint8_t{0}, false};
}

template <class Code>
IndexImage MaskReader::read_codes(Size size, const Code& code, UnknownValues* unknown,
                                  std::int64_t pair) const {
  IndexImage out{size.height, size.width, {}};
  out.index.resize(static_cast<std::size_t>(size.height) * static_cast<std::size_t>(size.width));
  const auto width = static_cast<std::size_t>(size.width);
  for (std::size_t i = 0, end = 0; i < out.index.size(); i = end) {  // masks are runs of one value
    const auto own = code(i);
    for (end = i + 1; end < out.index.size() && code(end) == own;) ++end;
    const int x = static_cast<int>(i % width), y = static_cast<int>(i / width);
    const auto found = find(own, x, y);
    std::fill(out.index.begin() + static_cast<std::ptrdiff_t>(i),
              out.index.begin() + static_cast<std::ptrdiff_t>(end), found.label);
    if (!found.known && unknown != nullptr)
      unknown->add({own, static_cast<std::int64_t>(end - i), pair, x, y});
  }
  return out;
}

IndexImage MaskReader::read(std::span<const std::uint8_t> encoded, UnknownValues* unknown,
                            std::int64_t pair) const {
  const auto format = image_format(encoded);
  const bool index = labels_.masks == MaskKind::index;
  check_keeps_values(format, index);
  if (index && format == ImageFormat::png) {
    const auto map = decode_value_png(encoded);
    return read_codes(
        {map.height, map.width}, [&](std::size_t i) { return std::uint32_t{map.values[i]}; },
        unknown, pair);
  }
  const Image image = decode_image(encoded);
  const auto code = [&](std::size_t i) {
    const Rgb c{image.rgb[3 * i], image.rgb[3 * i + 1], image.rgb[3 * i + 2]};
    if (!index) return mask_code(c);
    const auto width = static_cast<std::size_t>(image.width);
    if (c[0] != c[1] || c[1] != c[2])
      fail("It holds colours, not indices: {} at pixel x = {}, y = {}.",
           value_text(MaskKind::colour, mask_code(c)), i % width, i / width);
    return std::uint32_t{c[0]};
  };
  return read_codes({image.height, image.width}, code, unknown, pair);
}

}  // namespace ijepa
