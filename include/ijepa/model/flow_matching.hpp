// Flow matching with the clean image predicted (Lipman et al., arXiv 2210.02747; Li and He, arXiv
// 2511.13720, section 4): between noise e at t = 0 and pixels x at t = 1 lies z = t x + (1 - t) e,
// and loss = mean((x - f(z, t, s))^2) / max(1 - t, 0.05)^2, the squared error of the velocity.
#pragma once
#include <cstdint>
#include <functional>
#include <span>
#include <vector>

#include "ijepa/core/matrix.hpp"
#include "ijepa/model/block_decoder.hpp"

namespace ijepa {

/// 1 - t is not taken for less.
constexpr double least_noise = 0.05;

/// What is drawn for one example of a training: a pure function of the seed and its number.
struct FlowDraw {
  double time = 0;      // sigmoid(N(-0.8, 0.8^2))
  bool untold = false;  // s is left out, with probability 0.1
};
FlowDraw draw_flow(std::uint64_t seed, std::int64_t example);
/// Its e, or that of sample `example`: standard normal.
void draw_noise(std::uint64_t seed, std::int64_t example, std::span<float> out);

/// 1 / max(1 - t, 0.05)^2.
double flow_weight(double time);

/// S crops to learn from, on the device, float32 or float64.
struct FlowBatch {
  Tensor clean, noise;        // (S T, 3 p p)
  Tensor time, condition;     // as BlockDecoder::forward() wants them
  std::span<const double> t;  // (S)
};

/// Adds scale * sum over crops and pixels of flow_weight(t) (x - f)^2 to loss_accum (1), and writes
/// or adds gradients as p.write says. The arena is left as it was found.
void flow_step(Pass& p, const BlockDecoder& decoder, const FlowBatch& batch, double scale,
               Tensor loss_accum, const ReadyCallback& ready);

/// The squared error of the best guess that looks at each number of z by itself and knows its
/// variance, v (1 - t)^2 / (t^2 v + (1 - t)^2), summed over `variances` and weighted.
double pixelwise_loss(std::span<const double> variances, double time);

struct HeunSettings {
  std::int64_t steps = 25;
  double guidance = 1.5;  // f = f(no s) + guidance (f(s) - f(no s)); 1: none (arXiv 2207.12598)
};

/// f(z, t) for all samples at one time.
using CleanGuess = std::function<std::vector<float>(const std::vector<float>& z, double t)>;

/// From noise at t = 0 to pixels along dz/dt = (f - z) / (1 - t), in equal steps of Heun's method
/// (Karras et al., arXiv 2206.00364), the last one of Euler's, which ends at f.
std::vector<float> integrate_flow(std::vector<float> noise, std::int64_t steps,
                                  const CleanGuess& guess);

}  // namespace ijepa
