#include "data_tools/packing/image_packer.hpp"

#include <algorithm>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <vector>

#include "ijepa/core/error.hpp"
#include "ijepa/core/file.hpp"
#include "ijepa/data/images/canvas.hpp"
#include "ijepa/data/images/image.hpp"
#include "ijepa/data/images/orientation.hpp"

// After cstdio, which its declarations need.
#include <jpeglib.h>

namespace ijepa::tools {
namespace {

[[noreturn]] void throw_message(j_common_ptr codec) {
  char text[JMSG_LENGTH_MAX];
  codec->err->format_message(codec, text);
  fail("A JPEG could not be written: {}.", text);
}

/// libjpeg's state and its output, released together.
struct Encoder {
  jpeg_error_mgr errors{};
  jpeg_compress_struct codec{};
  unsigned char* bytes = nullptr;
  unsigned long size = 0;

  Encoder() {
    codec.err = jpeg_std_error(&errors);
    errors.error_exit = throw_message;
    jpeg_create_compress(&codec);
    jpeg_mem_dest(&codec, &bytes, &size);
  }
  ~Encoder() {
    jpeg_destroy_compress(&codec);
    std::free(bytes);
  }
  Encoder(const Encoder&) = delete;
  Encoder& operator=(const Encoder&) = delete;
};

/// A baseline JPEG of `picture`, 4:2:0 chroma, quality 1 to 100. The same pixels make the same
/// bytes.
std::vector<std::uint8_t> encode_jpeg(const ImageView& picture, int quality) {
  Encoder e;
  e.codec.image_width = static_cast<JDIMENSION>(picture.width);
  e.codec.image_height = static_cast<JDIMENSION>(picture.height);
  e.codec.input_components = 3;
  e.codec.in_color_space = JCS_RGB;
  jpeg_set_defaults(&e.codec);
  jpeg_set_quality(&e.codec, quality, TRUE);
  jpeg_start_compress(&e.codec, TRUE);
  while (e.codec.next_scanline < e.codec.image_height) {
    // libjpeg's rows are not const, though it only reads them.
    auto* row = const_cast<JSAMPLE*>(
        picture.rgb + static_cast<std::ptrdiff_t>(e.codec.next_scanline) * picture.stride);
    jpeg_write_scanlines(&e.codec, &row, 1);
  }
  jpeg_finish_compress(&e.codec);
  return {e.bytes, e.bytes + e.size};
}

std::string reason_for(std::span<const std::uint8_t> bytes) {
  const auto kind = what_instead(bytes);
  return std::string(kind == unknown_kind ? "no image by its first bytes" : kind);
}

}  // namespace

PackedImage ImagePacker::pack(Payload payload) {
  if (!payload.problem.empty()) return {{}, payload.problem};
  try {
    if (!payload.file.empty()) {
      const File file(payload.file, File::Mode::read);
      payload.bytes.resize(static_cast<std::size_t>(file.size()));
      file.read(0, payload.bytes.data(), payload.bytes.size());
    }
    const auto format = image_format(payload.bytes);
    if (format == ImageFormat::unknown) return {{}, reason_for(payload.bytes)};
    if (rules_.channels != 3) return {checked_samples(std::move(payload.bytes), format), ""};
    const bool several = several_pictures(payload.bytes);
    return {checked(std::move(payload.bytes), format), "", several};
  } catch (const WrongChannels& error) {
    return {
        {},
        error.what_it_has() + "; " +
            (error.instead().empty()
                 ? fmt::format("--channels N packs images of another number of channels than {}",
                               rules_.channels)
                 : error.instead())};
  } catch (const Error& error) {
    return {{}, error.what()};
  }
}

std::vector<std::uint8_t> ImagePacker::checked(std::vector<std::uint8_t> bytes,
                                               ImageFormat format) {
  const Size size = decoder_.open(bytes);
  const ImageView picture = decoder_.decode();
  const int orientation = exif_orientation(bytes);
  if (rules_.short_side > 0 && std::min(size.height, size.width) > rules_.short_side)
    return with_orientation(shrunk(picture), orientation);
  if (format == ImageFormat::jpeg || format == ImageFormat::png) return bytes;
  return with_orientation(png_bytes(picture), orientation);
}

std::vector<std::uint8_t> ImagePacker::checked_samples(std::vector<std::uint8_t> bytes,
                                                       ImageFormat format) {
  samples_.open(bytes);
  samples_.decode();
  if (format == ImageFormat::jpeg || format == ImageFormat::png || format == ImageFormat::tiff)
    return bytes;
  decoder_.open(bytes);
  return with_orientation(png_bytes(decoder_.decode()), exif_orientation(bytes));
}

std::vector<std::uint8_t> ImagePacker::shrunk(const ImageView& picture) {
  const Size size =
      covering_size({picture.height, picture.width}, {rules_.short_side, rules_.short_side});
  Image small{size.height, size.width,
              std::vector<std::uint8_t>(std::size_t{3} * static_cast<std::size_t>(size.height) *
                                        static_cast<std::size_t>(size.width))};
  resizer_.resize(picture, size, small.rgb.data());
  return encode_jpeg(small.view(), rules_.quality);
}

ImageWorkers::ImageWorkers(const ImageRules& rules, int threads) {
  for (int i = 0; i < threads; ++i)
    threads_.emplace_back([this, rules] { work(ImagePacker(rules)); });
}

ImageWorkers::~ImageWorkers() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
    tasks_.clear();
  }
  arrived_.notify_all();
}

void ImageWorkers::submit(Payload payload) {
  Task task(
      [p = std::move(payload)](ImagePacker& packer) mutable { return packer.pack(std::move(p)); });
  results_.push_back(task.get_future());
  {
    const std::lock_guard lock(mutex_);
    tasks_.push_back(std::move(task));
  }
  arrived_.notify_one();
}

PackedImage ImageWorkers::take() {
  auto result = std::move(results_.front());
  results_.pop_front();
  return result.get();
}

void ImageWorkers::work(ImagePacker packer) {
  for (;;) {
    std::unique_lock lock(mutex_);
    arrived_.wait(lock, [this] { return stopping_ || !tasks_.empty(); });
    if (stopping_) return;
    Task task = std::move(tasks_.front());
    tasks_.pop_front();
    lock.unlock();
    task(packer);
  }
}

}  // namespace ijepa::tools
