#include "ijepa/train/health/health_monitor.hpp"

#include <algorithm>
#include <cmath>

#include "ijepa/data/images/shown.hpp"
#include "ijepa/device/host_values.hpp"

namespace ijepa {
namespace {

constexpr std::int64_t most_shown = 4;  // images in pictures

/// A floating device tensor as float32 on the host.
void append_values(Ops& ops, Tensor t, std::vector<float>& out) {
  const std::size_t begin = out.size();
  out.resize(begin + static_cast<std::size_t>(t.numel()));
  const auto fetch = [&]<class T>(T) {
    std::vector<T> raw(static_cast<std::size_t>(t.numel()));
    ops.download(t, raw.data());
    ops.synchronize();
    std::transform(raw.begin(), raw.end(), out.begin() + static_cast<std::ptrdiff_t>(begin),
                   [](T value) { return static_cast<float>(value); });
  };
  if (t.dtype == DType::f64) fetch(double{});
  if (t.dtype == DType::f32) fetch(float{});
  if (t.dtype == DType::bf16) fetch(BFloat16{});
}

/// y (B, D): means of x (B N, D) over each image's tokens.
void append_means(const std::vector<float>& x, std::int64_t images, std::int64_t tokens,
                  std::vector<float>& out) {
  const std::size_t width = x.size() / static_cast<std::size_t>(images * tokens);
  for (std::size_t b = 0; b < static_cast<std::size_t>(images); ++b) {
    std::vector<double> sum(width);
    for (std::size_t i = 0; i < static_cast<std::size_t>(tokens); ++i)
      for (std::size_t d = 0; d < width; ++d)
        sum[d] += static_cast<double>(x[(b * static_cast<std::size_t>(tokens) + i) * width + d]);
    for (const double s : sum) out.push_back(static_cast<float>(s / static_cast<double>(tokens)));
  }
}

/// Each row normalised to mean 0 and variance 1: the loss's second norm (epsilon 1e-5).
void normalise_rows(std::vector<float>& x, std::int64_t width) {
  const auto d = static_cast<std::size_t>(width);
  for (std::size_t begin = 0; begin < x.size(); begin += d) {
    double sum = 0, squares = 0;
    for (std::size_t i = 0; i < d; ++i) sum += static_cast<double>(x[begin + i]);
    const double mean = sum / static_cast<double>(d);
    for (std::size_t i = 0; i < d; ++i) {
      const double c = static_cast<double>(x[begin + i]) - mean;
      squares += c * c;
    }
    const double rstd = 1 / std::sqrt(squares / static_cast<double>(d) + 1e-5);
    for (std::size_t i = 0; i < d; ++i)
      x[begin + i] = static_cast<float>((static_cast<double>(x[begin + i]) - mean) * rstd);
  }
}

/// (x + shift[position]) * factor for each row: the loss's centred targets.
void centre_rows(std::vector<float>& x, Ops& ops, const TargetScale& scale) {
  const auto shift = download_values(ops, scale.shift), factor = download_values(ops, scale.factor);
  for (std::size_t i = 0; i < x.size(); ++i)
    x[i] = static_cast<float>((static_cast<double>(x[i]) + shift[i % shift.size()]) *
                              factor[i % factor.size()]);
}

}  // namespace

HealthMonitor::HealthMonitor(const PretrainRecipe& recipe, std::vector<std::uint8_t> pixels,
                             std::int64_t images, std::int64_t micro_batch)
    : encoder_(recipe.model.encoder),
      sequences_(sequences_of(recipe.model.predictor)),
      pixels_(std::move(pixels)),
      images_(images),
      micro_batch_(micro_batch),
      shown_(std::min(images, most_shown)) {
  const auto seed = static_cast<std::uint64_t>(recipe.run.seed);
  // Epoch numbers of the run start at 0 and never come near this one, so the masks are fresh.
  constexpr std::int64_t apart = (1 << 24) - 1;
  masks_ = draw_batch_masks(recipe.mask, grid(), {seed, 0, apart, 0, images}, 0, images).images;
}

HealthMonitor::Look HealthMonitor::measure(Engine& engine) const {
  const std::int64_t tokens = encoder_.tokens(), width = encoder_.width;
  const std::size_t image_bytes = pixels_.size() / static_cast<std::size_t>(images_);
  std::vector<float> pooled, targets, predictions;
  std::vector<std::int32_t> rows;
  Look look;
  look.tokens = Matrix<float>(shown_ * tokens, width);
  std::span<float> to_show = look.tokens.values;
  for (std::int64_t first = 0; first < images_; first += micro_batch_) {
    const std::int64_t count = std::min(micro_batch_, images_ - first);
    const auto begin = static_cast<std::size_t>(first), size = static_cast<std::size_t>(count);
    const TokenPlan plan =
        make_token_plan(std::span(masks_).subspan(begin, size), tokens, sequences_);
    std::vector<float> features;
    const StepObserver observer{
        [&](Tensor all, Tensor) { append_values(engine.ops(), all, features); },
        [&](Tensor, Tensor p) { append_values(engine.ops(), p, predictions); },
        [&](Tensor all) { append_values(engine.ops(), all, targets); }};
    engine.evaluate({std::span(pixels_).subspan(begin * image_bytes, size * image_bytes), plan},
                    observer);
    append_means(features, count, tokens, pooled);
    const auto shown = std::min(features.size(), to_show.size());
    std::copy_n(features.begin(), shown, to_show.begin());
    to_show = to_show.subspan(shown);
    for (const std::int32_t row : plan.target_rows)
      rows.push_back(row + static_cast<std::int32_t>(first * tokens));
  }
  const TargetScale scale = engine.target_scale();
  if (scale.shift.empty()) {
    normalise_rows(targets, width);
  } else {
    centre_rows(targets, engine.ops(), scale);
  }
  const auto matrix = [&](const std::vector<float>& values) {
    return MatrixView<const float>{values.data(), static_cast<std::int64_t>(values.size()) / width,
                                   width};
  };
  look.health = measure_health({matrix(pooled), matrix(targets), matrix(predictions), rows});
  look.variances = channel_variances(matrix(pooled));
  return look;
}

std::vector<Image> HealthMonitor::shown_images() const {
  const Size size{static_cast<int>(encoder_.image_height), static_cast<int>(encoder_.image_width)};
  const auto bytes = std::ssize(pixels_) / images_;
  std::vector<Image> images;
  for (std::int64_t i = 0; i < shown_; ++i)
    images.push_back(shown(pixels_.data() + i * bytes, size, static_cast<int>(encoder_.channels)));
  return images;
}

std::span<const ImageMasks> HealthMonitor::shown_masks() const {
  return std::span(masks_).first(static_cast<std::size_t>(shown_));
}

}  // namespace ijepa
