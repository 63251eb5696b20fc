#include "ijepa/train/health/health.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>
#include <opencv2/core.hpp>

#include "ijepa/core/columns.hpp"
#include "ijepa/core/error.hpp"
#include "ijepa/core/scalar.hpp"

namespace ijepa {
namespace {

constexpr double nan = std::numeric_limits<double>::quiet_NaN();

bool all_finite(MatrixView<const float> x) {
  return std::all_of(x.data, x.data + x.size(), [](float v) { return std::isfinite(v); });
}

Matrix<double> to_double(MatrixView<const float> x) {
  Matrix<double> y(x.rows, x.cols);
  std::copy(x.data, x.data + x.size(), y.values.begin());
  return y;
}

template <class A, class B>
double dot(std::span<A> a, std::span<B> b) {
  return std::inner_product(a.begin(), a.end(), b.begin(), 0.0, std::plus<>(),
                            [](double x, double y) { return x * y; });
}

/// Rows scaled to length 1; a zero row stays zero.
Matrix<double> unit_rows(MatrixView<const float> x) {
  auto y = to_double(x);
  for (std::int64_t i = 0; i < y.rows; ++i) {
    const auto row = y.row(i);
    const double norm = std::sqrt(dot(row, row));
    if (norm > 0) std::ranges::transform(row, row.begin(), [=](double v) { return v / norm; });
  }
  return y;
}

/// Of each column, over rows (divided by n).
std::vector<double> variances_of(const Matrix<double>& x) {
  const auto y = centred(x, column_means(x));
  std::vector<double> variances(static_cast<std::size_t>(y.cols));
  for (std::int64_t i = 0; i < y.rows; ++i)
    std::ranges::transform(variances, y.row(i), variances.begin(),
                           [](double s, double v) { return s + v * v; });
  for (auto& v : variances) v /= static_cast<double>(y.rows);
  return variances;
}

/// Mean over channels of the standard deviation over rows (divided by n).
double mean_channel_std(const Matrix<double>& x) {
  double sum = 0;
  for (const double v : variances_of(x)) sum += std::sqrt(v);
  return sum / static_cast<double>(x.cols);
}

/// Mean of u_i . u_j over i != j: with s = sum u_i it is (s . s - sum u_i . u_i) / (n (n - 1)).
double mean_off_diagonal_cosine(const Matrix<double>& unit) {
  const auto mean = column_means(unit);
  const auto n = static_cast<double>(unit.rows);
  double own = 0;
  for (std::int64_t i = 0; i < unit.rows; ++i) own += dot(unit.row(i), unit.row(i));
  const std::span<const double> m(mean);
  return (n * n * dot(m, m) - own) / (n * (n - 1));
}

/// Sums over images at each patch: (N, D).
Matrix<double> position_sums(const Matrix<double>& targets, std::int64_t tokens) {
  Matrix<double> sums(tokens, targets.cols);
  for (std::int64_t i = 0; i < targets.rows; ++i) {
    const auto sum = sums.row(i % tokens);
    std::ranges::transform(sum, targets.row(i), sum.begin(), std::plus<>());
  }
  return sums;
}

double total_squares(const Matrix<double>& x) {
  return std::inner_product(x.values.begin(), x.values.end(), x.values.begin(), 0.0);
}

template <class Predict>
double mean_smooth_l1(const HealthInputs& in, Predict predict) {
  double sum = 0;
  for (std::size_t i = 0; i < in.rows.size(); ++i) {
    const auto target = in.targets.row(in.rows[i]);
    for (std::size_t d = 0; d < target.size(); ++d)
      sum += smooth_l1(predict(i, d) - static_cast<double>(target[d]));
  }
  return sum / static_cast<double>(in.predictions.size());
}

void measure_losses(const HealthInputs& in, const Matrix<double>& means, Health& out) {
  out.loss = mean_smooth_l1(in, [&](std::size_t i, std::size_t d) {
    return static_cast<double>(in.predictions.row(static_cast<std::int64_t>(i))[d]);
  });
  out.zero_loss = mean_smooth_l1(in, [](std::size_t, std::size_t) { return 0.0; });
  out.position_mean_loss = mean_smooth_l1(
      in, [&](std::size_t i, std::size_t d) { return means.row(in.rows[i] % means.rows)[d]; });
  out.loss_to_zero = out.loss / out.zero_loss;
  out.loss_to_position_mean = out.loss / out.position_mean_loss;
}

/// The other images' part is the mean over all of them, which the sum of unit targets gives at
/// once.
double cross_sample_gap(const HealthInputs& in, std::int64_t tokens) {
  const auto predictions = unit_rows(in.predictions);
  const auto targets = unit_rows(in.targets);
  const auto sums = position_sums(targets, tokens);
  const auto others = static_cast<double>(targets.rows / tokens - 1);
  double gap = 0;
  for (std::size_t i = 0; i < in.rows.size(); ++i) {
    const auto prediction = predictions.row(static_cast<std::int64_t>(i));
    const double own = dot(prediction, targets.row(in.rows[i]));
    const double all = dot(prediction, sums.row(in.rows[i] % tokens));
    gap += own - (all - own) / others;
  }
  return gap / static_cast<double>(in.rows.size());
}

void check_inputs(const HealthInputs& in) {
  const auto n = in.features.rows;
  check(n >= 2, "Health needs at least 2 held-out images, not {}.", n);
  check(in.targets.rows > 0 && in.targets.rows % n == 0,
        "Health got {} target rows, which is no multiple of its {} images.", in.targets.rows, n);
  check(in.features.cols == in.targets.cols && in.predictions.cols == in.targets.cols,
        "Health got features, targets and predictions of different widths: {}, {} and {}.",
        in.features.cols, in.targets.cols, in.predictions.cols);
  check(static_cast<std::int64_t>(in.rows.size()) == in.predictions.rows && !in.rows.empty(),
        "Health got {} predictions and {} rows for them; there must be one row each.",
        in.predictions.rows, in.rows.size());
  for (const auto row : in.rows)
    check(row >= 0 && row < in.targets.rows, "Health got target row {} of {}.", row,
          in.targets.rows);
}

void measure_features(MatrixView<const float> features, Health& out) {
  const auto z = to_double(features);
  const auto unit = unit_rows(features);
  out.rankme = rankme(z.view());
  out.rankme_centred = rankme(centred(z, column_means(z)).view());
  out.feature_std = mean_channel_std(unit);
  out.raw_std = mean_channel_std(z);
  out.pairwise_cosine = mean_off_diagonal_cosine(unit);
}

void measure_targets(const HealthInputs& in, Health& out) {
  const auto tokens = in.targets.rows / in.features.rows;
  const auto targets = to_double(in.targets);
  auto means = position_sums(targets, tokens);
  for (auto& v : means.values) v /= static_cast<double>(in.features.rows);
  const double between =
      total_squares(centred(means, column_means(means))) * static_cast<double>(in.features.rows);
  out.position_share = between / total_squares(centred(targets, column_means(targets)));
  out.cross_sample_gap = cross_sample_gap(in, tokens);
  measure_losses(in, means, out);
}

}  // namespace

std::vector<double> singular_values(MatrixView<const double> z) {
  const cv::Mat matrix(static_cast<int>(z.rows), static_cast<int>(z.cols), CV_64F,
                       const_cast<double*>(z.data));  // cv::Mat has no view of const memory
  cv::Mat gram, eigenvalues;
  cv::mulTransposed(matrix, gram, z.rows >= z.cols);
  cv::eigen(gram, eigenvalues);
  std::vector<double> sigma(eigenvalues.begin<double>(), eigenvalues.end<double>());
  for (auto& s : sigma) s = std::sqrt(std::max(s, 0.0));
  return sigma;
}

double rankme(MatrixView<const double> z) {
  constexpr double epsilon = 1e-7;
  const auto sigma = singular_values(z);
  const double sum = std::accumulate(sigma.begin(), sigma.end(), 0.0);
  if (!(sum > 0)) return 1;  // all features are zero: nothing is left but one point
  double entropy = 0;
  for (const double s : sigma) {
    const double p = s / sum + epsilon;
    entropy -= p * std::log(p);
  }
  return std::exp(entropy);
}

std::vector<float> channel_variances(MatrixView<const float> x) {
  const auto variances = variances_of(to_double(x));
  std::vector<float> out;
  for (const double v : variances) out.push_back(static_cast<float>(v));
  return out;
}

Health measure_health(const HealthInputs& inputs) {
  check_inputs(inputs);
  Health out{inputs.features.rows,
             inputs.features.cols,
             nan,
             nan,
             nan,
             nan,
             nan,
             nan,
             nan,
             nan,
             nan,
             nan,
             nan,
             nan};
  if (!all_finite(inputs.features) || !all_finite(inputs.targets) ||
      !all_finite(inputs.predictions))
    return out;
  measure_features(inputs.features, out);
  measure_targets(inputs, out);
  return out;
}

namespace {

constexpr const char* diverged =
    "Features, targets or predictions hold NaN or infinity: the run has diverged.";

/// Collects the sentences of what is bad.
struct Suspicions {
  std::vector<std::string> found;

