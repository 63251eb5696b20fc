// Scalar: the element types and the scalar functions that every device computes the same way.
// One definition serves host and device code, so the mathematics cannot drift between them.
#pragma once
#include <cmath>
#include <cstdint>
#include <cstring>

#ifdef __CUDACC__
#define IJEPA_HOST_DEVICE __host__ __device__
#else
#define IJEPA_HOST_DEVICE
#endif

namespace ijepa {

/// Brain float: the upper half of a float32. Rounds to nearest even; NaN stays NaN.
struct BFloat16 {
  std::uint16_t bits = 0;

  BFloat16() = default;
  IJEPA_HOST_DEVICE explicit BFloat16(float value) {
    std::uint32_t u = 0;
    std::memcpy(&u, &value, 4);
    const bool nan = (u & 0x7fffffffU) > 0x7f800000U;
    bits = nan ? static_cast<std::uint16_t>((u >> 16) | 0x40U)
               : static_cast<std::uint16_t>((u + 0x7fffU + ((u >> 16) & 1U)) >> 16);
  }
  IJEPA_HOST_DEVICE explicit operator float() const {
    const std::uint32_t u = static_cast<std::uint32_t>(bits) << 16;
    float value = 0;
    std::memcpy(&value, &u, 4);
    return value;
  }
};

/// GELU, exact form: x * Phi(x) with Phi the normal distribution function (erf, not tanh).
template <class T>
IJEPA_HOST_DEVICE T gelu(T x) {
  return x * T(0.5) * (T(1) + std::erf(x * T(0.70710678118654752440)));
}

/// d gelu / dx = Phi(x) + x * phi(x).
template <class T>
IJEPA_HOST_DEVICE T gelu_gradient(T x) {
  const T phi = T(0.39894228040143267794) * std::exp(T(-0.5) * x * x);
  return T(0.5) * (T(1) + std::erf(x * T(0.70710678118654752440))) + x * phi;
}

/// Smooth-L1 with beta 1: 0.5 d^2 where |d| < 1, else |d| - 0.5.
template <class T>
IJEPA_HOST_DEVICE T smooth_l1(T d) {
  const T a = std::abs(d);
  return a < T(1) ? T(0.5) * d * d : a - T(0.5);
}

/// d smooth_l1 / dd: d clamped to [-1, 1].
template <class T>
IJEPA_HOST_DEVICE T smooth_l1_gradient(T d) {
  return d < T(-1) ? T(-1) : d > T(1) ? T(1) : d;
}

/// The constants of one AdamW step (Loshchilov and Hutter, arXiv 1711.05101), with the bias
/// corrections bias1 = 1 - beta1^s and bias2 = 1 - beta2^s of step s = 1, 2, ...
struct AdamWStep {
  double learning_rate = 0, weight_decay = 0;
  double beta1 = 0.9, beta2 = 0.999, epsilon = 1e-8;
  double bias1 = 1, bias2 = 1;
  double ema_momentum = 1;    // target = momentum * target + (1 - momentum) * weight
  double gradient_scale = 1;  // applied to the gradient first: clipping by norm
};

}  // namespace ijepa
