#include "ijepa/tasks/linear_probe.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numbers>
#include <numeric>

#include "ijepa/core/error.hpp"
#include "ijepa/core/permutation.hpp"

namespace ijepa {
namespace {

using Rows = std::vector<std::int64_t>;

/// `rows` in the random order number `order`.
Rows shuffled(const Rows& rows, std::uint64_t seed, std::int64_t order) {
  const Permutation place(rows.size(), seed, Purpose::probe, static_cast<std::uint64_t>(order));
  Rows out(rows.size());
  for (std::size_t i = 0; i < rows.size(); ++i) out[i] = rows[place(i)];
  return out;
}

struct Standardiser {
  explicit Standardiser(const Matrix<float>& x)
      : mean(static_cast<std::size_t>(x.cols)), scale(mean.size()) {
    const auto n = static_cast<double>(x.rows);
    std::vector<double> squares(mean.size());
    for (std::int64_t i = 0; i < x.rows; ++i)
      for (std::size_t d = 0; d < mean.size(); ++d) mean[d] += x.row(i)[d] / n;
    for (std::int64_t i = 0; i < x.rows; ++i)
      for (std::size_t d = 0; d < mean.size(); ++d)
        squares[d] += (x.row(i)[d] - mean[d]) * (x.row(i)[d] - mean[d]) / n;
    // A channel that never changes says nothing; dividing by its std of 0 would make it NaN.
    for (std::size_t d = 0; d < mean.size(); ++d)
      scale[d] = squares[d] > 1e-20 ? 1 / std::sqrt(squares[d]) : 0;
  }

  Matrix<float> operator()(const Matrix<float>& x) const {
    auto y = x;
    for (std::int64_t i = 0; i < y.rows; ++i)
      for (std::size_t d = 0; d < mean.size(); ++d)
        y.row(i)[d] = static_cast<float>((y.row(i)[d] - mean[d]) * scale[d]);
    return y;
  }

