// The encoder as an ONNX graph: the layers of model/encoder.cpp without masks or drop path, of
// operators that every ONNX program has.
#pragma once
#include <vector>

#include "ijepa/model/config.hpp"
#include "onnx_graph.hpp"

namespace ijepa {

/// How images come in; the deviations are of values of 0 to 1.
struct OnnxPixels {
  bool normalised_inside =
      false;  // whole numbers (B, H, W, C), as decoded; else float32 (B, C, H, W)
  std::vector<double> mean, std;
};

/// Adds what makes "tokens" (B, N, D), after the final norm, and "pooled" (B, D), their mean, from
/// "images". The weights are values of the authors' names, as they are stored.
void add_encoder(OnnxGraph& graph, const EncoderConfig& encoder, const OnnxPixels& pixels);

}  // namespace ijepa
