// StepRun: an I-JEPA model with its state on a device, for tests that run whole steps.
#pragma once
#include <cmath>
#include <memory>
#include <vector>

#include "ijepa/device/device.hpp"
#include "ijepa/device/null_ops.hpp"
#include "ijepa/model/ijepa.hpp"
#include "ijepa/nn/param_store.hpp"

namespace ijepa::test {

/// Host values of any floating tensor, as double.
inline std::vector<double> host_values(Ops& ops, Tensor t) {
  std::vector<double> out(static_cast<std::size_t>(t.numel()));
  const auto fetch = [&]<class T>(T) {
    std::vector<T> raw(out.size());
    ops.download(t, raw.data());
    ops.synchronize();
    for (std::size_t i = 0; i < raw.size(); ++i) {
      if constexpr (std::is_same_v<T, BFloat16>)
        out[i] = static_cast<double>(static_cast<float>(raw[i]));
      else
        out[i] = static_cast<double>(raw[i]);
    }
  };
  if (t.dtype == DType::f64) fetch(double{});
  if (t.dtype == DType::f32) fetch(float{});
  if (t.dtype == DType::bf16) fetch(BFloat16{});
  return out;
}

/// Sets a float32 or float64 tensor from doubles.
inline void set_values(Ops& ops, const std::vector<double>& values, Tensor t) {
  check(static_cast<std::int64_t>(values.size()) == t.numel(), "{} values for {}.", values.size(),
        describe(t));
  if (t.dtype == DType::f64) {
    ops.upload(values.data(), t);
  } else {
    const std::vector<float> narrow(values.begin(), values.end());
    ops.upload(narrow.data(), t);
  }
}

/// max |a - b| relative to the largest magnitude of b.
inline double relative_error(const std::vector<double>& a, const std::vector<double>& b) {
  check(a.size() == b.size(), "Compared {} with {} values.", a.size(), b.size());
  double worst = 0, largest = 0;
  for (std::size_t i = 0; i < a.size(); ++i) {
    worst = std::max(worst, std::abs(a[i] - b[i]));
    if (std::isnan(a[i])) worst = INFINITY;
    largest = std::max(largest, std::abs(b[i]));
  }
  return largest > 0 ? worst / largest : worst;
}

struct StepRun {
  StepRun(Device& dev, const EncoderConfig& encoder, const PredictorConfig& predictor,
          Precision number_types, const LossConfig& loss = {})
      : device(dev),
        model(encoder, predictor, loss),
        precision(number_types),
        store(dev, model.layout(), number_types, StoreUse::training) {
    if (loss.targets == TargetScaling::normalised) return;
    set_moments(TargetMoments(encoder.tokens(), encoder.width));
  }

  /// By which centred targets are scaled from here on.
  void set_moments(const TargetMoments& moments) {
    const auto shift = moments.shift(), factor = moments.factor();
    scale_memory = Buffer(device, (shift.size() + factor.size()) * size_of(precision.param));
    scale = target_scale(model.encoder().config(), precision.param, scale_memory.data());
    set_values(device.ops(), shift, scale.shift);
    set_values(device.ops(), factor, scale.factor);
  }

  /// Images (B, C, H, W), already normalised, in the parameter type.
  void set_images(const std::vector<double>& values, std::int64_t count) {
    const EncoderConfig& c = model.encoder().config();
    const DType type = precision.param;
    image_memory = Buffer(device, values.size() * size_of(type));
    images =
        make_tensor(image_memory.data(), type, {count, c.channels, c.image_height, c.image_width});
    set_values(device.ops(), values, images);
  }

  /// Runs one micro-batch; returns the loss. Measures first: the arena has exactly the bytes
  /// needed.
  double step(const TokenPlan& plan, double loss_scale, const StepObserver& observer = {},
              Recompute recompute = Recompute::none, const DropPathDraw& drop_path = {},
              Write write = Write::overwrite,
              const std::function<void(PooledSums&)>& complete = {}) {
    const StepInput input{{images, {}}, plan, loss_scale, drop_path, recompute, complete, scale};
    NullOps null;
    Arena measured = Arena::measuring();
    Pass dry{null, measured, precision, {}, nullptr, write};
    StepObserver blind;  // who watches makes a step compute more
    if (observer.targets) blind.targets = [](Tensor, Tensor) {};
    if (observer.sources) blind.sources = [](Tensor) {};
    model.step(dry, dry, input, make_tensor(nullptr, precision.param, {1}), blind, {});
    arena_bytes = measured.peak();
    Buffer memory(device, arena_bytes);
    Arena arena(memory.data(), arena_bytes);
    Buffer loss_memory(device, size_of(precision.param));
    Tensor loss = make_tensor(loss_memory.data(), precision.param, {1});
    device.ops().fill_zero(loss);
    Pass online{device.ops(), arena, precision, store.online(), store.gradients(), write};
    Pass target{device.ops(), arena, precision, store.target(), nullptr, write};
    model.step(online, target, input, loss, observer, {});
    return host_values(device.ops(), loss)[0];
  }

  /// What pooled losses sum up over a micro-batch, in the memory of a step of it.
  PooledSums pooled_sums(const TokenPlan& plan, const DropPathDraw& drop_path) {
    NullOps null;
    Arena measured = Arena::measuring();
    Pass dry{null, measured, precision, {}};
    const StepInput input{{images, {}}, plan, 1, drop_path, Recompute::none, {}, scale};
    model.step(dry, dry, input, make_tensor(nullptr, precision.param, {1}), {}, {});
    Buffer memory(device, measured.peak());
    Arena arena(memory.data(), measured.peak());
    Pass online{device.ops(), arena, precision, store.online()};
    Pass target{device.ops(), arena, precision, store.target()};
    return model.pooled_sums(online, target, input);
  }

  std::vector<double> gradient(const ParamInfo& info) {
    return host_values(device.ops(), store.gradient({info.offset, info.offset + info.size}));
  }
  std::vector<double> values(Role role, const ParamInfo& info) {
    return host_values(device.ops(), store.values(role, info));
  }

  Device& device;
  IJepa model;
  Precision precision;
  ParamStore store;
  Buffer image_memory, scale_memory;
  TargetScale scale;
  Tensor images;
  std::size_t arena_bytes = 0;
};

}  // namespace ijepa::test
