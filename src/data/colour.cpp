#include "ijepa/data/colour.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstring>

#include "ijepa/core/error.hpp"

namespace ijepa {
namespace {

// PIL blends in float32 and cuts the fraction off.
std::uint8_t blend(int from, int to, float factor) {
  const float value = static_cast<float>(from) + factor * static_cast<float>(to - from);
  return static_cast<std::uint8_t>(std::clamp(value, 0.0F, 255.0F));
}

// PIL's 16-bit fixed-point luminance.
int luminance(const std::uint8_t* p) {
  return (p[0] * 19595 + p[1] * 38470 + p[2] * 7471 + 0x8000) >> 16;
}

void blend_from_constant(const Pixels& image, int constant, double factor) {
  std::array<std::uint8_t, 256> table;
  for (int v = 0; v < 256; ++v)
    table[static_cast<std::size_t>(v)] = blend(constant, v, static_cast<float>(factor));
  for (auto& v : image.bytes()) v = table[v];
}

struct Hsv {
  std::uint8_t h, s, v;
};

// float and double are mixed as in PIL, where they decide the last bit.
Hsv to_hsv(const std::uint8_t* p) {
  const int r = p[0], g = p[1], b = p[2];
  const int high = std::max({r, g, b}), low = std::min({r, g, b});
  if (high == low) return {0, 0, static_cast<std::uint8_t>(high)};
  const auto range = static_cast<float>(high - low);
  const float saturation = range / static_cast<float>(high);
  const float rc = static_cast<float>(high - r) / range;
  const float gc = static_cast<float>(high - g) / range;
  const float bc = static_cast<float>(high - b) / range;
  float hue = 0;
  if (r == high)
    hue = bc - gc;
  else if (g == high)
    hue = static_cast<float>(2.0 + rc - bc);
  else
    hue = static_cast<float>(4.0 + gc - rc);
  const double turned = hue / 6.0 + 1.0;  // in [5/6, 2): taking 1 off is the exact remainder
  hue = static_cast<float>(turned >= 1.0 ? turned - 1.0 : turned);
  return {static_cast<std::uint8_t>(hue * 255.0), static_cast<std::uint8_t>(saturation * 255.0),
          static_cast<std::uint8_t>(high)};
}

void to_rgb(const Hsv& in, std::uint8_t* out) {
  const int v = in.v;
  if (in.s == 0) {
    std::fill_n(out, 3, in.v);
    return;
  }
  const double sixths = static_cast<float>(in.h) * 6.0 / 255.0;
  const int sector = static_cast<int>(sixths);
  const auto f = static_cast<float>(sixths - static_cast<float>(sector));
  const auto s = static_cast<float>(static_cast<float>(in.s) / 255.0);
  // Halves away from zero; values are never negative.
  const auto rounded = [](double x) { return static_cast<int>(x + 0.5); };
  const int p = rounded(v * (1.0 - s));
  const int q = rounded(v * (1.0 - s * f));
  const int t = rounded(v * (1.0 - s * (1.0 - f)));
  const std::array<std::array<int, 3>, 6> sectors{
      {{v, t, p}, {q, v, p}, {p, v, t}, {p, q, v}, {t, p, v}, {v, p, q}}};
  const auto& rgb = sectors[static_cast<std::size_t>(sector % 6)];
  for (std::size_t c = 0; c < 3; ++c) out[c] = static_cast<std::uint8_t>(rgb[c]);
}

}  // namespace

void adjust_brightness(const Pixels& image, double factor) {
  blend_from_constant(image, 0, factor);
}

void adjust_contrast(const Pixels& image, double factor) {
  const auto bytes = image.bytes();
  check(!bytes.empty(), "An image without pixels has no contrast.");
  std::int64_t sum = 0;
  for (std::size_t i = 0; i < bytes.size(); i += 3) sum += luminance(&bytes[i]);
  const double mean = static_cast<double>(sum) / static_cast<double>(bytes.size() / 3);
  blend_from_constant(image, static_cast<int>(mean + 0.5), factor);
}

void adjust_saturation(const Pixels& image, double factor) {
  const auto bytes = image.bytes();
  for (std::size_t i = 0; i < bytes.size(); i += 3) {
    const int grey = luminance(&bytes[i]);
    for (std::size_t c = 0; c < 3; ++c)
      bytes[i + c] = blend(grey, bytes[i + c], static_cast<float>(factor));
  }
}

void adjust_hue(const Pixels& image, double factor) {
  check(factor >= -0.5 && factor <= 0.5, "A hue factor of {} is outside -0.5 to 0.5.", factor);
  const auto turn = static_cast<std::uint8_t>(static_cast<int>(factor * 255));
  const auto bytes = image.bytes();
  for (std::size_t i = 0; i < bytes.size(); i += 3) {
    Hsv hsv = to_hsv(&bytes[i]);
    hsv.h = static_cast<std::uint8_t>(hsv.h + turn);
    to_rgb(hsv, &bytes[i]);
  }
}

void to_grey(const Pixels& image) {
  const auto bytes = image.bytes();
  for (std::size_t i = 0; i < bytes.size(); i += 3)
    std::fill_n(&bytes[i], 3, static_cast<std::uint8_t>(luminance(&bytes[i])));
}

void flip_horizontal(const Pixels& image) {
  for (int y = 0; y < image.height; ++y) {
    std::uint8_t* left = image.rgb + std::ptrdiff_t{3} * y * image.width;
    std::uint8_t* right = left + std::ptrdiff_t{3} * (image.width - 1);
    for (; left < right; left += 3, right -= 3) std::swap_ranges(left, left + 3, right);
  }
}

}  // namespace ijepa
