#include "ijepa/tasks/segmentation/pixel_loss.hpp"

#include <algorithm>
#include <cmath>

#include "ijepa/core/error.hpp"
#include "ijepa/core/parallel.hpp"
#include "ijepa/tasks/segmentation/labels.hpp"

namespace ijepa {
namespace {

/// Rows of the image that one thread works on at a time. Fixed: it decides the order of sums.
constexpr int band_rows = 32;

/// A place between two cells of one axis.
template <class T>
struct Tap {
  std::size_t low = 0, high = 0;
  T share = 0;  // of `high`
};

template <class T>
std::vector<Tap<T>> taps_of(std::int64_t cells, int pixels) {
  std::vector<Tap<T>> taps;
  const double scale = static_cast<double>(cells) / pixels;
  for (int i = 0; i < pixels; ++i) {
    const double at = std::max((i + 0.5) * scale - 0.5, 0.0);
    const auto low = static_cast<std::int64_t>(at);
    taps.push_back({static_cast<std::size_t>(low),
                    static_cast<std::size_t>(std::min(low + 1, cells - 1)),
                    static_cast<T>(at - static_cast<double>(low))});
  }
  return taps;
}

/// Interpolation of a map of C scores a cell to the rows of a larger one, and its transpose.
template <class T>
class Upsampling {
 public:
  Upsampling(Grid cells, Size size, std::size_t classes)
      : classes_(classes),
        row_(static_cast<std::size_t>(cells.cols) * classes),
        down_(taps_of<T>(cells.rows, size.height)),
        across_(taps_of<T>(cells.cols, size.width)) {}

  std::size_t row_size() const { return row_; }

  /// between (w, C): the coarse rows mixed for image row y.
  void mix_rows(std::span<const T> low, int y, std::span<T> between) const {
    const auto& t = down_[static_cast<std::size_t>(y)];
    const T* a = low.data() + t.low * row_;
    const T* b = low.data() + t.high * row_;
    for (std::size_t i = 0; i < row_; ++i) between[i] = a[i] + t.share * (b[i] - a[i]);
  }
  /// scores (C) of pixel x out of mixed rows.
  void mix_columns(std::span<const T> between, int x, std::span<T> scores) const {
    const auto& t = across_[static_cast<std::size_t>(x)];
    const T* a = between.data() + t.low * classes_;
    const T* b = between.data() + t.high * classes_;
    for (std::size_t c = 0; c < classes_; ++c) scores[c] = a[c] + t.share * (b[c] - a[c]);
  }
  void spread_columns(std::span<const T> dscores, int x, std::span<T> dbetween) const {
    const auto& t = across_[static_cast<std::size_t>(x)];
    for (std::size_t c = 0; c < classes_; ++c) {
      dbetween[t.low * classes_ + c] += (1 - t.share) * dscores[c];
      dbetween[t.high * classes_ + c] += t.share * dscores[c];
    }
  }
  /// `first`: the coarse row that dlow begins with.
  void spread_rows(std::span<const T> dbetween, int y, std::size_t first, std::span<T> dlow) const {
    const auto& t = down_[static_cast<std::size_t>(y)];
    for (std::size_t i = 0; i < row_; ++i) {
      dlow[(t.low - first) * row_ + i] += (1 - t.share) * dbetween[i];
      dlow[(t.high - first) * row_ + i] += t.share * dbetween[i];
    }
  }
  std::size_t first_row(int y) const { return down_[static_cast<std::size_t>(y)].low; }
  std::size_t last_row(int y) const { return down_[static_cast<std::size_t>(y)].high; }

