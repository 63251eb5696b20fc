#include "ijepa/data/loading/mirror_look.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>
#include <numeric>
#include <vector>

#include "ijepa/core/error.hpp"
#include "ijepa/data/images/samples.hpp"

namespace ijepa {
namespace {

constexpr int thumbnail_side = 16;
using Thumbnail = std::array<float, std::size_t{thumbnail_side} * thumbnail_side>;

/// Mean of pixels and channels of each cell, largest is 1; pixels are repeated where there are
/// fewer than cells.
template <class Value>
Thumbnail thumbnail(const Value* pixels, const Size& size, int channels, std::ptrdiff_t stride) {
  const auto begin = [](int cell, int length) { return cell * length / thumbnail_side; };
  const auto end = [&](int cell, int length) {
    return std::max(begin(cell, length) + 1, begin(cell + 1, length));
  };
  Thumbnail out{};
  for (int row = 0; row < thumbnail_side; ++row)
    for (int column = 0; column < thumbnail_side; ++column) {
      const int left = begin(column, size.width), right = end(column, size.width);
      const int top = begin(row, size.height), bottom = end(row, size.height);
      double sum = 0;
      for (int y = top; y < bottom; ++y)
        for (int i = left * channels; i < right * channels; ++i)
          sum += static_cast<double>(pixels[y * stride + i]);
      const double numbers = static_cast<double>(bottom - top) * (right - left) * channels;
      out[static_cast<std::size_t>(row * thumbnail_side + column)] = static_cast<float>(
          sum / numbers / static_cast<double>(std::numeric_limits<Value>::max()));
    }
  return out;
}

std::vector<Thumbnail> thumbnails_of(const ShardSet& set, int channels, std::int64_t count) {
  std::vector<Thumbnail> out;
  std::vector<std::uint8_t> encoded;
  ImageDecoder decoder;
  SampleDecoder samples(channels);
  for (std::int64_t i = 0; i < count; ++i) try {
      set.read(i * set.size() / count, encoded);
      if (channels == 3) {
        const Size size = decoder.open(encoded);
        const ImageView view = decoder.decode();
        out.push_back(thumbnail(view.rgb, size, channels, view.stride));
      } else {
        const Size size = samples.open(encoded);
        const SampleView view = samples.decode();
        out.push_back(thumbnail(view.samples, size, channels, view.stride));
      }
    } catch (const Error&) {
      // Damaged ones are left out of training, too; other channels were told before.
    }
  return out;
}

Thumbnail mirrored(const Thumbnail& image) {
  Thumbnail out = image;
  for (std::size_t row = 0; row < thumbnail_side; ++row)
    std::reverse(out.begin() + static_cast<std::ptrdiff_t>(row * thumbnail_side),
                 out.begin() + static_cast<std::ptrdiff_t>((row + 1) * thumbnail_side));
  return out;
}

/// Squared.
float distance(const Thumbnail& a, const Thumbnail& b) {
  std::array<float, thumbnail_side> sums{};  // of columns, which the compiler adds side by side
  for (std::size_t k = 0; k < a.size(); ++k) {
    const float difference = a[k] - b[k];
    sums[k % thumbnail_side] += difference * difference;
  }
  return std::accumulate(sums.begin(), sums.end(), 0.0F);
}

/// Between two images of the set: the median of those half of it apart.
float usual_distance(const std::vector<Thumbnail>& all) {
  std::vector<float> distances;
  for (std::size_t i = 0; i < all.size(); ++i)
    distances.push_back(distance(all[i], all[(i + all.size() / 2) % all.size()]));
  const auto middle = distances.begin() + std::ssize(distances) / 2;
  std::ranges::nth_element(distances, middle);
  return *middle;
}

/// Of all but that at `except` the one nearest to `image`, no nearer than `least`.
float nearest(const Thumbnail& image, const std::vector<Thumbnail>& all, std::size_t except,
              float least) {
  float best = std::numeric_limits<float>::infinity();
  for (std::size_t j = 0; j < all.size(); ++j) {
    if (j == except) continue;
    const float far = distance(image, all[j]);
    if (far >= least) best = std::min(best, far);
  }
  return best;
}

}  // namespace

bool MirrorLook::one_sided() const {
  // Over four standard deviations of chance; a tenth, since tiles of one photograph are no chance.
  const double most =
      std::max(0.1, 2.2 / std::sqrt(static_cast<double>(std::max<std::int64_t>(1, images))));
  return farther - 0.5 > most;
}

MirrorLook look_at_mirrored(const ShardSet& set, int channels, std::int64_t count) {
  const auto all = thumbnails_of(set, channels, std::min(count, set.size()));
  if (all.size() < 2) return {};
  // Shots of one thing are near each other whatever they show, and their
  // mirror images to none of them.
  constexpr float same_thing = 0.1F;
  const float least = same_thing * usual_distance(all);
  double farther = 0;
  for (std::size_t i = 0; i < all.size(); ++i) {
    const float own = nearest(all[i], all, i, least),
                other = nearest(mirrored(all[i]), all, i, least);
    farther += other > own ? 1 : other == own ? 0.5 : 0;
  }
  const auto images = static_cast<std::int64_t>(all.size());
  return {.farther = farther / static_cast<double>(images), .images = images};
}

}  // namespace ijepa
