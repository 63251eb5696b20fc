#include "ijepa/nn/drop_path.hpp"

#include "ijepa/core/rng.hpp"
#include "ijepa/device/host_values.hpp"

namespace ijepa {
namespace {

/// Several sequences of one image draw independently: the how-manieth of its image each one is.
std::vector<std::uint64_t> ordinals(std::span<const std::int32_t> sequence_image,
                                    std::size_t images) {
  std::vector<std::uint64_t> seen(images), ordinal(sequence_image.size());
  for (std::size_t s = 0; s < ordinal.size(); ++s)
    ordinal[s] = seen[static_cast<std::size_t>(sequence_image[s])]++;
  return ordinal;
}

Tensor upload_scales(Pass& p, const std::vector<double>& scales) {
  const auto count = static_cast<std::int64_t>(scales.size());
  Tensor t = p.arena.keep(p.precision.statistics(), {count});
  upload_values(p.ops, scales, t);
  return t;
}

}  // namespace

std::vector<BranchScales> draw_drop_path(Pass& p, double rate, std::int64_t depth, StackId stack,
                                         const DropPathDraw& draw,
                                         std::span<const std::int32_t> sequence_image) {
  if (rate <= 0 || draw.positions.empty()) return {};
  const auto ordinal = ordinals(sequence_image, draw.positions.size());
  const auto scales_of = [&](std::int64_t block, std::uint64_t branch) {
    const double r =
        depth > 1 ? rate * static_cast<double>(block) / static_cast<double>(depth - 1) : 0.0;
    std::vector<double> scales(sequence_image.size());
    for (std::size_t s = 0; s < scales.size(); ++s) {
      const std::uint64_t index = (ordinal[s] << 8) | (static_cast<std::uint64_t>(block) << 2) |
                                  (branch << 1) | static_cast<std::uint64_t>(stack);
      const auto position = draw.positions[static_cast<std::size_t>(sequence_image[s])];
      Rng rng(draw.seed, Purpose::drop_path, draw.epoch, static_cast<std::uint64_t>(position),
              index);
      scales[s] = rng.uniform() < 1 - r ? 1 / (1 - r) : 0.0;
    }
    return upload_scales(p, scales);
  };
  std::vector<BranchScales> result;
  for (std::int64_t i = 0; i < depth; ++i) result.push_back({scales_of(i, 0), scales_of(i, 1)});
  return result;
}

}  // namespace ijepa
