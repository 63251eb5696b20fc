// PIL's Gaussian blur: three box filters of fractional length (Gwosdek et al., "Theoretical
// Foundations of Gaussian Convolution by Extended Box Filtering", SSVM 2011, equations 7, 11, 14).
#include <algorithm>
#include <array>
#include <cmath>
#include <cstring>

#include "ijepa/core/error.hpp"
#include "ijepa/data/colour.hpp"

namespace ijepa {
namespace {

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
