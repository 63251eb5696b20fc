#include "ijepa/model/flow_matching.hpp"

#include <algorithm>
#include <cmath>

#include "ijepa/core/rng.hpp"
#include "ijepa/device/host_values.hpp"

namespace ijepa {
namespace {

// Of Purpose::augment, whose other indices are those of pictures' augmentations.
constexpr std::uint64_t draw_index = 16, noise_index = 17;
constexpr double mean_logit = -0.8, deviation_logit = 0.8, untold_share = 0.1;

Tensor upload_factors(Pass& p, const std::vector<double>& values) {
  const Tensor t = p.arena.keep(p.precision.statistics(), {std::ssize(values)});
  upload_values(p.ops, values, t);
  return t;
}

template <class F>
Tensor factors_of_times(Pass& p, std::span<const double> t, F&& f) {
  std::vector<double> values(t.size());
  std::ranges::transform(t, values.begin(), f);
  return upload_factors(p, values);
}

}  // namespace

FlowDraw draw_flow(std::uint64_t seed, std::int64_t example) {
  Rng rng(seed, Purpose::augment, 0, static_cast<std::uint64_t>(example), draw_index);
  const double logit = mean_logit + deviation_logit * rng.normal();
  return {1 / (1 + std::exp(-logit)), rng.uniform() < untold_share};
}

void draw_noise(std::uint64_t seed, std::int64_t example, std::span<float> out) {
  Rng rng(seed, Purpose::augment, 0, static_cast<std::uint64_t>(example), noise_index);
  for (float& v : out) v = static_cast<float>(rng.normal());
}

double flow_weight(double time) {
  const double rest = std::max(1 - time, least_noise);
  return 1 / (rest * rest);
}

// With r = sqrt(scale weight): loss = sum of (r (f - x))^2, df = 2 r (r (f - x)).
void flow_step(Pass& p, const BlockDecoder& decoder, const FlowBatch& batch, double scale,
               Tensor loss_accum, const ReadyCallback& ready) {
  const std::size_t mark = p.arena.mark();
  Ops& ops = p.ops;
  const DType type = batch.clean.dtype;
  const Tensor time = factors_of_times(p, batch.t, [](double t) { return t; });
  const Tensor rest = factors_of_times(p, batch.t, [](double t) { return 1 - t; });
  const auto root = [scale](double t) { return std::sqrt(scale * flow_weight(t)); };
  const Tensor plus = factors_of_times(p, batch.t, root);
  const Tensor minus = factors_of_times(p, batch.t, [&](double t) { return -root(t); });
  const Tensor slope = factors_of_times(p, batch.t, [&](double t) { return 2 * root(t); });
  const Tensor z = p.arena.keep(type, {batch.clean.rows(), batch.clean.cols()});
  const Tensor sequence = upload_sequences(p, std::ssize(batch.t), decoder.config().tokens());
  ops.add_scaled_rows({}, batch.clean, time, sequence, z);
  ops.add_scaled_rows(z, batch.noise, rest, sequence, z);
  BlockDecoder::Saved saved;
  const Tensor guess = decoder.forward(p, z, batch.time, batch.condition, saved);
  {
    Arena::ScratchScope scope(p.arena);
    const Tensor error = p.arena.scratch(type, {z.rows(), z.cols()});
    ops.add_scaled_rows({}, guess, plus, sequence, error);
    ops.add_scaled_rows(error, batch.clean, minus, sequence, error);
    ops.sum_squares(error, loss_accum);
    const Tensor dguess = p.arena.scratch(type, {z.rows(), z.cols()});
    ops.add_scaled_rows({}, error, slope, sequence, dguess);
    decoder.backward(p, dguess, saved, ready);
  }
  p.arena.release(mark);
}

double pixelwise_loss(std::span<const double> variances, double time) {
  double sum = 0;
  const double noise = (1 - time) * (1 - time);
  for (const double v : variances) sum += v * noise / (time * time * v + noise);
  return flow_weight(time) * sum;
}

std::vector<float> integrate_flow(std::vector<float> noise, std::int64_t steps,
                                  const CleanGuess& guess) {
  std::vector<float> z = std::move(noise);
  const double h = 1 / static_cast<double>(steps);
  const auto velocity = [](const std::vector<float>& f, const std::vector<float>& at, double t) {
    const double factor = 1 / (1 - t);
    std::vector<double> v(f.size());
    for (std::size_t i = 0; i < v.size(); ++i)
      v[i] = factor * (static_cast<double>(f[i]) - static_cast<double>(at[i]));
    return v;
  };
  for (std::int64_t step = 0; step + 1 < steps; ++step) {
    const double t = static_cast<double>(step) * h;
    const auto first = velocity(guess(z, t), z, t);
    std::vector<float> ahead(z.size());
    for (std::size_t i = 0; i < z.size(); ++i)
      ahead[i] = static_cast<float>(static_cast<double>(z[i]) + h * first[i]);
    const auto second = velocity(guess(ahead, t + h), ahead, t + h);
    for (std::size_t i = 0; i < z.size(); ++i)
      z[i] = static_cast<float>(static_cast<double>(z[i]) + h / 2 * (first[i] + second[i]));
  }
  return guess(z, 1 - h);
}

}  // namespace ijepa
