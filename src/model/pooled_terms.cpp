#include "ijepa/model/pooled_terms.hpp"

#include <algorithm>
#include <numeric>

#include "ijepa/core/columns.hpp"
#include "ijepa/device/host_values.hpp"

namespace ijepa {
namespace {

/// Rows [first, first + count) of a tensor of one or two dimensions.
Tensor slice(const Tensor& t, std::int64_t first, std::int64_t count) {
  Tensor part = t;
  part.shape[0] = count;
  const auto row = size_of(t.dtype) * static_cast<std::size_t>(t.rank == 1 ? 1 : t.cols());
  if (t.data != nullptr)
    part.data = static_cast<std::byte*>(t.data) + static_cast<std::size_t>(first) * row;
  return part;
}

/// y (S, D): the sum over the rows of each sequence of x (T, D). `rows`: 0 ... T - 1.
void sum_sequences(Ops& ops, Tensor x, Groups groups, Tensor rows, Tensor y) {
  std::int64_t row = 0, sequence = 0;
  for (const SequenceGroup& g : groups) {
    ops.gather_sum_rows(x, slice(rows, row, g.count * g.length), {}, slice(y, sequence, g.count));
    row += g.count * g.length;
    sequence += g.count;
  }
}

Matrix<double> downloaded(Ops& ops, Tensor t) {
  Matrix<double> m(t.rows(), t.cols());
  m.values = download_values(ops, t);
  return m;
}

/// sum of (x - m)(x - m)^T over the rows of x around their own mean, made on the device.
std::vector<double> scatter_of(Pass& p, const Matrix<double>& x) {
  Arena::ScratchScope scope(p.arena);
  const DType type = p.precision.statistics();
  const Tensor z = p.arena.scratch(type, {x.rows, x.cols}),
               products = p.arena.scratch(type, {x.cols, x.cols});
  upload_values(p.ops, centred(x, column_means(x)).values, z);
  p.ops.linear_backward_params(z, z, products, {}, Write::overwrite);
  return download_values(p.ops, products);
}

}  // namespace

PooledTerms::PooledTerms(ParamLayout& layout, const LossConfig& config, std::int64_t width)
    : config_(config) {
  if (config.pooled_prediction <= 0) return;
  layout.begin_group("pooled");
  map_.emplace_back(layout, "pooled_proj", Linear::Shape{.in = width, .out = width});
}

PooledSums PooledTerms::forward(Pass& p, Tensor context, Tensor features, const TokenPlan& plan,
                                Saved& s) const {
  const DType type = p.precision.statistics();
  const std::int64_t width = context.cols(), all = plan.images * plan.tokens;
  const auto sequences = static_cast<std::int64_t>(plan.context_image.size());
  std::vector<std::int32_t> numbers(static_cast<std::size_t>(std::max(all, context.rows())));
  std::iota(numbers.begin(), numbers.end(), 0);
  s.rows = upload_indices(p, numbers);
  std::vector<double> scale;
  for (const SequenceGroup& g : plan.context_groups)
    scale.insert(scale.end(), static_cast<std::size_t>(g.count), 1 / static_cast<double>(g.length));
  s.scale = p.arena.keep(type, {sequences});
  upload_values(p.ops, scale, s.scale);

  Arena::ScratchScope scope(p.arena);
  const Tensor sums = p.arena.scratch(type, {sequences, width}),
               means = p.arena.scratch(type, {sequences, width});
  sum_sequences(p.ops, context, plan.context_groups, s.rows, sums);
  p.ops.add_scaled_rows({}, sums, s.scale, slice(s.rows, 0, sequences), means);
  s.means = downloaded(p.ops, means);
  if (config_.pooled_prediction > 0) {
    const Tensor targets = p.arena.scratch(type, {plan.images, width});
    p.ops.gather_sum_rows(features, slice(s.rows, 0, all), {}, targets);
    const auto of_image = downloaded(p.ops, targets);
    s.goals = Matrix<double>(sequences, width);
    for (std::int64_t i = 0; i < sequences; ++i)
      std::ranges::transform(of_image.row(plan.context_image[static_cast<std::size_t>(i)]),
                             s.goals.row(i).begin(),
                             [&](double v) { return v / static_cast<double>(plan.tokens); });
  }
  const bool products = config_.variance_covariance > 0;
  PooledSums part(width, products);
  part.add(s.means.view(), s.goals.view(),
           products ? scatter_of(p, s.means) : std::vector<double>{});
  return part;
}

Tensor PooledTerms::backward(Pass& p, const PooledSums& sums, Tensor loss_accum,
                             const Saved& s) const {
  const DType type = p.precision.statistics();
  const std::int64_t rows = s.means.rows, width = s.means.cols;
  const Tensor dscaled = p.arena.scratch(type, {rows, width});
  Arena::ScratchScope scope(p.arena);
  const Tensor dmeans = p.arena.scratch(type, {rows, width}),
               means = p.arena.scratch(type, {rows, width});
  double loss = 0;
  if (config_.variance_covariance > 0) {
    auto terms = variance_covariance(sums);
    // The value is of the whole step: a share for each row, so that parts add up.
    loss += config_.variance_covariance * terms.value * static_cast<double>(rows) / sums.count();
    for (double& m : terms.gradient.values) m *= config_.variance_covariance;
    const Tensor gradient = p.arena.scratch(type, {width, width});
    upload_values(p.ops, terms.gradient.values, gradient);
    upload_values(p.ops, centred(s.means, sums.mean()).values, means);
    p.ops.linear_forward(means, gradient, {}, dmeans);
  } else {
    p.ops.fill_zero(dmeans);
  }
  if (config_.centre > 0) {
    const auto term = centre(sums);
    loss += config_.centre * term.value * static_cast<double>(rows) / sums.count();
    Matrix<double> all(rows, width);
    for (std::int64_t i = 0; i < rows; ++i)
      std::ranges::transform(term.gradient, all.row(i).begin(),
                             [&](double g) { return config_.centre * g; });
    upload_values(p.ops, all.values, means);
    p.ops.add(dmeans, means, dmeans);
  }
  if (config_.pooled_prediction > 0) {
    upload_values(p.ops, s.means.values, means);
    loss += predict(p, means, sums, s, dmeans);
  }
  const Tensor added = p.arena.scratch(type, {1});
  upload_values(p.ops, std::span(&loss, 1), added);
  p.ops.add(loss_accum, added, loss_accum);
  p.ops.add_scaled_rows({}, dmeans, s.scale, slice(s.rows, 0, rows), dscaled);
  return dscaled;
}

// Smooth L1 between the map of the means and the goals, standardised over the step: few numbers,
// so the host works them out.
double PooledTerms::predict(Pass& p, Tensor means, const PooledSums& sums, const Saved& s,
                            Tensor dmeans) const {
  constexpr double epsilon = 1e-4;
  const std::int64_t rows = means.rows(), width = means.cols();
  const auto like = [&](DType type) { return p.arena.scratch(type, {rows, width}); };
  const DType compute = p.precision.compute, type = p.precision.statistics();
  const Tensor x = like(compute), guess = like(compute), wide = like(type), dx = like(compute);
  p.ops.copy(means, x);
  map_[0].forward(p, x, guess);
  p.ops.copy(guess, wide);
  Matrix<double> d = downloaded(p.ops, wide);
  const auto goal = sums.goal();
  const double scale = config_.pooled_prediction / (sums.count() * static_cast<double>(width));
  double loss = 0;
  for (std::int64_t i = 0; i < rows; ++i)
    for (std::int64_t j = 0; j < width; ++j) {
      const auto at = static_cast<std::size_t>(j);
      const double target = (s.goals.row(i)[at] - goal.mean[at]) / (goal.deviation[at] + epsilon);
      const double difference = d.row(i)[at] - target;
      loss += scale * smooth_l1(difference);
      d.row(i)[at] = scale * smooth_l1_gradient(difference);
    }
  upload_values(p.ops, d.values, wide);
  p.ops.copy(wide, guess);
  map_[0].backward_params(p, guess, x);
  map_[0].backward_input(p, guess, dx);
  p.ops.add(dmeans, dx, dmeans);
  return loss;
}

void PooledTerms::spread(Pass& p, Tensor dmeans, const DevicePlan& rows, Tensor dcontext_inout) {
  Arena::ScratchScope scope(p.arena);
  const Tensor of_row =
      p.arena.scratch(dcontext_inout.dtype, {dcontext_inout.rows(), dcontext_inout.cols()});
  p.ops.gather_rows(dmeans, rows.context_sequence_of_row, of_row);
  p.ops.add(dcontext_inout, of_row, dcontext_inout);
}

}  // namespace ijepa
