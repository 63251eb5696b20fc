#include "ijepa/data/images/shown.hpp"

#include <algorithm>
#include <cmath>
#include <vector>

namespace ijepa {
namespace {

constexpr double share_below = 0.02, share_above = 0.98;

/// The value that so large a share of `values` lies below; reorders them.
int quantile(std::vector<std::uint16_t>& values, double share) {
  const auto at = std::llround(share * static_cast<double>(values.size() - 1));
  const auto place = values.begin() + at;
  std::nth_element(values.begin(), place, values.end());
  return *place;
}

/// Channel `from` of the picture to channels [first, end) of `out`.
void stretch(const SampleView& picture, int from, std::size_t first, std::size_t end, Image& out) {
  std::vector<std::uint16_t> values;
  values.reserve(out.rgb.size() / 3);
  for (int y = 0; y < picture.height; ++y)
    for (int x = 0; x < picture.width; ++x)
      values.push_back(
          picture.samples[y * picture.stride + std::ptrdiff_t{x} * picture.channels + from]);
  auto ordered = values;
  const int low = quantile(ordered, share_below), high = quantile(ordered, share_above);
  for (std::size_t i = 0; i < values.size(); ++i) {
    const double share =
        high > low ? static_cast<double>(values[i] - low) / (high - low) : values[i] / 65535.0;
    const auto level = static_cast<std::uint8_t>(std::lround(255 * std::clamp(share, 0.0, 1.0)));
    for (std::size_t c = first; c < end; ++c) out.rgb[3 * i + c] = level;
  }
}

}  // namespace

Image shown(const SampleView& picture) {
  Image out{picture.height, picture.width,
            std::vector<std::uint8_t>(std::size_t{3} * static_cast<std::size_t>(picture.height) *
                                      static_cast<std::size_t>(picture.width))};
  if (picture.channels == 1) {
    stretch(picture, 0, 0, 3, out);
    return out;
  }
  for (int c = 0; c < std::min(picture.channels, 3); ++c)
    stretch(picture, c, static_cast<std::size_t>(c), static_cast<std::size_t>(c) + 1, out);
  return out;
}

Image shown(std::span<const std::uint8_t> encoded, int channels) {
  if (channels == 3) return decode_image(encoded);
  return shown(decode_samples(encoded, channels).view());
}

Image shown_as_stored(std::span<const std::uint8_t> encoded) {
  const auto [channels, bits] = stored_channels(encoded);
  if (channels == 1 && bits == 16) return shown(decode_samples(encoded, 1).view());
  try {
    return decode_image(encoded);
  } catch (const WrongChannels&) {
    return shown(decode_samples(encoded, channels).view());
  }
}

Image shown(const std::uint8_t* pixels, const Size& size, int channels) {
  const auto row = std::ptrdiff_t{channels} * size.width;
  if (channels != 3)
    return shown(SampleView{reinterpret_cast<const std::uint16_t*>(pixels), size.height, size.width,
                            channels, row});
  return {size.height, size.width, {pixels, pixels + row * size.height}};
}

std::string shown_channels(int channels) {
  if (channels == 1 || channels == 3) return "";
  if (channels == 2) return "channels 1 and 2 as red and green";
  return fmt::format("channels 1, 2 and 3 of {} as red, green and blue", channels);
}

}  // namespace ijepa
