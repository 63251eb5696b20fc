#include "ijepa/tasks/prediction/block_samples.hpp"

#include <algorithm>

namespace ijepa {

std::vector<float> sample_blocks(DecoderNetwork& network, MatrixView<const float> condition,
                                 std::span<const std::uint8_t> told, std::vector<float> noise,
                                 const HeunSettings& heun) {
  const bool guided = heun.guidance != 1 && std::ranges::count(told, 0) < std::ssize(told);
  // With guidance all crops once more, without s.
  Matrix<float> both(2 * condition.rows, condition.cols);
  std::copy_n(condition.data, condition.size(), both.values.begin());
  std::vector<std::uint8_t> told_both(told.begin(), told.end());
  told_both.resize(2 * told.size(), 0);
  return integrate_flow(std::move(noise), heun.steps, [&](const std::vector<float>& z, double t) {
    if (!guided) return network.guess(z, t, condition, told);
    auto twice = z;
    twice.insert(twice.end(), z.begin(), z.end());
    auto f = network.guess(twice, t, both.view(), told_both);
    for (std::size_t i = 0; i < z.size(); ++i) {
      const double free = f[z.size() + i];
      f[i] = static_cast<float>(free + heun.guidance * (static_cast<double>(f[i]) - free));
    }
    f.resize(z.size());
    return f;
  });
}

std::vector<float> shared_noise(const DecoderShape& shape, std::uint64_t seed, std::int64_t samples,
                                std::int64_t times) {
  const auto crop = static_cast<std::size_t>(shape.model.crop_size());
  std::vector<float> once(static_cast<std::size_t>(samples) * crop), noise;
  for (std::int64_t i = 0; i < samples; ++i)
    draw_noise(seed, i, std::span(once).subspan(static_cast<std::size_t>(i) * crop, crop));
  for (std::int64_t k = 0; k < times; ++k) noise.insert(noise.end(), once.begin(), once.end());
  return noise;
}

}  // namespace ijepa
