// PNG through libpng. Like libjpeg it leaves by longjmp, so nothing with a destructor lives between
// setjmp and its calls.
#include <png.h>

#include <algorithm>
#include <array>
#include <csetjmp>
#include <cstdio>
#include <cstring>
#include <vector>

#include "codec.hpp"
#include "ijepa/core/error.hpp"

namespace ijepa {

struct ImageDecoder::Png::State {
  std::int64_t max_pixels = 0;
  png_structp png = nullptr;
  png_infop info = nullptr;
  std::span<const std::uint8_t> bytes;
  std::size_t at = 0;
  std::jmp_buf jump{};
  std::array<char, 160> message{};
  std::vector<std::uint8_t> pixels;
  std::vector<png_bytep> rows;

  static State& of(png_structp png) { return *static_cast<State*>(png_get_io_ptr(png)); }

  [[noreturn]] static void on_error(png_structp png, png_const_charp text) {
    State& s = *static_cast<State*>(png_get_error_ptr(png));
    std::snprintf(s.message.data(), s.message.size(), "%s", text);
    std::longjmp(s.jump, 1);
  }
  static void on_warning(png_structp, png_const_charp) {}
  static void on_read(png_structp png, png_bytep out, std::size_t count) {
    State& s = of(png);
    if (count > s.bytes.size() - s.at) png_error(png, "the data ends too early");
    std::memcpy(out, s.bytes.data() + s.at, count);
    s.at += count;
  }

  void close() { png_destroy_read_struct(&png, &info, nullptr); }

