// The encoder as an ONNX graph: the layers of model/encoder.cpp without masks or drop path, of
// operators that every ONNX program has.
#pragma once
#include <onnx.pb.h>

#include <cstdint>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "ijepa/model/config.hpp"

namespace ijepa {

/// Fills the graph of an ONNX model with nodes, small constants, inputs and outputs, by the names
/// of the values that flow between them.
class OnnxGraph {
 public:
  using Names = std::vector<std::string>;
  using Sizes = std::vector<std::int64_t>;
  using Attributes = std::vector<std::pair<const char*, std::variant<std::int64_t, float, Sizes>>>;

  explicit OnnxGraph(onnx::Graph& graph_inout) : graph_(graph_inout) {}

  /// A node that makes `output`, whose name it has; returns that.
  std::string node(const std::string& output, const char* operation, const Names& inputs,
                   const Attributes& attributes = {});
  /// The same with several outputs, named after the first.
  void node(const Names& outputs, const char* operation, const Names& inputs,
            const Attributes& attributes);
  /// Constants; `shape` empty: one number.
  std::string sizes(const std::string& name, const Sizes& values);
  std::string numbers(const std::string& name, const std::vector<float>& values,
                      const Sizes& shape = {});
  /// (batch, sizes...)
  void input(const std::string& name, onnx::Tensor::Element element, const Sizes& sizes,
             const std::string& doc);
  void output(const std::string& name, const Sizes& sizes, const std::string& doc);

 private:
  onnx::Graph& graph_;
};

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
