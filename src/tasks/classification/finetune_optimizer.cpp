#include "ijepa/tasks/classification/finetune_optimizer.hpp"

#include <algorithm>
#include <cmath>
#include <string>

#include "ijepa/device/host_values.hpp"
#include "ijepa/train/step/step_gradients.hpp"

namespace ijepa {
namespace {

std::int64_t layer_of(const std::string& name, std::int64_t depth) {
  if (name.starts_with("patch_embed")) return 0;
  if (name.starts_with("blocks.")) return std::stoll(name.substr(7)) + 1;
  return depth + 1;
}

/// sgd's factors in its buffer of constants, each at an aligned place.
enum Factor : std::size_t { decay, momentum, minus_rate, minus_rate_momentum, factors };

Tensor factor_in(const Buffer& constants, DType type, Factor factor) {
  return make_tensor(static_cast<std::byte*>(constants.data()) + factor * Arena::alignment, type,
                     {1});
}

}  // namespace

std::vector<LayerRate> encoder_layer_rates(const ParamLayout& layout, std::int64_t depth,
                                           double decay) {
  std::vector<LayerRate> layers;
  std::int64_t last = -1;
  for (const auto& info : layout.infos()) {
    const auto layer = layer_of(info.name, depth);
    if (layer != last) {
      if (!layers.empty()) layers.back().range.end = info.offset;
      layers.push_back(
          {{info.offset, layout.size()}, std::pow(decay, static_cast<double>(depth + 1 - layer))});
    }
    last = layer;
  }
  return layers;
}

FinetuneOptimizer::FinetuneOptimizer(Device& device, const ParamStore& store,
                                     std::vector<LayerRate> layers, const ClassifyOptim& settings)
    : device_(device), store_(store), layers_(std::move(layers)), settings_(settings) {
  if (settings.optimizer == OptimizerChoice::adamw) return;
  const auto chunks = store.layout().size() / parameter_chunk;
  zeros_ = Buffer(device, static_cast<std::size_t>(chunks) * sizeof(std::int32_t));
  device.ops().fill_zero(make_tensor(zeros_.data(), DType::i32, {chunks}));
  constants_ = Buffer(device, factors * Arena::alignment);
}

void FinetuneOptimizer::upload_constants(double rate) {
  const DType type = store_.precision().statistics();
  const auto put = [&](Factor factor, double value) {
    upload_values(device_.ops(), {&value, 1}, factor_in(constants_, type, factor));
  };
  put(decay, settings_.weight_decay);
  put(momentum, settings_.momentum);
  put(minus_rate, -rate);
  put(minus_rate_momentum, -rate * settings_.momentum);
}

// y = a + factor b is the scaled addition of rows, a row being a chunk of the flat buffer.
void FinetuneOptimizer::sgd(const OptimizerRange& range, std::int64_t first_chunk, double rate) {
  upload_constants(rate);
  Ops& ops = device_.ops();
  const auto chunks = range.weight.numel() / parameter_chunk;
  const auto rows = [&](Tensor t) {
    return make_tensor(t.data, t.dtype, {chunks, parameter_chunk});
  };
  const Tensor w = rows(range.weight), g = rows(range.gradient), velocity = rows(range.m),
               scratch = rows(range.v);
  const DType type = store_.precision().statistics();
  const auto factor = [&](Factor which) { return factor_in(constants_, type, which); };
  const Tensor all =
      make_tensor(static_cast<std::int32_t*>(zeros_.data()) + first_chunk, DType::i32, {chunks});
  if (settings_.weight_decay > 0) ops.add_scaled_rows(g, w, factor(decay), all, g);
  ops.add_scaled_rows(g, velocity, factor(momentum), all, scratch);
  ops.copy(scratch, velocity);
  ops.add_scaled_rows(w, g, factor(minus_rate), all, w);
  ops.add_scaled_rows(w, velocity, factor(minus_rate_momentum), all, w);
  if (!range.working.empty()) ops.copy(w, rows(range.working));
}

void FinetuneOptimizer::update(std::int64_t step, double learning_rate) {
  for (const auto& layer : layers_) {
    const auto range = store_.optimizer_range(layer.range);
    const double rate = learning_rate * layer.scale;
    if (settings_.optimizer == OptimizerChoice::sgd) {
      sgd(range, layer.range.begin / parameter_chunk, rate);
    } else {
      device_.ops().adamw_ema(range, adamw_step({settings_.beta1, settings_.beta2, 1e-8}, step,
                                                rate, settings_.weight_decay, 1));
    }
  }
}

}  // namespace ijepa
