// Every gradient of the whole step in float64 against central differences, along a random direction
// of each parameter, in every mode that changes the path of a gradient.
#include <gtest/gtest.h>

#include <algorithm>
#include <functional>

#include "ijepa/core/rng.hpp"
#include "ijepa/model/masks.hpp"
#include "tests/support/step_run.hpp"

namespace ijepa::test {
namespace {

struct Mode {
  const char* name;
  std::int64_t contexts = 1;
  std::int64_t truncate_group = 4;
  double drop_path = 0;
  Recompute recompute = Recompute::none;
  std::int64_t micro_batches = 1;
  LossConfig loss = {};
  bool joint = false;
  std::int64_t predictor_depth = 1;
  std::int64_t channels = 3;
  bool pixels_only = false;
};

EncoderConfig encoder_config(const Mode& mode) {
  EncoderConfig c;
  c.width = 24;
  c.depth = 2;
  c.heads = 3;
  c.mlp_hidden = 40;
  c.patch = 2;
  c.image_height = 16;
  c.image_width = 20;  // an 8 x 10 grid: rows and columns must not be mixed up
  c.channels = mode.channels;
  c.drop_path = mode.drop_path;
  return c;
}

MaskConfig mask_config(const Mode& mode) {
  MaskConfig c;
  c.min_keep = 4;
  c.num_targets = 3;
  c.num_contexts = mode.contexts;
  c.truncate_group = mode.truncate_group;
  c.compat = false;
  return c;
}

class StepGradient : public ::testing::TestWithParam<Mode> {
 protected:
  static constexpr std::int64_t images = 4;

  StepGradient()
      : device_(make_device({.name = "cpu", .threads = 1})),
        run_(*device_, encoder_config(GetParam()),
             {12, GetParam().predictor_depth, 20, GetParam().drop_path, GetParam().joint},
             Precision::float64(), GetParam().loss) {
    run_.store.initialise(3);
    const auto& infos = run_.model.layout().infos();
    for (std::size_t i = 0; i < infos.size(); ++i) {
      // Away from the start values, where biases and norms would hide mistakes.
      auto values = run_.values(Role::weight, infos[i]);
      Rng rng(5, Purpose::test, 0, i);
      for (double& v : values) v += 0.2 * rng.normal();
      set_values(device_->ops(), values, run_.store.values(Role::weight, infos[i]));
    }
    const auto& c = run_.model.encoder().config();
    TargetMoments moments(c.tokens(), c.width);
    Rng numbers(4, Purpose::test);
    for (double& v : moments.flat()) v = 0.3 + numbers.uniform();
    run_.set_moments(moments);
    pixels_.resize(static_cast<std::size_t>(images * c.channels * c.image_height * c.image_width));
    Rng rng(6, Purpose::test);
    for (double& v : pixels_) v = rng.normal();
    const MaskIteration iteration{9, 0, 0, 0, images};
    masks_ = draw_batch_masks(mask_config(GetParam()), {c.grid_rows(), c.grid_cols()}, iteration, 0,
                              images)
                 .images;
  }

  TokenPlan plan_of(std::span<const ImageMasks> masks) const {
    const auto sequences =
        GetParam().joint ? PredictorSequences::joint : PredictorSequences::one_a_block;
    auto plan = make_token_plan(masks, run_.model.encoder().config().tokens(), sequences);
    plan.pixels_only = GetParam().pixels_only;
    return plan;
  }

  /// visit(plan, draw, m) of every micro-batch, whose images are set.
  template <class Visit>
  void for_each_micro_batch(Visit visit) {
    const std::int64_t micros = GetParam().micro_batches, count = images / micros;
    const std::size_t image = pixels_.size() / images;
    for (std::int64_t m = 0; m < micros; ++m) {
      const auto first = static_cast<std::size_t>(m * count);
      const auto size = static_cast<std::size_t>(count);
      run_.set_images({pixels_.begin() + static_cast<std::ptrdiff_t>(first * image),
                       pixels_.begin() + static_cast<std::ptrdiff_t>((first + size) * image)},
                      count);
      const std::vector<std::int64_t> all{100, 101, 102, 103};
      visit(plan_of(std::span(masks_).subspan(first, size)),
            DropPathDraw{7, 1, std::span(all).subspan(first, size)}, m);
    }
  }

