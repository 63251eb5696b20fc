#include "ijepa/model/flow_matching.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>

#include "ijepa/core/rng.hpp"
#include "tests/support/step_run.hpp"

namespace ijepa::test {
namespace {

TEST(FlowMatching, DrawsTimesAsTheFormulaSays) {
  double sum = 0, squares = 0, untold = 0;
  constexpr int count = 20000;
  for (int i = 0; i < count; ++i) {
    const auto draw = draw_flow(3, i);
    ASSERT_GT(draw.time, 0);
    ASSERT_LT(draw.time, 1);
    const double logit = std::log(draw.time / (1 - draw.time));
    sum += logit;
    squares += logit * logit;
    untold += draw.untold ? 1 : 0;
  }
  const double mean = sum / count;
  EXPECT_NEAR(mean, -0.8, 0.02);
  EXPECT_NEAR(std::sqrt(squares / count - mean * mean), 0.8, 0.02);
  EXPECT_NEAR(untold / count, 0.1, 0.01);
  EXPECT_EQ(draw_flow(3, 7).time, draw_flow(3, 7).time);
  EXPECT_NE(draw_flow(3, 7).time, draw_flow(4, 7).time);
  std::vector<float> a(100), b(100);
  draw_noise(3, 7, a);
  draw_noise(3, 8, b);
  EXPECT_NE(a, b);
}

/// A decoder whose last map has a bias alone predicts that bias, whatever it sees.
TEST(FlowMatching, LossIsThatOfAPlainFormula) {
  const auto device = make_device({.name = "cpu", .threads = 1});
  ParamLayout layout;
  const BlockDecoder decoder(layout, {.width = 8,
                                      .depth = 1,
                                      .heads = 2,
                                      .mlp_hidden = 8,
                                      .patch = 2,
                                      .crop = {2, 3},
                                      .condition = 3});
  ParamStore store(*device, layout, Precision::float64(), StoreUse::training);
  store.initialise(1);
  const auto& c = decoder.config();
  std::vector<double> bias;
  Rng rng(2, Purpose::test);
  for (std::int64_t i = 0; i < c.patch_size(); ++i) bias.push_back(rng.normal());
  const auto& infos = layout.infos();
  const auto last = std::ranges::find(infos, "proj.bias", &ParamInfo::name);
  ASSERT_NE(last, infos.end());
  set_values(device->ops(), bias, store.values(Role::weight, *last));

  const std::vector<double> times{0.2, 0.99};
  std::vector<double> clean(static_cast<std::size_t>(2 * c.crop_size())), noise(clean.size()),
      condition(2 * 4), time;
  for (auto* values : {&clean, &noise, &condition})
    for (double& v : *values) v = rng.normal();
  for (const double t : times) std::ranges::copy(features_of_time(t), std::back_inserter(time));
  double expected = 0;
  for (std::size_t i = 0; i < clean.size(); ++i) {
    const double t = times[i / static_cast<std::size_t>(c.crop_size())];
    const double error = clean[i] - bias[i % bias.size()];
    expected += 0.5 * error * error / std::pow(std::max(1 - t, 0.05), 2);
  }
  const auto at = [](std::vector<double>& v, std::int64_t rows) {
    return make_tensor(v.data(), DType::f64, {rows, std::ssize(v) / rows});
  };
  Buffer memory(*device, 1 << 22);
  Arena arena(memory.data(), memory.bytes());
  double loss = 0;
  Pass p{device->ops(),     arena,           Precision::float64(), store.online(),
         store.gradients(), Write::overwrite};
  flow_step(
      p, decoder,
      {at(clean, 2 * c.tokens()), at(noise, 2 * c.tokens()), at(time, 2), at(condition, 2), times},
      0.5, make_tensor(&loss, DType::f64, {1}), {});
  EXPECT_NEAR(loss, expected, 1e-9 * expected);
}

TEST(FlowMatching, PixelwiseLossIsThatOfTheBestLinearGuess) {
  // Of x ~ N(0, v): k z with k = t v / (t^2 v + (1 - t)^2), by hand and by drawing.
  const double t = 0.6, v = 0.7, k = t * v / (t * t * v + 0.16);
  double sum = 0;
  constexpr int count = 200000;
  Rng rng(4, Purpose::test);
  for (int i = 0; i < count; ++i) {
    const double x = std::sqrt(v) * rng.normal(), z = t * x + (1 - t) * rng.normal();
    sum += (x - k * z) * (x - k * z);
  }
  const std::vector<double> variances{v};
  EXPECT_NEAR(pixelwise_loss(variances, t), sum / count / 0.16, 0.03);
}

/// For pixels N(m, v) the clean guess is known, and so is where each noise ends.
TEST(FlowMatching, HeunStepsEndWhereTheFlowEnds) {
  const double m = 1.5, v = 0.25;
  const CleanGuess guess = [&](const std::vector<float>& z, double t) {
    std::vector<float> f(z.size());
    const double k = t * v / (t * t * v + (1 - t) * (1 - t));
    for (std::size_t i = 0; i < z.size(); ++i)
      f[i] = static_cast<float>(m + k * (static_cast<double>(z[i]) - t * m));
    return f;
  };
  const std::vector<float> noise{-1.2F, 0, 0.7F, 2};
  const auto end = integrate_flow(noise, 50, guess);
  for (std::size_t i = 0; i < noise.size(); ++i)
    EXPECT_NEAR(end[i], m + std::sqrt(v) * noise[i], 0.02) << i;
  EXPECT_EQ(end, integrate_flow(noise, 50, guess));
  const auto coarse = integrate_flow(noise, 10, guess);
  EXPECT_GT(std::abs(coarse[3] - end[3]), 1e-5);
}

TEST(BlockDecoder, RefusesSizesThatCannotBe) {
  ParamLayout layout;
  const BlockDecoderConfig odd{.width = 10, .heads = 4, .crop = {3, 3}, .condition = 2};
  try {
    const BlockDecoder decoder(layout, odd);
    FAIL() << "no error";
  } catch (const Error& e) {
    EXPECT_NE(std::string(e.what()).find("multiple of 4"), std::string::npos) << e.what();
  }
}

}  // namespace
}  // namespace ijepa::test