  std::vector<double> mean, scale;  // (D)
};

struct Batch {
  Matrix<float> x;
  std::vector<std::int32_t> labels;
};

Batch gather(const LabelledFeatures& set, std::span<const std::int64_t> rows) {
  Batch batch{{static_cast<std::int64_t>(rows.size()), set.features.cols}, {}};
  for (std::size_t i = 0; i < rows.size(); ++i) {
    std::ranges::copy(set.features.row(rows[i]), batch.x.row(static_cast<std::int64_t>(i)).begin());
    batch.labels.push_back(set.labels[static_cast<std::size_t>(rows[i])]);
  }
  return batch;
}

/// Heads trained on `rows` of the set for all epochs.
LinearHeads<float> train_heads(const LabelledFeatures& set, const Rows& rows,
                               const std::vector<HeadSettings>& settings,
                               const LinearProbeOptions& options) {
  LinearHeads<float> heads(set.features.cols, set.classes, settings, options.momentum);
  const auto batch = static_cast<std::size_t>(options.batch);
  const std::size_t per_epoch = (rows.size() + batch - 1) / batch;
  const auto steps = static_cast<double>(per_epoch) * static_cast<double>(options.epochs);
  double step = 0;
  for (std::int64_t epoch = 0; epoch < options.epochs; ++epoch) {
    const auto order = shuffled(rows, options.seed, epoch + 1);
    for (std::size_t first = 0; first < order.size(); first += batch, ++step) {
      const auto part = std::span(order).subspan(first, std::min(batch, order.size() - first));
      const auto b = gather(set, part);
      heads.step(b.x.view(), b.labels, 0.5 * (1 + std::cos(std::numbers::pi * step / steps)));
    }
  }
  return heads;
}

struct Score {
  Accuracy accuracy;
  double loss = 0;  // mean cross-entropy
};

/// Each head's score on a set; a head that has diverged scores 0 with infinite loss.
std::vector<Score> evaluate(const LinearHeads<float>& heads, const Batch& set) {
  const auto z = heads.logits(set.x.view());
  const auto classes = static_cast<std::size_t>(heads.classes());
  const auto n = static_cast<double>(z.rows);
  std::vector<Score> scores(heads.settings().size());
  for (std::int64_t i = 0; i < z.rows; ++i)
    for (std::size_t g = 0; g < scores.size(); ++g) {
      const auto logits = z.row(i).subspan(g * classes, classes);
      const auto label = static_cast<std::size_t>(set.labels[static_cast<std::size_t>(i)]);
      std::size_t place = 0;
      double sum = 0;
      for (std::size_t c = 0; c < classes; ++c) {
        place += logits[c] > logits[label] || (logits[c] == logits[label] && c < label);
        sum += std::exp(static_cast<double>(logits[c]) - logits[label]);
      }
      scores[g].accuracy.top1 += place < 1;
      scores[g].accuracy.top5 += place < 5;
      scores[g].loss += std::log(sum);
    }
  for (auto& s : scores) {
    s = {{s.accuracy.top1 / n, s.accuracy.top5 / n}, s.loss / n};
    if (!std::isfinite(s.loss)) s = {{0, 0}, std::numeric_limits<double>::infinity()};
  }
  return scores;
}

}  // namespace

void check_linear_options(const LinearProbeOptions& o, std::int64_t train_images) {
  check(train_images >= 10, "A linear probe needs at least 10 training images; there are {}.",
        train_images);
  check(o.epochs >= 1 && o.batch >= 1, "A linear probe needs at least 1 epoch and a batch of 1.");
  check(!o.learning_rates.empty() && !o.weight_decays.empty(),
        "A linear probe needs at least one learning rate and one weight decay.");
  check(std::ranges::all_of(o.learning_rates, [](double v) { return v > 0; }) &&
            std::ranges::all_of(o.weight_decays, [](double v) { return v >= 0; }),
        "Learning rates of a linear probe must be above 0 and weight decays not below.");
  check(o.validation_share > 0 && o.validation_share < 1,
        "The validation share of a linear probe must lie between 0 and 1, not {}.",
        o.validation_share);
}

LinearProbeResult linear_probe(const LabelledFeatures& train, const LabelledFeatures& test,
                               const LinearProbeOptions& options) {
  check_probe_sets(train, test);
  check_linear_options(options, train.features.rows);
  const Standardiser standardise(train.features);
  const LabelledFeatures standard{standardise(train.features), train.labels, train.classes};
  const Batch test_batch{standardise(test.features), test.labels};

  std::vector<HeadSettings> grid;
  for (const double rate : options.learning_rates)
    for (const double decay : options.weight_decays) grid.push_back({rate, decay});

  Rows rows(static_cast<std::size_t>(train.features.rows));
  std::iota(rows.begin(), rows.end(), 0);
  const auto order = shuffled(rows, options.seed, 0);
  const auto held = std::max<std::size_t>(
      1, static_cast<std::size_t>(static_cast<double>(rows.size()) * options.validation_share));
  const Rows validation(order.begin(), order.begin() + static_cast<std::ptrdiff_t>(held));
  const Rows rest(order.begin() + static_cast<std::ptrdiff_t>(held), order.end());

  const auto scores =
      evaluate(train_heads(standard, rest, grid, options), gather(standard, validation));
  const auto best = std::ranges::max_element(scores, [](const Score& a, const Score& b) {
    return a.accuracy.top1 != b.accuracy.top1 ? a.accuracy.top1 < b.accuracy.top1 : a.loss > b.loss;
  });
  const auto chosen = grid[static_cast<std::size_t>(best - scores.begin())];
  const auto final_heads = train_heads(standard, rows, {chosen}, options);
  return {evaluate(final_heads, test_batch)[0].accuracy, chosen, best->accuracy.top1};
}

}  // namespace ijepa
