#include "decoder_engine.hpp"

#include <algorithm>
#include <array>
#include <cmath>

#include "ijepa/device/host_values.hpp"
#include "ijepa/train/optimizer.hpp"

namespace ijepa {
namespace {

constexpr double largest_gradient = 1;  // norm
constexpr AdamWOptions adamw{.beta1 = 0.9, .beta2 = 0.99};

}  // namespace

DecoderEngine::DecoderEngine(const TrainDecoderSettings& settings, DecoderNetwork& network,
                             Device& device, Communicator& comm)
    : settings_(settings),
      network_(network),
      device_(device),
      comm_(comm),
      gradient_(network.store().gradient({0, network.store().layout().size()})),
      scalar_(device, sizeof(float)),
      reducer_(make_bucket_reducer(comm, device)),
      sync_(*reducer_, gradient_) {}

DecoderEngine::Sums DecoderEngine::learn(const DecoderBatch& batch, std::int64_t step) {
  comm_.activity().enter(Phase::computing, step);
  const double scale =
      1 / static_cast<double>(settings_.batch * network_.shape().model.crop_size());
  std::array<double, 2> sums{};
  sums[0] = network_.learn(batch.examples(), scale,
                           [this](std::int64_t offset) { sync_.ready_down_to(offset); });
  for (const FlowDraw& draw : batch.draws)
    sums[1] += scale * pixelwise_loss(network_.statistics().crop_variance, draw.time);
  comm_.activity().enter(Phase::reducing, step);
  sync_.finish();
  const double norm = gradient_norm();
  reducer_->settle();
  comm_.all_reduce(sums, Reduction::sum);
  if (!std::isfinite(sums[0]) || !std::isfinite(norm))
    throw AgreedError(
        fmt::format("Loss or gradient of step {} is not a number; start again with a lower --lr "
                    "than {:.3g}.",
                    step + 1, settings_.learning_rate),
        exit_code::not_finite);
  return {sums[0], sums[1], norm};
}

double DecoderEngine::gradient_norm() {
  const Tensor square = make_tensor(scalar_.data(), DType::f32, {1});
  device_.ops().fill_zero(square);
  device_.ops().sum_squares(gradient_, square);
  return std::sqrt(download_values(device_.ops(), square)[0]);
}

// The average is of few steps at first, so that start weights do not stay in it for long.
void DecoderEngine::update(const Sums& sums, std::int64_t step) {
  comm_.activity().enter(Phase::updating, step);
  const auto s = static_cast<double>(step);
  AdamWStep now = adamw_step(adamw, step, decoder_learning_rate(settings_, step), 0,
                             std::min(settings_.average, (1 + s) / (10 + s)));
  if (sums.gradient > largest_gradient) now.gradient_scale = largest_gradient / sums.gradient;
  network_.update(now);
}

}  // namespace ijepa