  template <class Body>
  void guarded(const Body& body) {
    if (setjmp(jump) != 0) {
      close();
      fail("The PNG data is damaged: {}.", message.data());
    }
    body();
  }
};

ImageDecoder::Png::Png(std::int64_t max_pixels) : state_(std::make_unique<State>()) {
  state_->max_pixels = max_pixels;
}

ImageDecoder::Png::~Png() {
  state_->close();
}

Size ImageDecoder::Png::open(std::span<const std::uint8_t> bytes) {
  State& s = *state_;
  s.close();
  s.bytes = bytes;
  s.at = 0;
  s.png = png_create_read_struct(PNG_LIBPNG_VER_STRING, &s, State::on_error, State::on_warning);
  check(s.png != nullptr, "libpng could not be started: its version differs from the headers'.");
  s.guarded([&] {
    s.info = png_create_info_struct(s.png);
    png_set_read_fn(s.png, &s, State::on_read);
    png_read_info(s.png, s.info);
  });
  const Size size{static_cast<int>(png_get_image_height(s.png, s.info)),
                  static_cast<int>(png_get_image_width(s.png, s.info))};
  check_pixels(size, s.max_pixels);
  return size;
}

ImageView ImageDecoder::Png::decode_all() {
  State& s = *state_;
  const auto height = static_cast<std::size_t>(png_get_image_height(s.png, s.info));
  const auto width = static_cast<std::size_t>(png_get_image_width(s.png, s.info));
  const std::size_t stride = 3 * width;
  s.pixels.resize(stride * height);
  s.rows.resize(height);
  for (std::size_t y = 0; y < height; ++y) s.rows[y] = s.pixels.data() + y * stride;
  s.guarded([&] {
    png_set_expand(s.png);  // palette to RGB, few-bit grey to 8, transparent colour to alpha
    png_set_strip_16(s.png);
    png_set_strip_alpha(s.png);
    png_set_gray_to_rgb(s.png);
    png_set_interlace_handling(s.png);
    png_read_update_info(s.png, s.info);
    if (png_get_rowbytes(s.png, s.info) != stride) png_error(s.png, "rows are not RGB");
    png_read_image(s.png, s.rows.data());
    png_read_end(s.png, nullptr);
  });
  s.close();
  return {s.pixels.data(), static_cast<int>(height), static_cast<int>(width),
          static_cast<std::ptrdiff_t>(stride)};
}

ValueImage ImageDecoder::Png::decode_values() {
  State& s = *state_;
  const auto height = png_get_image_height(s.png, s.info);
  const auto width = png_get_image_width(s.png, s.info);
  const std::size_t channels = png_get_channels(s.png, s.info);
  const std::size_t depth = png_get_bit_depth(s.png, s.info) == 16 ? 2 : 1;
  const std::size_t stride = channels * depth * width;
  s.pixels.resize(stride * height);
  s.rows.resize(height);
  for (std::size_t y = 0; y < height; ++y) s.rows[y] = s.pixels.data() + y * stride;
  s.guarded([&] {
    png_set_packing(s.png);
    png_set_interlace_handling(s.png);
    png_read_update_info(s.png, s.info);
    if (png_get_rowbytes(s.png, s.info) != stride) png_error(s.png, "rows are not indices");
    png_read_image(s.png, s.rows.data());
    png_read_end(s.png, nullptr);
  });
  s.close();
  ValueImage out{static_cast<int>(height), static_cast<int>(width), {}};
  out.values.resize(std::size_t{height} * width);
  const std::uint8_t* at = s.pixels.data();
  const auto value = [&](std::size_t c) {
    const std::uint8_t* v = at + c * depth;
    return static_cast<std::uint16_t>(depth == 2 ? v[0] << 8 | v[1] : v[0]);
  };
  for (std::size_t i = 0; i < out.values.size(); ++i, at += channels * depth) {
    out.values[i] = value(0);
    if (channels >= 3 && (value(1) != value(0) || value(2) != value(0)))
      fail("It holds colours, not indices: ({}, {}, {}) at pixel x = {}, y = {}.", value(0),
           value(1), value(2), i % width, i / width);
  }
  return out;
}

StoredSamples ImageDecoder::Png::decode_samples() {
  State& s = *state_;
  s.guarded([&] {
    png_set_expand_16(s.png);  // palette to RGB, fewer bits to 16, transparent colour to alpha
    png_set_swap(s.png);
    png_set_interlace_handling(s.png);
    png_read_update_info(s.png, s.info);
  });
  const int channels = png_get_channels(s.png, s.info);
  const Size size{static_cast<int>(png_get_image_height(s.png, s.info)),
                  static_cast<int>(png_get_image_width(s.png, s.info))};
  check_samples(size, channels, s.max_pixels);
  StoredSamples out{{size.height, size.width, channels, {}}, channels >= 3, channels % 2 == 0};
  const auto row = static_cast<std::size_t>(size.width) * static_cast<std::size_t>(channels);
  check(png_get_rowbytes(s.png, s.info) == row * sizeof(std::uint16_t),
        "The PNG image does not expand to 16 bits.");
  out.image.samples.resize(row * static_cast<std::size_t>(size.height));
  s.rows.resize(static_cast<std::size_t>(size.height));
  for (std::size_t y = 0; y < s.rows.size(); ++y)
    s.rows[y] = reinterpret_cast<png_bytep>(out.image.samples.data() + y * row);
  s.guarded([&] {
    png_read_image(s.png, s.rows.data());
    png_read_end(s.png, nullptr);
  });
  s.close();
  return out;
}

StoredChannels png_channels(std::span<const std::uint8_t> bytes) {
  constexpr std::size_t header = 26;  // signature, length, name, width, height, depth, colour type
  check(bytes.size() >= header, "The PNG data is damaged: the data ends too early.");
  const int colour = bytes[25];
  const bool palette = (colour & PNG_COLOR_MASK_PALETTE) != 0;
  return {((colour & PNG_COLOR_MASK_COLOR) != 0 ? 3 : 1) +
              ((colour & PNG_COLOR_MASK_ALPHA) != 0 ? 1 : 0),
          palette ? 8 : std::max<int>(8, bytes[24])};
}

StoredSamples png_samples(std::span<const std::uint8_t> bytes, std::int64_t max_pixels) {
  ImageDecoder::Png png(max_pixels);
  png.open(bytes);
  return png.decode_samples();
}

ValueImage decode_value_png(std::span<const std::uint8_t> bytes, std::int64_t max_pixels) {
  check(image_format(bytes) == ImageFormat::png, "It is not a PNG file.");
  ImageDecoder::Png png(max_pixels);
  png.open(bytes);
  return png.decode_values();
}

IndexImage decode_index_png(std::span<const std::uint8_t> bytes, std::int64_t max_pixels) {
  const auto map = decode_value_png(bytes, max_pixels);
  const auto large = std::ranges::find_if(map.values, [](auto v) { return v > 255; });
  check(large == map.values.end(), "It holds the number {}, which is no index of 8 bits.",
        large == map.values.end() ? 0 : *large);
  return {map.height, map.width, {map.values.begin(), map.values.end()}};
}

ImageView ImageDecoder::Png::decode(const Box& box) {
  return decode_all().part(box);
}

}  // namespace ijepa
