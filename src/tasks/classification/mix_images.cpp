#include "ijepa/tasks/classification/mix_images.hpp"

#include <algorithm>
#include <cmath>

#include "ijepa/core/pixel_type.hpp"

namespace ijepa {
namespace {

Box draw_box(double own, const Size& size, Rng& rng) {
  const double side = std::sqrt(1 - own);
  const auto along = [&](int whole, int& begin, int& length) {
    const auto centre = static_cast<int>(rng.below(static_cast<std::uint64_t>(whole)));
    const auto cut = static_cast<int>(whole * side);
    begin = std::clamp(centre - cut / 2, 0, whole);
    length = std::clamp(centre + cut / 2, 0, whole) - begin;
  };
  Box box;
  along(size.height, box.top, box.height);
  along(size.width, box.left, box.width);
  return box;
}

/// Both pictures become own * self + (1 - own) * other.
template <class Value>
void blend(double own, std::span<Value> a, std::span<Value> b) {
  const auto weighted = [own](Value x, Value y) {
    return static_cast<Value>(std::lround(own * x + (1 - own) * y));
  };
  for (std::size_t i = 0; i < a.size(); ++i) {
    const auto first = a[i], second = b[i];
    a[i] = weighted(first, second);
    b[i] = weighted(second, first);
  }
}

template <class Value>
void swap_box(const Box& box, int width, int channels, std::span<Value> a, std::span<Value> b) {
  for (int y = box.top; y < box.top + box.height; ++y) {
    const auto begin = static_cast<std::size_t>(channels * (y * width + box.left));
    const auto row = a.subspan(begin, static_cast<std::size_t>(channels * box.width));
    std::ranges::swap_ranges(row, b.subspan(begin, row.size()));
  }
}

template <class Value>
void mix_pictures(const MixDraw& draw, int width, int channels, std::span<Value> a,
                  std::span<Value> b) {
  if (draw.box.height > 0)
    swap_box(draw.box, width, channels, a, b);
  else
    blend(draw.own, a, b);
}

std::span<std::uint16_t> as_samples(std::span<std::uint8_t> pixels) {
  return {reinterpret_cast<std::uint16_t*>(pixels.data()), pixels.size() / 2};
}

}  // namespace

double draw_beta(double alpha, Rng& rng) {
  for (;;) {
    const double x = std::pow(rng.uniform(), 1 / alpha), y = std::pow(rng.uniform(), 1 / alpha);
    if (x + y > 0 && x + y <= 1) return x / (x + y);
  }
}

MixDraw draw_mix(double mixup_alpha, double cutmix_alpha, const Size& size, Rng& rng) {
  if (mixup_alpha <= 0 && cutmix_alpha <= 0) return {};
  const bool cut = cutmix_alpha > 0 && (mixup_alpha <= 0 || rng.uniform() < 0.5);
  const double own = draw_beta(cut ? cutmix_alpha : mixup_alpha, rng);
  if (!cut) return {own, {}};
  const Box box = draw_box(own, size, rng);
  const double area = static_cast<double>(box.height) * box.width;
  return {1 - area / (static_cast<double>(size.height) * size.width), box};
}

void mix_pairs(const MixDraw& draw, const Size& size, int channels, std::span<std::uint8_t> pixels,
               MatrixView<double> targets) {
  if (draw.own == 1) return;
  const auto bytes = static_cast<std::size_t>(bytes_of_pixel(channels) * size.height * size.width);
  for (std::int64_t i = 0; i + 1 < targets.rows; i += 2) {
    const auto a = pixels.subspan(static_cast<std::size_t>(i) * bytes, bytes);
    const auto b = pixels.subspan(static_cast<std::size_t>(i + 1) * bytes, bytes);
    if (channels == 3)
      mix_pictures(draw, size.width, channels, a, b);
    else
      mix_pictures(draw, size.width, channels, as_samples(a), as_samples(b));
    const auto first = targets.row(i), second = targets.row(i + 1);
    for (std::size_t c = 0; c < first.size(); ++c) {
      const double x = first[c], y = second[c];
      first[c] = draw.own * x + (1 - draw.own) * y;
      second[c] = draw.own * y + (1 - draw.own) * x;
    }
  }
}

Matrix<double> smoothed_targets(std::span<const std::int32_t> labels, std::int64_t classes,
                                double smoothing) {
  Matrix<double> targets(std::ssize(labels), classes);
  std::ranges::fill(targets.values, smoothing / static_cast<double>(classes));
  for (std::size_t i = 0; i < labels.size(); ++i)
    targets.row(static_cast<std::int64_t>(i))[static_cast<std::size_t>(labels[i])] += 1 - smoothing;
  return targets;
}

}  // namespace ijepa