 private:
  std::size_t classes_, row_;
  std::vector<Tap<T>> down_, across_;
};

struct Band {
  int begin, end;  // rows of the image
};

std::vector<Band> bands_of(int height) {
  std::vector<Band> bands;
  for (int y = 0; y < height; y += band_rows) bands.push_back({y, std::min(y + band_rows, height)});
  return bands;
}

/// -log softmax(scores)[label]; scores become softmax minus one-hot.
template <class T>
double cross_entropy(std::span<T> scores, std::size_t label) {
  const T largest = *std::ranges::max_element(scores);
  const T own = scores[label] - largest;
  T sum = 0;
  for (T& s : scores) sum += s = std::exp(s - largest);
  for (T& s : scores) s /= sum;
  scores[label] -= 1;
  return static_cast<double>(std::log(sum) - own);
}

template <class T>
struct BandResult {
  PixelResult scores;
  std::size_t first = 0;
  std::vector<T> dlow;
};

template <class T>
BandResult<T> band_loss(const Upsampling<T>& up, std::span<const T> low, const IndexImage& labels,
                        std::size_t classes, T scale, bool backward, const Band& band) {
  BandResult<T> out;
  out.scores.confusion.resize(classes * classes);
  out.first = up.first_row(band.begin);
  if (backward) out.dlow.resize((up.last_row(band.end - 1) - out.first + 1) * up.row_size());
  std::vector<T> between(up.row_size()), dbetween(up.row_size()), scores(classes);
  const std::uint8_t* label = labels.index.data() + std::ptrdiff_t{band.begin} * labels.width;
  for (int y = band.begin; y < band.end; ++y) {
    up.mix_rows(low, y, between);
    std::ranges::fill(dbetween, T{0});
    for (int x = 0; x < labels.width; ++x, ++label) {
      if (*label == ignored_label) continue;
      up.mix_columns(between, x, scores);
      const auto guess = std::ranges::max_element(scores) - scores.begin();
      ++out.scores.confusion[*label * classes + static_cast<std::size_t>(guess)];
      ++out.scores.pixels;
      out.scores.loss += cross_entropy<T>(scores, *label);
      if (!backward) continue;
      for (T& s : scores) s *= scale;
      up.spread_columns(scores, x, dbetween);
    }
    if (backward) up.spread_rows(dbetween, y, out.first, out.dlow);
  }
  return out;
}

std::size_t classes_of(std::size_t size, Grid cells) {
  const auto count = static_cast<std::size_t>(cells.tokens());
  check(count > 0 && size > 0 && size % count == 0, "{} scores are not those of {} x {} cells.",
        size, cells.rows, cells.cols);
  return size / count;
}

}  // namespace

template <class T>
PixelResult pixel_loss(std::span<const T> low, Grid cells, const IndexImage& labels, T scale,
                       std::span<T> dlow, int threads) {
  const auto classes = classes_of(low.size(), cells);
  const Upsampling<T> up(cells, {labels.height, labels.width}, classes);
  const auto bands = bands_of(labels.height);
  std::vector<BandResult<T>> results(bands.size());
  parallel_for(bands.size(), threads, [&](std::size_t i) {
    results[i] = band_loss(up, low, labels, classes, scale, !dlow.empty(), bands[i]);
  });
  PixelResult sum;
  sum.confusion.resize(classes * classes);
  std::ranges::fill(dlow, T{0});
  for (const auto& r : results) {
    sum.loss += r.scores.loss;
    sum.pixels += r.scores.pixels;
    std::ranges::transform(sum.confusion, r.scores.confusion, sum.confusion.begin(), std::plus<>());
    for (std::size_t i = 0; i < r.dlow.size(); ++i) dlow[r.first * up.row_size() + i] += r.dlow[i];
  }
  return sum;
}

template PixelResult pixel_loss(std::span<const float>, Grid, const IndexImage&, float,
                                std::span<float>, int);
template PixelResult pixel_loss(std::span<const double>, Grid, const IndexImage&, double,
                                std::span<double>, int);

void add_upsampled(std::span<const float> low, Grid cells, Size size, float* sum, std::size_t row) {
  const auto classes = classes_of(low.size(), cells);
  const Upsampling<float> up(cells, size, classes);
  std::vector<float> between(up.row_size()), scores(classes);
  for (int y = 0; y < size.height; ++y) {
    float* out = sum + static_cast<std::size_t>(y) * row;
    up.mix_rows(low, y, between);
    for (int x = 0; x < size.width; ++x, out += classes) {
      up.mix_columns(between, x, scores);
      for (std::size_t c = 0; c < classes; ++c) out[c] += scores[c];
    }
  }
}

IndexImage upsampled_classes(std::span<const float> low, Grid cells, Size size, int threads) {
  const auto classes = classes_of(low.size(), cells);
  const Upsampling<float> up(cells, size, classes);
  IndexImage out{size.height, size.width, {}};
  const auto width = static_cast<std::size_t>(size.width);
  out.index.resize(static_cast<std::size_t>(size.height) * width);
  parallel_for(static_cast<std::size_t>(size.height), threads, [&](std::size_t y) {
    std::vector<float> between(up.row_size()), scores(classes);
    up.mix_rows(low, static_cast<int>(y), between);
    for (int x = 0; x < size.width; ++x) {
      up.mix_columns(between, x, scores);
      out.index[y * width + static_cast<std::size_t>(x)] =
          static_cast<std::uint8_t>(std::ranges::max_element(scores) - scores.begin());
    }
  });
  return out;
}

}  // namespace ijepa
