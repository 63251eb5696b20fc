#include "ijepa/data/images/colour.hpp"

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

constexpr int passes = 3;
constexpr int max_radius = 100;  // pixels

/// A box of 2 * radius + 1 whole pixels and a share of the next one on each side, weights in 24
/// bits.
struct Box24 {
  int radius = 0;
  std::uint32_t whole = 0, edge = 0;
};

// Types as in PIL: its float32 steps decide the weights.
Box24 box_of(double standard_deviation) {
  const auto radius = static_cast<float>(standard_deviation);
  const float variance = radius * radius / static_cast<float>(passes);
  const auto length = static_cast<float>(std::sqrt(12.0 * variance + 1.0));
  const auto l = static_cast<float>(std::floor((length - 1.0) / 2.0));
  float a = (2 * l + 1) * (l * (l + 1) - 3 * variance);
  a /= 6 * (variance - (l + 1) * (l + 1));
  const float box_radius = l + a;
  Box24 box;
  box.radius = static_cast<int>(box_radius);
  const float one = 1 << 24;
  box.whole = static_cast<std::uint32_t>(one / (box_radius * 2 + 1));
  box.edge = ((1U << 24) - (2 * static_cast<std::uint32_t>(box.radius) + 1) * box.whole) / 2;
  return box;
}

using Taps = std::array<const std::uint8_t*, 2 * max_radius + 3>;

// One line of output from 2 * radius + 3 lines of input, the outermost two at the edge's weight.
void filter(const Taps& taps, const Box24& box, int bytes, std::uint8_t* out) {
  constexpr int chunk = 64;
  const auto last = static_cast<std::size_t>(2 * box.radius + 2);
  for (int x = 0; x < bytes; x += chunk) {
    const int n = std::min(chunk, bytes - x);
    std::array<std::uint32_t, chunk> inside{};
    for (std::size_t t = 1; t < last; ++t)
      for (int c = 0; c < n; ++c) inside[static_cast<std::size_t>(c)] += taps[t][x + c];
    for (int c = 0; c < n; ++c) {
      const std::uint32_t edges = std::uint32_t{taps[0][x + c]} + taps[last][x + c];
      const std::uint32_t sum =
          inside[static_cast<std::size_t>(c)] * box.whole + edges * box.edge + (1U << 23);
      out[x + c] = static_cast<std::uint8_t>(sum >> 24);
    }
  }
}

// Along a row the lines are the row itself, moved by whole pixels; borders repeat.
void filter_row(const std::uint8_t* in, int width, const Box24& box, std::uint8_t* padded,
                std::uint8_t* out) {
  const int margin = box.radius + 1;
  for (int i = 0; i < margin; ++i) {
    std::memcpy(padded + 3 * i, in, 3);
    std::memcpy(padded + 3 * (margin + width + i), in + 3 * (width - 1), 3);
  }
  std::memcpy(padded + 3 * margin, in, static_cast<std::size_t>(3 * width));
  Taps taps{};
  for (int t = 0; t < 2 * margin + 1; ++t) taps[static_cast<std::size_t>(t)] = padded + 3 * t;
  filter(taps, box, 3 * width, out);
}

void filter_columns(const std::uint8_t* in, const Pixels& image, const Box24& box,
                    std::uint8_t* out) {
  const std::ptrdiff_t stride = std::ptrdiff_t{3} * image.width;
  for (int y = 0; y < image.height; ++y) {
    Taps taps{};
    for (int t = 0; t < 2 * box.radius + 3; ++t)
      taps[static_cast<std::size_t>(t)] =
          in + std::clamp(y - box.radius - 1 + t, 0, image.height - 1) * stride;
    filter(taps, box, static_cast<int>(stride), out + y * stride);
  }
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

void gaussian_blur(const Pixels& image, double radius, std::vector<std::uint8_t>& scratch) {
  check(radius >= 0 && radius <= max_radius, "A blur radius of {} pixels is outside 0 to {}.",
        radius, max_radius);
  if (radius == 0) return;
  const Box24 box = box_of(radius);
  const std::size_t bytes = image.bytes().size();
  const std::ptrdiff_t stride = std::ptrdiff_t{3} * image.width;
  scratch.resize(bytes + static_cast<std::size_t>(3 * (image.width + 2 * box.radius + 2)));
  std::uint8_t* const padded = scratch.data() + bytes;
  // Six passes: an even number, so the result ends where it began.
  std::uint8_t *from = image.rgb, *to = scratch.data();
  for (int pass = 0; pass < passes; ++pass, std::swap(from, to))
    for (int y = 0; y < image.height; ++y)
      filter_row(from + y * stride, image.width, box, padded, to + y * stride);
  for (int pass = 0; pass < passes; ++pass, std::swap(from, to))
    filter_columns(from, image, box, to);
}

}  // namespace ijepa
