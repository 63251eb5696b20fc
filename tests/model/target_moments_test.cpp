// The moments of centred targets: what the formula says of all features at once, whatever parts
// they came in.
#include "ijepa/model/target_moments.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <functional>

#include "ijepa/core/rng.hpp"
#include "ijepa/device/device.hpp"
#include "tests/support/step_run.hpp"

namespace ijepa::test {
namespace {

constexpr std::int64_t tokens = 3, width = 5, images = 8;
constexpr auto elements = static_cast<std::size_t>(images * tokens * width);

/// Features (images N, D) of one step, far from zero by every position's own way.
std::vector<double> features(std::uint64_t step) {
  Rng rng(4, Purpose::test, 0, step);
  std::vector<double> h(elements);
  for (std::size_t i = 0; i < h.size(); ++i)
    h[i] = 1 + 0.1 * static_cast<double>(i % 15) +
           (0.1 + 0.2 * static_cast<double>(i % 5)) * rng.normal();
  return h;
}

/// target_sums() of h, in parts of `count` images.
std::vector<double> sums_in_parts(Device& device, DType type, const std::vector<double>& h,
                                  std::size_t count, const std::vector<double>& shift) {
  std::vector<double> sums;
  const Precision precision{type, type, type};
  for (std::size_t first = 0; first < elements; first += count * tokens * width) {
    Buffer memory(device, 1 << 16), values(device, 1 << 12), table(device, 1 << 10);
    const Tensor x = make_tensor(values.data(), type,
                                 {static_cast<std::int64_t>(count) * tokens, width}),
                 s = make_tensor(table.data(), type, {tokens, width});
    const auto begin = h.begin() + static_cast<std::ptrdiff_t>(first);
    set_values(device.ops(), {begin, begin + x.numel()}, x);
    set_values(device.ops(), shift, s);
    Arena arena(memory.data(), memory.bytes());
    Pass pass{device.ops(), arena, precision, {}};
    const auto part = target_sums(pass, x, s);
    if (sums.empty()) sums.resize(part.size());
    std::ranges::transform(sums, part, sums.begin(), std::plus<>());
  }
  return sums;
}

/// mean (N D), then variance (D), as the formula says.
struct Direct {
  std::vector<double> mean = std::vector<double>(tokens * width), variance = {1, 1, 1, 1, 1};
  void update(const std::vector<double>& h, double m) {
    constexpr std::size_t row = tokens * width;
    std::vector<double> batch(row), spread(width);
    for (std::size_t i = 0; i < h.size(); ++i) batch[i % row] += h[i] / images;
    for (std::size_t k = 0; k < row; ++k) mean[k] = m * mean[k] + (1 - m) * batch[k];
    for (std::size_t i = 0; i < h.size(); ++i)
      spread[i % width] += std::pow(h[i] - mean[i % row], 2) / (images * tokens);
    for (std::size_t d = 0; d < width; ++d) variance[d] = m * variance[d] + (1 - m) * spread[d];
  }
};

void expect_moments(DType type, std::size_t count, double tolerance) {
  const auto device = make_device({.name = "cpu", .threads = 1});
  TargetMoments moments(tokens, width);
  Direct direct;
  for (std::uint64_t step = 0; step < 4; ++step) {
    const auto h = features(step);
    moments.update(sums_in_parts(*device, type, h, count, moments.shift()));
    direct.update(h, static_cast<double>(step) / static_cast<double>(step + 1));
    const auto shift = moments.shift(), factor = moments.factor();
    for (std::size_t k = 0; k < shift.size(); ++k)
      EXPECT_NEAR(shift[k], -direct.mean[k], tolerance) << step << " " << k;
    for (std::size_t d = 0; d < factor.size(); ++d)
      EXPECT_NEAR(factor[d] * (std::sqrt(direct.variance[d]) + 1e-4), 1, tolerance) << step;
  }
}

TEST(TargetMoments, FollowTheirFormulaWhateverThePartsOfAStep) {
  for (const std::size_t count : {8U, 2U}) {
    expect_moments(DType::f64, count, 1e-12);
    expect_moments(DType::f32, count, 1e-4);
  }
}

TEST(TargetMoments, ForgetNoFasterThanAHundredSteps) {
  TargetMoments moments(tokens, width);
  std::vector<double> sums(moments.flat().size());
  sums[0] = 1;
  for (int step = 0; step < 500; ++step) moments.update(sums);
  sums[1] = 1;
  moments.update(sums);
  EXPECT_NEAR(moments.shift()[0], -0.01, 1e-12);
  EXPECT_NEAR(moments.factor()[1], 1e4, 1);  // features that never change: deviation 0
}

}  // namespace
}  // namespace ijepa::test
