// Fine-tune optimizer: AdamW, or SGD with Nesterov momentum, over ranges of a flat parameter buffer
// that have learning rates of their own, on any device and without EMA.
#pragma once
#include <vector>

#include "ijepa/nn/param_store.hpp"
#include "ijepa/tasks/classify_settings.hpp"

namespace ijepa {

struct LayerRate {
  ParamRange range;
  double scale = 1;  // of the learning rate
};

/// Layer-wise decay (Clark et al., arXiv 2003.10555; as fine-tuning of masked autoencoders has it):
/// the patch embedding is layer 0, block i layer i + 1, the final norm belongs to layer depth + 1;
/// scale = decay^(depth + 1 - layer).
std::vector<LayerRate> encoder_layer_rates(const ParamLayout& layout, std::int64_t depth,
                                           double decay);

class FinetuneOptimizer {
 public:
  /// `store` has gradients and moments; both must outlive the object.
  FinetuneOptimizer(Device& device, const ParamStore& store, std::vector<LayerRate> layers,
                    const ClassifyOptim& settings);

  /// Step `step` = 0, 1, ... SGD (Sutskever et al., ICML 2013): g += decay w, v = momentum v + g,
  /// w -= rate (g + momentum v), of weights and biases alike; its velocity is in the buffer of
  /// AdamW's first moment. With AdamW only weight matrices decay.
  void update(std::int64_t step, double learning_rate);

 private:
  void sgd(const OptimizerRange& range, std::int64_t first_chunk, double learning_rate);
  void upload_constants(double learning_rate);

  Device& device_;
  const ParamStore& store_;
  std::vector<LayerRate> layers_;
  ClassifyOptim settings_;
  Buffer zeros_, constants_;  // of sgd: a zero for every chunk; its factors
};

}  // namespace ijepa
