// OnnxGraph: fills the graph of an ONNX model with nodes, small constants, inputs and outputs, by
// the names of the values that flow between them.
#pragma once
#include <onnx.pb.h>

#include <cstdint>
#include <string>
#include <utility>
#include <variant>
#include <vector>

namespace ijepa {

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

}  // namespace ijepa
