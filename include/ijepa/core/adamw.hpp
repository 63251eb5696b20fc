// AdamW: the formula of the optimizer and of the moving average, for scalars and vectors, on the
// host and on GPUs. Inlined everywhere: code compiled for one instruction set must not be linked
// into code for another.
#pragma once
#include "ijepa/core/scalar.hpp"

namespace ijepa {

/// What a step multiplies elements of type T by. Made where no instruction set is chosen yet, so
/// that kernels for several sets share no code of it.
template <class T>
struct AdamWFactors {
  T gradient, decay, beta1, new1, beta2, new2, root, epsilon, rate, momentum, rest;

  IJEPA_HOST_DEVICE explicit AdamWFactors(const AdamWStep& s)
      : gradient(T(s.gradient_scale)),
        decay(T(s.learning_rate) * T(s.weight_decay)),
        beta1(T(s.beta1)),
        new1(T(1 - s.beta1)),
        beta2(T(s.beta2)),
        new2(T(1 - s.beta2)),
        root(T(1 / std::sqrt(s.bias2))),
        epsilon(T(s.epsilon)),
        rate(T(s.learning_rate / s.bias1)),
        momentum(T(s.ema_momentum)),
        rest(T(1 - s.ema_momentum)) {}
};

/// AdamW of one element, or of a vector V of them: the moments, the decoupled decay, the step.
/// `decay` is 0 or 1; square_root(V) is that of the device.
template <class V, class T, class Root>
IJEPA_HOST_DEVICE inline __attribute__((always_inline)) void adamw(V& weight, V& m, V& v,
                                                                   V gradient, T decay,
                                                                   const AdamWFactors<T>& f,
                                                                   Root square_root) {
  gradient = gradient * f.gradient;
  m = m * f.beta1 + gradient * f.new1;
  v = v * f.beta2 + gradient * gradient * f.new2;
  weight = weight * (T(1) - f.decay * decay) - m * f.rate / (square_root(v) * f.root + f.epsilon);
}

/// The moving average that the target encoder is, of one element or a vector.
template <class V, class T>
IJEPA_HOST_DEVICE inline __attribute__((always_inline)) void ema(V& target, V weight,
                                                                 const AdamWFactors<T>& f) {
  target = target * f.momentum + weight * f.rest;
}

}  // namespace ijepa
