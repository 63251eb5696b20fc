// Tiny encoder: a network small enough to extract features from in a test.
#pragma once
#include <memory>
#include <vector>

#include "ijepa/model/ijepa.hpp"
#include "ijepa/nn/param_store.hpp"
#include "ijepa/tasks/images/task_views.hpp"
#include "ijepa/tasks/network/encoder_features.hpp"
#include "ijepa/tasks/probing/baselines.hpp"

namespace ijepa::test {

struct TinyEncoder {
  explicit TinyEncoder(std::uint64_t seed, Precision precision = Precision::float32())
      : device(make_device({"cpu", 1})),
        model(encoder_config(), predictor_config()),
        store(*device, model.layout(), precision, StoreUse::inference) {
    store.initialise(seed);
  }

  static EncoderConfig encoder_config() {
    EncoderConfig c;
    c.name = "custom";
    c.width = 24;
    c.depth = 2;
    c.heads = 3;
    c.mlp_hidden = 48;
    c.patch = 8;
    c.image_height = c.image_width = 32;
    return c;
  }
  static PredictorConfig predictor_config() { return {12, 1, 24, 0}; }

  EncoderWeights network() const { return {model.encoder(), store.precision(), store.target()}; }
  std::unique_ptr<FeatureMap> features(const std::string& name) {
    return std::make_unique<EncoderFeatures>(name, *device, network(), Normalisation{});
  }
  /// The network and both baselines.
  std::vector<std::unique_ptr<FeatureMap>> maps() {
    std::vector<std::unique_ptr<FeatureMap>> out;
    out.push_back(features("network"));
    out.push_back(std::make_unique<PixelFeatures>());
    out.push_back(std::make_unique<HistogramFeatures>());
    return out;
  }

  std::unique_ptr<Device> device;
  IJepa model;
  ParamStore store;
};

/// Pictures as a tiny encoder sees them.
inline std::vector<std::uint8_t> tiny_pictures(const Dataset& images, std::int64_t first,
                                               std::int64_t count) {
  return TaskViews(images, picture_views({32, 32}, 3), 0, 1).evaluate(first, count);
}

}  // namespace ijepa::test