  /// Loss and, as a side effect, gradients: over the mode's number of micro-batches.
  double loss() {
    const LossConfig& terms = GetParam().loss;
    PooledSums sums(run_.model.encoder().config().width, terms.variance_covariance > 0);
    for_each_micro_batch([&](const TokenPlan& plan, const DropPathDraw& draw, std::int64_t) {
      if (!terms.pooled() || plan.pixels_only) return;
      PooledSums own = run_.pooled_sums(plan, draw);
      std::ranges::transform(sums.flat(), own.flat(), sums.flat().begin(), std::plus<>());
    });
    double sum = 0;
    for_each_micro_batch([&](const TokenPlan& plan, const DropPathDraw& draw, std::int64_t m) {
      sum += run_.step(plan, 1e-3, {}, GetParam().recompute, draw,
                       m == 0 ? Write::overwrite : Write::accumulate,
                       [&](PooledSums& s) { s = sums; });
    });
    return sum;
  }

  std::unique_ptr<Device> device_;
  StepRun run_;
  std::vector<double> pixels_;
  std::vector<ImageMasks> masks_;
};

TEST_P(StepGradient, AgreesWithCentralDifferences) {
  const auto& infos = run_.model.layout().infos();
  // What the step before has left of a head that this one leaves out.
  for (const auto& info : infos)
    set_values(device_->ops(), std::vector<double>(static_cast<std::size_t>(info.size), 1),
               run_.store.gradient({info.offset, info.offset + info.size}));
  loss();
  std::vector<std::vector<double>> gradients;
  for (const auto& info : infos) gradients.push_back(run_.gradient(info));
  Ops& ops = device_->ops();
  for (std::size_t i = 0; i < infos.size(); ++i) {
    const Tensor weight = run_.store.values(Role::weight, infos[i]);
    const auto start = host_values(ops, weight);
    Rng rng(8, Purpose::test, 0, i);
    std::vector<double> direction(start.size());
    double slope = 0, size = 0;
    for (std::size_t j = 0; j < direction.size(); ++j) {
      direction[j] = rng.normal();
      slope += direction[j] * gradients[i][j];
      size += std::abs(direction[j] * gradients[i][j]);
    }
    const auto loss_at = [&](double h) {
      auto moved = start;
      for (std::size_t j = 0; j < moved.size(); ++j) moved[j] += h * direction[j];
      set_values(ops, moved, weight);
      const double value = loss();
      set_values(ops, start, weight);
      return value;
    };
    // Fourth-order central difference: its error is far below the bound.
    const double h = 1e-4;
    const double difference =
        (8 * (loss_at(h) - loss_at(-h)) - (loss_at(2 * h) - loss_at(-2 * h))) / (12 * h);
    EXPECT_NEAR(difference, slope, 1e-6 * size + 1e-9) << infos[i].group << " " << infos[i].name;
  }
}

/// The loss of a head that says 0 everywhere, on images whose channels are all alike.
double pixel_loss_of_equal_channels(std::int64_t channels) {
  constexpr std::int64_t images = 2;
  const Mode mode{.name = "", .loss = {0, 0, 1, 0}, .channels = channels};
  const auto device = make_device({.name = "cpu", .threads = 1});
  StepRun run(*device, encoder_config(mode), {12, 1, 20}, Precision::float64(), mode.loss);
  run.store.initialise(3);
  for (const auto& info : run.model.layout().infos())
    if (info.group == "pixels")
      set_values(device->ops(), std::vector<double>(static_cast<std::size_t>(info.size)),
                 run.store.values(Role::weight, info));
  const auto& c = run.model.encoder().config();
  std::vector<double> pixels;
  for (std::uint64_t image = 0; image < images; ++image) {
    std::vector<double> plane(static_cast<std::size_t>(c.image_height * c.image_width));
    Rng rng(6, Purpose::test, 0, image);
    for (double& v : plane) v = rng.normal();
    for (std::int64_t i = 0; i < channels; ++i)
      pixels.insert(pixels.end(), plane.begin(), plane.end());
  }
  run.set_images(pixels, images);
  const auto masks = draw_batch_masks(mask_config(mode), {c.grid_rows(), c.grid_cols()},
                                      {9, 0, 0, 0, images}, 0, images)
                         .images;
  const TokenPlan plan = make_token_plan(masks, c.tokens());
  const auto elements = static_cast<double>(plan.target_rows.size()) * static_cast<double>(c.width);
  return run.step(plan, 1 / elements);
}

/// Values of unit variance: where all are guessed as 0 the smooth L1 loss is their mean, whatever
/// number of channels says the same.
TEST(PixelLoss, IsAMeanOverTheValuesOfAllChannels) {
  const double colours = pixel_loss_of_equal_channels(3);
  EXPECT_GT(colours, 0.3);
  EXPECT_LT(colours, 0.5);  // x^2 / 2 of variance 1, less where it goes on in a straight line
  for (const std::int64_t channels : {1, 5})
    EXPECT_NEAR(pixel_loss_of_equal_channels(channels), colours, 1e-12 * colours) << channels;
}

class StepTargets : public StepGradient {};

/// Who watches makes the target encoder compute the features of all tokens; else it computes those
/// that the loss reads.
TEST_P(StepTargets, AreTheSameUnwatched) {
  for_each_micro_batch([&](const TokenPlan& plan, const DropPathDraw& draw, std::int64_t) {
    ASSERT_LT(plan.wanted_rows.size(), static_cast<std::size_t>(plan.images * plan.tokens));
    std::size_t watched = 0;
    const StepObserver observer{[&](Tensor, Tensor) { ++watched; }, {}, {}};
    const double all = run_.step(plan, 1e-3, observer, Recompute::none, draw);
    EXPECT_GE(watched, 1U);
    const double alone = run_.step(plan, 1e-3, {}, Recompute::none, draw);
    EXPECT_NEAR(alone, all, 1e-13 * all);
  });
}

INSTANTIATE_TEST_SUITE_P(
    Modes, StepTargets,
    ::testing::Values(Mode{"plain"}, Mode{"untruncated", 2, 1},
                      Mode{"centre", 1, 4, 0, Recompute::none, 2, {.features = 1, .centre = 0.7}},
                      Mode{"joint", 1, 4, 0, Recompute::none, 1, {}, true}),
    [](const auto& param_info) { return param_info.param.name; });

class StepRecompute : public StepGradient {};

TEST_P(StepRecompute, ChangesNoGradientAndTakesLessMemory) {
  loss();
  const auto& infos = run_.model.layout().infos();
  const std::size_t bytes = run_.arena_bytes;
  std::vector<std::vector<double>> gradients;
  for (const auto& info : infos) gradients.push_back(run_.gradient(info));
  const TokenPlan plan = plan_of(masks_);
  const std::vector<std::int64_t> all{100, 101, 102, 103};
  run_.step(plan, 1e-3, {}, Recompute::none, {7, 1, all});
  EXPECT_LT(bytes, run_.arena_bytes);
  for (std::size_t i = 0; i < infos.size(); ++i)
    EXPECT_EQ(gradients[i], run_.gradient(infos[i])) << infos[i].name;
}

const auto mode_name = [](const auto& param_info) { return param_info.param.name; };

INSTANTIATE_TEST_SUITE_P(
    Modes, StepRecompute,
    ::testing::Values(Mode{"plain", 1, 4, 0, Recompute::block},
                      Mode{"everything", 2, 1, 0.4, Recompute::block, 1, {}, false, 2}),
    mode_name);

INSTANTIATE_TEST_SUITE_P(
    Modes, StepGradient,
    ::testing::Values(
        Mode{"plain"}, Mode{"recompute", 1, 4, 0, Recompute::block}, Mode{"two_contexts", 2},
        Mode{"untruncated", 1, 1}, Mode{"two_groups", 1, 2}, Mode{"drop_path", 1, 4, 0.5},
        Mode{"micro_batches", 1, 4, 0, Recompute::none, 2},
        Mode{"pooled", 1, 4, 0, Recompute::none, 1, {0.7, 0}},
        Mode{"pooled_prediction", 1, 1, 0, Recompute::none, 1, {0, 0.6}},
        Mode{"joint", 1, 4, 0, Recompute::none, 1, {}, true},
        Mode{"deep_predictor", 1, 1, 0.4, Recompute::none, 1, {}, false, 2},
        Mode{"pixels", 1, 4, 0, Recompute::none, 1, {0, 0, 0.8, 0}},
        Mode{"pixels_of_five_channels", 1, 4, 0, Recompute::none, 2, {0, 0, 0.8, 0}, false, 1, 5},
        Mode{"centred_targets_of_two_blocks",
             1,
             1,
             0,
             Recompute::none,
             1,
             {0, 0.6, 0, 1, TargetScaling::centred, 2}},
        Mode{"joint_and_all_losses", 2, 1, 0.4, Recompute::block, 2, {0.7, 0.6, 0.5, 0.9}, true, 2},
        Mode{"pixels_only",
             1,
             4,
             0.4,
             Recompute::block,
             2,
             {0.7, 0.6, 0, 0.9, TargetScaling::centred, 1, 0.3, 1},
             true,
             2,
             3,
             true},
        Mode{"features_after_pixels",
             1,
             4,
             0,
             Recompute::none,
             2,
             {0.7, 0.6, 0, 0.9, TargetScaling::normalised, 1, 0, 1},
             true},
        Mode{"everything", 2, 1, 0.4, Recompute::block}),
    mode_name);

}  // namespace
}  // namespace ijepa::test
