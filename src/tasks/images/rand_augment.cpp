#include "ijepa/tasks/images/rand_augment.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <opencv2/imgproc.hpp>

namespace ijepa {
namespace {

constexpr double most = 10;  // magnitude
using Table = std::array<std::uint8_t, 256>;
using Histogram = std::array<std::int64_t, 256>;

void map_values(const Pixels& image, const std::array<Table, 3>& tables) {
  const auto bytes = image.bytes();
  for (std::size_t i = 0; i < bytes.size(); ++i) bytes[i] = tables[i % 3][bytes[i]];
}

template <class F>
void map_values(const Pixels& image, const F& value) {
  Table table;
  for (int v = 0; v < 256; ++v)
    table[static_cast<std::size_t>(v)] = static_cast<std::uint8_t>(std::clamp(value(v), 0, 255));
  map_values(image, std::array{table, table, table});
}

/// A table for each channel out of its histogram.
template <class F>
void map_by_histogram(const Pixels& image, const F& table_of) {
  std::array<Histogram, 3> counts{};
  const auto bytes = image.bytes();
  for (std::size_t i = 0; i < bytes.size(); ++i) ++counts[i % 3][bytes[i]];
  map_values(image, std::array{table_of(counts[0]), table_of(counts[1]), table_of(counts[2])});
}

/// Stretches the occurring values to 0 .. 255.
Table stretched(const Histogram& counts) {
  int low = 0, high = 255;
  while (low < 255 && counts[static_cast<std::size_t>(low)] == 0) ++low;
  while (high > 0 && counts[static_cast<std::size_t>(high)] == 0) --high;
  Table table;
  for (int v = 0; v < 256; ++v) {
    const double share = high > low ? (v - low) * 255.0 / (high - low) : v;
    table[static_cast<std::size_t>(v)] = static_cast<std::uint8_t>(std::clamp(share, 0.0, 255.0));
  }
  return table;
}

/// Values whose histogram is flat: PIL's integer rule.
Table equalized(const Histogram& counts) {
  std::int64_t total = 0, last = 0, used = 0;
  for (const auto n : counts)
    if (n > 0) {
      total += n;
      last = n;
      ++used;
    }
  const auto step = (total - last) / 255;
  Table table;
  auto sum = step / 2;
  for (std::size_t v = 0; v < 256; ++v) {
    const bool flat = used <= 1 || step == 0;
    table[v] = static_cast<std::uint8_t>(flat ? static_cast<std::int64_t>(v)
                                              : std::min<std::int64_t>(sum / step, 255));
    sum += counts[v];
  }
  return table;
}

cv::Mat as_mat(const Pixels& image) {
  return {image.height, image.width, CV_8UC3, image.rgb};
}

void sharpen(const Pixels& image, double factor) {
  const cv::Mat kernel = (cv::Mat_<float>(3, 3) << 1, 1, 1, 1, 5, 1, 1, 1, 1) / 13.0;
  auto pixels = as_mat(image);
  cv::Mat smooth;
  cv::filter2D(pixels, smooth, -1, kernel);
  cv::addWeighted(pixels, factor, smooth, 1 - factor, 0, pixels);
}

/// Output pixel (x, y) is input pixel (a x + b y + c, d x + e y + f); grey outside.
void warp(const Pixels& image, const cv::Matx23d& inverse) {
  auto pixels = as_mat(image);
  const cv::Mat from = pixels.clone();
  cv::warpAffine(from, pixels, inverse, pixels.size(), cv::INTER_LINEAR | cv::WARP_INVERSE_MAP,
                 cv::BORDER_CONSTANT, {124, 116, 104});
}

void rotate(const Pixels& image, double degrees) {
  const double angle = degrees * CV_PI / 180, c = std::cos(angle), s = std::sin(angle);
  const double x = (image.width - 1) / 2.0, y = (image.height - 1) / 2.0;
  warp(image, {c, s, x - c * x - s * y, -s, c, y + s * x - c * y});
}

}  // namespace

void apply_operation(const Pixels& image, int operation, double magnitude, Rng& rng) {
  const double share = magnitude / most, sign = rng.uniform() < 0.5 ? -1 : 1;
  const double enhancement = std::max(0.1, 1 + sign * 0.9 * share);
  const int bits = 4 - static_cast<int>(4 * share), kept = 0xff << (8 - bits);
  const int threshold = 256 - static_cast<int>(256 * share), added = static_cast<int>(110 * share);
  switch (operation) {
    case 0:
      return map_by_histogram(image, stretched);
    case 1:
      return map_by_histogram(image, equalized);
    case 2:
      return map_values(image, [](int v) { return 255 - v; });
    case 3:
      return rotate(image, sign * 30 * share);
    case 4:
      return map_values(image, [=](int v) { return v & kept; });
    case 5:
      return map_values(image, [=](int v) { return v < threshold ? v : 255 - v; });
    case 6:
      return map_values(image, [=](int v) { return v < 128 ? v + added : v; });
    case 7:
      return adjust_saturation(image, enhancement);
    case 8:
      return adjust_contrast(image, enhancement);
    case 9:
      return adjust_brightness(image, enhancement);
    case 10:
      return sharpen(image, enhancement);
    case 11:
      return warp(image, {1, sign * 0.3 * share, 0, 0, 1, 0});
    case 12:
      return warp(image, {1, 0, 0, sign * 0.3 * share, 1, 0});
    case 13:
      return warp(image, {1, 0, sign * 0.45 * share * image.width, 0, 1, 0});
    default:
      return warp(image, {1, 0, 0, 0, 1, sign * 0.45 * share * image.height});
  }
}

void rand_augment(const Pixels& image, double magnitude, Rng& rng) {
  constexpr int layers = 2;
  constexpr double probability = 0.5, deviation = 0.5;
  for (int i = 0; i < layers; ++i) {
    const auto operation = static_cast<int>(rng.below(rand_augment_operations));
    const bool applied = rng.uniform() < probability;
    const double drawn = std::clamp(magnitude + deviation * rng.normal(), 0.0, most);
    if (applied) apply_operation(image, operation, drawn, rng);
  }
}

}  // namespace ijepa
