#include "ijepa/data/images/image.hpp"

#include <utility>

#include "codec.hpp"
#include "ijepa/core/error.hpp"

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

void check_pixels(const Size& size, std::int64_t max_pixels) {
  check(std::int64_t{size.height} * size.width <= max_pixels,
        "The image has {} x {} pixels, above the limit of {} pixels.", size.width, size.height,
        max_pixels);
}

ImageDecoder::ImageDecoder(std::int64_t max_pixels) : max_pixels_(max_pixels) {}
ImageDecoder::~ImageDecoder() = default;
ImageDecoder::ImageDecoder(ImageDecoder&&) noexcept = default;
ImageDecoder& ImageDecoder::operator=(ImageDecoder&&) noexcept = default;

Size ImageDecoder::open(std::span<const std::uint8_t> bytes) {
  opened_ = nullptr;
  Codec* codec = nullptr;
  switch (image_format(bytes)) {
    case ImageFormat::jpeg:
      if (jpeg_ == nullptr) jpeg_ = std::make_unique<Jpeg>(max_pixels_);
      codec = jpeg_.get();
      break;
    case ImageFormat::png:
      if (png_ == nullptr) png_ = std::make_unique<Png>(max_pixels_);
      codec = png_.get();
      break;
    case ImageFormat::unknown:
      fail("It is no {} image but {}.", readable_formats, what_instead(bytes));
    default:
      if (whole_ == nullptr) whole_ = std::make_unique<Whole>(max_pixels_);
      codec = whole_.get();
  }
  size_ = codec->open(bytes);
  opened_ = codec;
  return size_;
}

ImageView ImageDecoder::decode(const Box& box) {
  check(opened_ != nullptr, "decode() was called without a successful open().");
  check(box.top >= 0 && box.left >= 0 && box.height > 0 && box.width > 0 &&
            box.height <= size_.height - box.top && box.width <= size_.width - box.left,
        "The box of {} x {} pixels at ({}, {}) does not lie inside the image of {} x {} pixels.",
        box.width, box.height, box.left, box.top, size_.width, size_.height);
  return std::exchange(opened_, nullptr)->decode(box);
}

ImageView ImageDecoder::decode() {
  check(opened_ != nullptr, "decode() was called without a successful open().");
  return std::exchange(opened_, nullptr)->decode_all();
}

Image decode_image(std::span<const std::uint8_t> bytes, std::int64_t max_pixels) {
  ImageDecoder decoder(max_pixels);
  decoder.open(bytes);
  const ImageView pixels = decoder.decode();
  Image image{pixels.height, pixels.width, {}};
  image.rgb.reserve(static_cast<std::size_t>(pixels.height * std::int64_t{3} * pixels.width));
  for (int y = 0; y < pixels.height; ++y) {
    const std::uint8_t* row = pixels.rgb + y * pixels.stride;
    image.rgb.insert(image.rgb.end(), row, row + std::ptrdiff_t{3} * pixels.width);
  }
  return image;
}

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
