#include "ijepa/tasks/probing/head_grid.hpp"

#include <algorithm>
#include <cmath>
#include <limits>

#include "ijepa/core/error.hpp"
#include "ijepa/core/rng.hpp"

namespace ijepa {
namespace {

constexpr double epsilon = 1e-6, share_of_new = 0.1;

using Channels = std::vector<double>;

/// The mean of f(x) a channel over the `count` rows of all ranks.
template <class F>
Channels mean_of(MatrixView<const float> x, double count, Communicator& comm, const F& f) {
  Channels sums(static_cast<std::size_t>(x.cols));
  for (std::int64_t i = 0; i < x.rows; ++i) {
    const auto row = x.row(i);
    for (std::size_t d = 0; d < sums.size(); ++d) sums[d] += f(static_cast<double>(row[d]), d);
  }
  comm.wait(comm.sum_async(sums));
  for (auto& s : sums) s /= count;
  return sums;
}

Matrix<float> normalised(MatrixView<const float> x, const Channels& mean,
                         const Channels& variance) {
  std::vector<float> shift(mean.size()), scale(mean.size());
  for (std::size_t d = 0; d < mean.size(); ++d) {
    shift[d] = static_cast<float>(mean[d]);
    scale[d] = static_cast<float>(1 / std::sqrt(variance[d] + epsilon));
  }
  Matrix<float> y(x.rows, x.cols);
  for (std::int64_t i = 0; i < x.rows; ++i) {
    const auto from = x.row(i);
    const auto to = y.row(i);
    for (std::size_t d = 0; d < shift.size(); ++d) to[d] = (from[d] - shift[d]) * scale[d];
  }
  return y;
}

constexpr std::int64_t rows_at_once = 1024;

/// Columns [first, first + count) of x.
Matrix<float> columns(MatrixView<const float> x, std::int64_t first, std::int64_t count) {
  Matrix<float> out(x.rows, count);
  for (std::int64_t i = 0; i < x.rows; ++i)
    std::ranges::copy(
        x.row(i).subspan(static_cast<std::size_t>(first), static_cast<std::size_t>(count)),
        out.row(i).begin());
  return out;
}

double cross_entropy(std::span<const float> logits, std::size_t label) {
  const double top = *std::ranges::max_element(logits);
  double sum = 0;
  for (const float z : logits) sum += std::exp(static_cast<double>(z) - top);
  return std::log(sum) + top - static_cast<double>(logits[label]);
}

}  // namespace

Matrix<float> BatchNorm::train(MatrixView<const float> x, std::int64_t global, Communicator& comm) {
  check(global >= 1 && x.rows <= global, "A batch of {} rows has {} here.", global, x.rows);
  const auto count = static_cast<double>(global);
  const auto mean = mean_of(x, count, comm, [](double v, std::size_t) { return v; });
  const auto variance = mean_of(
      x, count, comm, [&](double v, std::size_t d) { return (v - mean[d]) * (v - mean[d]); });
  const double weight = started_ ? share_of_new : 1;
  started_ = true;
  for (std::size_t d = 0; d < mean.size(); ++d) {
    mean_[d] += weight * (mean[d] - mean_[d]);
    variance_[d] += weight * (variance[d] * count / std::max(count - 1, 1.0) - variance_[d]);
  }
  return normalised(x, mean, variance);
}

Matrix<float> BatchNorm::evaluate(MatrixView<const float> x) const {
  return normalised(x, mean_, variance_);
}

std::string describe(const Head& head) {
  return fmt::format("{}, {}, rate {:g}, decay {:g}",
                     head.layers == 1 ? "last layer" : fmt::format("last {} layers", head.layers),
                     head.norm == HeadNorm::batch ? "batch norm" : "no norm",
                     head.settings.learning_rate, head.settings.weight_decay);
}

HeadGrid::HeadGrid(std::int64_t width, std::int64_t layers, std::int64_t classes,
                   std::vector<Head> heads, const HeadTraining& training)
    : width_(width),
      layers_(layers),
      classes_(classes),
      heads_(std::move(heads)),
      batch_norm_(width) {
  check(layers >= 1 && width % layers == 0, "{} channels are not those of {} layers.", width,
        layers);
  for (std::size_t first = 0, end = 0; first < heads_.size(); first = end) {
    while (end < heads_.size() && heads_[end].layers == heads_[first].layers &&
           heads_[end].norm == heads_[first].norm)
      ++end;
    add_group(first, end - first, training);
  }
}

void HeadGrid::add_group(std::size_t first, std::size_t count, const HeadTraining& training) {
  const auto& head = heads_[first];
  check(head.layers >= 1 && head.layers <= layers_, "A head takes {} of {} layers.", head.layers,
        layers_);
  std::vector<HeadSettings> settings;
  for (std::size_t i = 0; i < count; ++i) settings.push_back(heads_[first + i].settings);
  const auto width = width_ / layers_ * head.layers;
  groups_.push_back({head.layers,
                     head.norm,
                     {width, classes_, settings, training.momentum, training.optimizer},
                     {}});
  if (training.optimizer != HeadOptimizer::lars) return;
  auto& weight = groups_.back().heads.weight;
  const auto block = static_cast<std::size_t>(classes_ * width);
  Rng rng(training.seed, Purpose::probe, (1 << 24) - 2);
  for (std::size_t i = 0; i < block; ++i) {
    const auto value = static_cast<float>(0.01 * rng.normal());
    for (std::size_t g = 0; g < count; ++g) weight.values[g * block + i] = value;
  }
}

bool HeadGrid::normed() const {
  return std::ranges::any_of(groups_, [](const auto& g) { return g.norm == HeadNorm::batch; });
}

Matrix<float> HeadGrid::input_of(const Group& group, MatrixView<const float> raw,
                                 MatrixView<const float> normed) const {
  const auto count = width_ / layers_ * group.layers;
  return columns(group.norm == HeadNorm::batch ? normed : raw, width_ - count, count);
}

void HeadGrid::step(MatrixView<const float> x, std::span<const std::int32_t> labels,
                    std::int64_t global, double rate, Communicator& comm) {
  const auto y = normed() ? batch_norm_.train(x, global, comm) : Matrix<float>();
  Communicator::Ticket last{};
  for (auto& group : groups_) {  // sums of one group travel while the next is computed
    const auto input = input_of(group, x, y.view());
    auto& gradient = group.gradient;
    group.heads.gradient(input.view(), labels, 1 / static_cast<double>(global), gradient);
    comm.sum_async(gradient.weight.values);
    last = comm.sum_async(gradient.bias);
  }
  comm.wait(last);
  for (auto& group : groups_) group.heads.update(group.gradient, rate);
}

void HeadGrid::visit(const LabelledFeatures& set, const Visitor& visitor) const {
  for (std::int64_t first = 0; first < set.features.rows; first += rows_at_once) {
    const auto count = std::min(rows_at_once, set.features.rows - first);
    const auto x = set.features.view().slice(first, count);
    const auto y = normed() ? batch_norm_.evaluate(x) : Matrix<float>();
    std::size_t head = 0;
    for (const auto& group : groups_) {
      const auto z = group.heads.logits(input_of(group, x, y.view()).view());
      const auto classes = static_cast<std::size_t>(classes_);
      const auto heads = group.heads.settings().size();
      for (std::int64_t i = 0; i < count; ++i)
        for (std::size_t g = 0; g < heads; ++g)
          visitor(head + g, set.labels[static_cast<std::size_t>(first + i)],
                  z.row(i).subspan(g * classes, classes));
      head += heads;
    }
  }
}

std::vector<HeadScore> HeadGrid::evaluate(const LabelledFeatures& set, Communicator& comm) const {
  std::vector<double> sums(3 * heads_.size() + 1);  // top-1, top-5, loss of each head; rows
  visit(set, [&](std::size_t head, std::int32_t label, std::span<const float> logits) {
    const auto at = rank_of(logits, label);
    sums[3 * head] += at < 1;
    sums[3 * head + 1] += at < 5;
    sums[3 * head + 2] += cross_entropy(logits, static_cast<std::size_t>(label));
  });
  sums.back() = static_cast<double>(set.features.rows);
  comm.wait(comm.sum_async(sums));
  std::vector<HeadScore> scores;
  for (std::size_t h = 0; h < heads_.size(); ++h) {
    const auto mean = [&](std::size_t i) { return sums[3 * h + i] / sums.back(); };
    if (std::isfinite(sums[3 * h + 2]))
      scores.push_back({{mean(0), mean(1)}, mean(2)});
    else
      scores.push_back({{0, 0}, std::numeric_limits<double>::infinity()});
  }
  return scores;
}

Confusion HeadGrid::confusion(const LabelledFeatures& set, std::size_t head,
                              Communicator& comm) const {
  const auto classes = static_cast<std::size_t>(classes_);
  Confusion c{std::vector<double>(classes), std::vector<double>(classes), {}};
  if (classes_ <= Confusion::most_classes) c.counts = {classes_, classes_};
  visit(set, [&](std::size_t h, std::int32_t label, std::span<const float> logits) {
    if (h != head) return;
    const auto truth = static_cast<std::size_t>(label);
    const auto guess = static_cast<std::size_t>(std::ranges::max_element(logits) - logits.begin());
    ++c.images[truth];
    c.hits[truth] += guess == truth;
    if (c.counts.rows > 0) ++c.counts.row(label)[guess];
  });
  for (auto* sums : {&c.images, &c.hits, &c.counts.values})
    if (!sums->empty()) comm.wait(comm.sum_async(*sums));
  return c;
}

}  // namespace ijepa
