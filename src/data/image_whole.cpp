#include "ijepa/core/error.hpp"
#include "image_codec.hpp"

namespace ijepa {
namespace {

struct WholeFormat {
  Size (*size)(std::span<const std::uint8_t>);
  void (*decode)(std::span<const std::uint8_t>, const Size&, std::uint8_t*);
  void (*check)(std::span<const std::uint8_t>) = nullptr;
};

WholeFormat functions_of(ImageFormat format) {
  switch (format) {
    case ImageFormat::webp:
      return {webp_size, decode_webp};
    case ImageFormat::tiff:
      return {tiff_size, decode_tiff};
    case ImageFormat::gif:
      return {gif_size, decode_gif};
    case ImageFormat::bmp:
      return {bmp_size, decode_bmp, check_bmp};
    default:
      return {netpbm_size, decode_netpbm, check_netpbm};
  }
}

}  // namespace

Size ImageDecoder::Whole::open(std::span<const std::uint8_t> bytes) {
  bytes_ = bytes;
  const auto format = image_format(bytes);
  size_ = functions_of(format).size(bytes);
  check(size_.height > 0 && size_.width > 0, "The {} image has no pixels.", format_name(format));
  check_pixels(size_, max_pixels_);
  if (const auto check_bytes = functions_of(format).check) check_bytes(bytes);
  return size_;
}

ImageView ImageDecoder::Whole::decode_all() {
  const std::ptrdiff_t stride = std::ptrdiff_t{3} * size_.width;
  pixels_.assign(static_cast<std::size_t>(stride * size_.height), 0);
  functions_of(image_format(bytes_)).decode(bytes_, size_, pixels_.data());
  return {pixels_.data(), size_.height, size_.width, stride};
}

}  // namespace ijepa