  template <class... Args>
  void add_if(bool bad, fmt::format_string<Args...> text, Args&&... args) {
    if (bad) found.push_back(fmt::format(text, std::forward<Args>(args)...));
  }
};

double full_rank(const Health& h) {
  return static_cast<double>(std::min(h.images, h.width));
}

void suspect_features(const Health& h, const Health* previous, const HealthLimits& limits,
                      Suspicions& out) {
  const double healthy_std = 1 / std::sqrt(static_cast<double>(h.width));
  out.add_if(h.rankme < limits.rank_share * full_rank(h),
             "RankMe is {:.1f} of at most {}: the features use few dimensions.", h.rankme,
             full_rank(h));
  out.add_if(previous != nullptr && h.rankme < limits.rank_drop * previous->rankme,
             "RankMe fell from {:.1f} to {:.1f} since the last evaluation.",
             previous != nullptr ? previous->rankme : 0, h.rankme);
  out.add_if(h.feature_std < limits.std_share * healthy_std,
             "The standard deviation of normalised features is {:.2g}, healthy is near {:.2g}: all "
             "images look alike.",
             h.feature_std, healthy_std);
  out.add_if(
      h.pairwise_cosine > limits.cosine,
      "Features of different images have a mean cosine of {:.4f}: they are nearly one vector.",
      h.pairwise_cosine);
  out.add_if(h.position_share > limits.position_share,
             "The patch position alone explains {:.0f} % of the target variance.",
             100 * h.position_share);
}

void suspect_predictions(const Health& h, const HealthLimits& limits, Suspicions& out) {
  out.add_if(h.cross_sample_gap < limits.cross_sample_gap,
             "Predictions fit their own image's targets only {:.4f} (cosine) better than other "
             "images': the model predicts the position, not the image.",
             h.cross_sample_gap);
  out.add_if(h.loss_to_position_mean >= 1,
             "The loss {:.4f} does not beat the per-position mean ({:.4f}).", h.loss,
             h.position_mean_loss);
  out.add_if(h.loss_to_zero >= 1, "The loss {:.4f} does not beat predicting zero ({:.4f}).", h.loss,
             h.zero_loss);
}

}  // namespace

std::vector<std::string> warnings(const Health& h, const Health* previous, Predicts predicts,
                                  const HealthLimits& limits) {
  if (!std::isfinite(h.rankme)) return {diverged};
  Suspicions out;
  suspect_features(h, previous, limits, out);
  if (predicts == Predicts::features) suspect_predictions(h, limits, out);
  return out.found;
}

std::string judgement(const Health& h, Predicts predicts, const HealthLimits& limits) {
  if (!std::isfinite(h.rankme)) return fmt::format("The features are not healthy. {}", diverged);
  Suspicions features, predictions;
  suspect_features(h, nullptr, limits, features);
  if (predicts == Predicts::features) suspect_predictions(h, limits, predictions);
  const bool spread = h.rankme >= limits.rank_good * full_rank(h);
  const auto figure =
      fmt::format("RankMe is {:.1f} of at most {} ({:.0f} %; good runs had {:.0f} % and more)",
                  h.rankme, full_rank(h), 100 * h.rankme / full_rank(h), 100 * limits.rank_good);
  if (!features.found.empty())
    return fmt::format("The features are not healthy. {}", features.found.front());
  if (predictions.found.empty())
    return spread ? fmt::format("The features are healthy: {}.", figure)
                  : fmt::format("The features may be weak: {}.", figure);
  // Images are kept apart, but not by what the predictor says of them.
  return spread ? fmt::format("The features may be weak. {} {}.", predictions.found.front(), figure)
                : fmt::format("The features are not healthy. {}", predictions.found.front());
}

}  // namespace ijepa
