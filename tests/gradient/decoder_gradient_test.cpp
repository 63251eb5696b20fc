// Every gradient of the block decoder, from the loss of flow matching through modulated blocks to
// time and condition, in float64 against central differences along a random direction.
#include <gtest/gtest.h>

#include "ijepa/core/rng.hpp"
#include "ijepa/model/flow_matching.hpp"
#include "tests/support/step_run.hpp"

namespace ijepa::test {
namespace {

constexpr std::int64_t crops = 3, condition_size = 5;

BlockDecoderConfig small_decoder() {
  return {.width = 12,
          .depth = 2,
          .heads = 3,
          .mlp_hidden = 20,
          .patch = 2,
          .crop = {3, 4},
          .condition = condition_size};
}

class DecoderGradient : public ::testing::Test {
 protected:
  DecoderGradient()
      : decoder_(layout_, small_decoder()),
        store_(*device_, layout_, Precision::float64(), StoreUse::training) {
    Rng rng(5, Purpose::test);
    store_.initialise(3);
    for (const auto& info : layout_.infos()) {
      auto values = host_values(device_->ops(), store_.values(Role::weight, info));
      for (double& v : values) v += 0.2 * rng.normal();
      set_values(device_->ops(), values, store_.values(Role::weight, info));
    }
    const auto& c = decoder_.config();
    fill(clean_, {crops * c.tokens(), c.patch_size()}, rng);
    fill(noise_, {crops * c.tokens(), c.patch_size()}, rng);
    fill(condition_, {crops, condition_size + 1}, rng);
    for (const double t : times_) {
      const auto features = features_of_time(t);
      time_.insert(time_.end(), features.begin(), features.end());
    }
  }

  static void fill(std::vector<double>& out, std::array<std::int64_t, 2> shape, Rng& rng) {
    out.resize(static_cast<std::size_t>(shape[0] * shape[1]));
    for (double& v : out) v = rng.normal();
  }

  /// The loss; gradients are in the store.
  double loss(Write write = Write::overwrite, const ReadyCallback& ready = {}) {
    const auto& c = decoder_.config();
    const auto at = [](std::vector<double>& v, std::int64_t rows, std::int64_t cols) {
      return make_tensor(v.data(), DType::f64, {rows, cols});
    };
    const FlowBatch batch{at(clean_, crops * c.tokens(), c.patch_size()),
                          at(noise_, crops * c.tokens(), c.patch_size()),
                          at(time_, crops, time_features),
                          at(condition_, crops, condition_size + 1), times_};
    NullOps nothing;
    auto measuring = Arena::measuring();
    double sum = 0;
    const Tensor accum = make_tensor(&sum, DType::f64, {1});
    Pass dry{nothing, measuring, Precision::float64(), {}, nullptr, write};
    flow_step(dry, decoder_, batch, 0.01, accum, {});
    Buffer memory(*device_, measuring.peak());
    Arena arena(memory.data(), measuring.peak());
    Pass p{device_->ops(), arena, Precision::float64(), store_.online(), store_.gradients(), write};
    flow_step(p, decoder_, batch, 0.01, accum, ready);
    EXPECT_EQ(arena.in_use(), 0U);
    return sum;
  }

  double loss_at(Tensor weight, const std::vector<double>& start,
                 const std::vector<double>& direction, double h) {
    auto moved = start;
    for (std::size_t j = 0; j < moved.size(); ++j) moved[j] += h * direction[j];
    set_values(device_->ops(), moved, weight);
    const double value = loss();
    set_values(device_->ops(), start, weight);
    return value;
  }

  std::unique_ptr<Device> device_ = make_device({.name = "cpu", .threads = 1});
  ParamLayout layout_;
  BlockDecoder decoder_;
  ParamStore store_;
  std::vector<double> clean_, noise_, condition_, time_, times_{0.1, 0.5, 0.97};
};

TEST_F(DecoderGradient, AgreesWithCentralDifferences) {
  std::uint64_t number = 0;
  for (const auto& info : layout_.infos()) {
    loss();
    const auto gradient =
        host_values(device_->ops(), store_.gradient({info.offset, info.offset + info.size}));
    const Tensor weight = store_.values(Role::weight, info);
    const auto start = host_values(device_->ops(), weight);
    Rng rng(8, Purpose::test, 0, number++);
    std::vector<double> direction(start.size());
    double slope = 0, size = 0;
    for (std::size_t j = 0; j < direction.size(); ++j) {
      direction[j] = rng.normal();
      slope += direction[j] * gradient[j];
      size += std::abs(direction[j] * gradient[j]);
    }
    EXPECT_GT(size, 0) << info.name << " has no gradient";
    const auto at = [&](double h) { return loss_at(weight, start, direction, h); };
    const double h = 1e-4;  // fourth order: the error is far below the bound
    const double difference = (8 * (at(h) - at(-h)) - (at(2 * h) - at(-2 * h))) / (12 * h);
    EXPECT_NEAR(difference, slope, 1e-6 * size + 1e-9) << info.name;
  }
}

TEST_F(DecoderGradient, AddsUpAndIsReadyFromTheEndToTheStart) {
  std::vector<std::int64_t> offsets;
  loss(Write::overwrite, [&](std::int64_t offset) { offsets.push_back(offset); });
  ASSERT_FALSE(offsets.empty());
  EXPECT_TRUE(std::is_sorted(offsets.rbegin(), offsets.rend()));
  EXPECT_EQ(offsets.back(), 0);
  const ParamRange all{0, layout_.size()};
  const auto once = host_values(device_->ops(), store_.gradient(all));
  loss(Write::accumulate);
  const auto twice = host_values(device_->ops(), store_.gradient(all));
  for (std::size_t i = 0; i < once.size(); ++i)
    ASSERT_NEAR(twice[i], 2 * once[i], 1e-9 * (1 + std::abs(once[i])));
}

}  // namespace
}  // namespace ijepa::test
