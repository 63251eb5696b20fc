#include "onnx_encoder.hpp"

#include <fmt/format.h>

#include <cmath>
#include <numbers>

namespace ijepa {
namespace {

void put(const std::pair<const char*, std::variant<std::int64_t, float, OnnxGraph::Sizes>>& from,
         onnx::Attribute& to) {
  to.set_name(from.first);
  if (const auto* whole = std::get_if<std::int64_t>(&from.second)) {
    to.set_type(onnx::Attribute::INT);
    to.set_i(*whole);
  } else if (const auto* real = std::get_if<float>(&from.second)) {
    to.set_type(onnx::Attribute::FLOAT);
    to.set_f(*real);
  } else {
    to.set_type(onnx::Attribute::INTS);
    for (const auto i : std::get<OnnxGraph::Sizes>(from.second)) to.add_ints(i);
  }
}

void describe(onnx::Value& value, const std::string& name, onnx::Tensor::Element element,
              const OnnxGraph::Sizes& sizes, const std::string& doc) {
  value.set_name(name);
  value.set_doc_string(doc);
  auto& type = *value.mutable_type()->mutable_tensor_type();
  type.set_elem_type(element);
  type.mutable_shape()->add_dim()->set_dim_param("batch");
  for (const auto size : sizes) type.mutable_shape()->add_dim()->set_dim_value(size);
}

template <class T>
void constant(onnx::Tensor& tensor, const std::string& name, onnx::Tensor::Element element,
              const std::vector<T>& values, const OnnxGraph::Sizes& shape) {
  tensor.set_name(name);
  tensor.set_data_type(element);
  for (const auto size : shape) tensor.add_dims(size);
  tensor.set_raw_data(values.data(), values.size() * sizeof(T));
}

using Sizes = OnnxGraph::Sizes;

/// Layers on tokens as rows (B N, D): each takes and gives the name of a value.
class Layers {
 public:
  Layers(OnnxGraph& graph, const EncoderConfig& encoder) : graph_(graph), encoder_(encoder) {
    const auto heads = encoder.heads, head = encoder.width / heads;
    rows_ = graph.sizes("rows", {-1, encoder.width});
    tokens_ = graph.sizes("sequences", {-1, encoder.tokens(), encoder.width});
    heads_ = graph.sizes("heads", {-1, encoder.tokens(), heads, head});
    scale_ = graph.numbers("scale", {1 / std::sqrt(static_cast<float>(head))});
    root_ = graph.numbers("root_of_2", {std::numbers::sqrt2_v<float>});
    one_ = graph.numbers("one", {1});
    half_ = graph.numbers("half", {0.5F});
  }

  std::string embed(const std::string& images) {
    const auto d = encoder_.width, p = encoder_.patch;
    const std::string name = "patch_embed.proj";
    auto x = graph_.node(name, "Conv", {images, name + ".weight", name + ".bias"},
                         {{"kernel_shape", Sizes{p, p}}, {"strides", Sizes{p, p}}});
    x = graph_.node("patch_embed.grid", "Reshape", {x, graph_.sizes("grid", {0, d, -1})});
    x = graph_.node("patch_embed", "Transpose", {x}, {{"perm", Sizes{0, 2, 1}}});
    x = graph_.node("positioned", "Add", {x, "pos_embed"});
    return graph_.node("embedded", "Reshape", {x, rows_});
  }
  std::string block(const std::string& name, const std::string& x) {
    const auto attended = attention(name + ".attn", norm(name + ".norm1", x));
    const auto h = graph_.node(name + ".attended", "Add", {x, attended});
    const auto hidden = linear(name + ".mlp.fc1", norm(name + ".norm2", h));
    const auto f = linear(name + ".mlp.fc2", gelu(name + ".mlp.act", hidden));
    return graph_.node(name, "Add", {h, f});
  }
  std::string norm(const std::string& name, const std::string& x) {
    return graph_.node(name, "LayerNormalization", {x, name + ".weight", name + ".bias"},
                       {{"axis", -1}, {"epsilon", 1e-6F}});
  }
  void outputs(const std::string& x) {
    graph_.node("tokens", "Reshape", {x, tokens_});
    graph_.node("pooled", "ReduceMean", {"tokens"}, {{"axes", Sizes{1}}, {"keepdims", 0}});
  }

 private:
  std::string linear(const std::string& name, const std::string& x) {
    return graph_.node(name, "Gemm", {x, name + ".weight", name + ".bias"}, {{"transB", 1}});
  }
  /// (B N, D) as (B, heads, N, D / heads), or with the last two the other way round.
  std::string split_heads(const std::string& name, const Sizes& order) {
    const auto x = graph_.node(name + ".heads", "Reshape", {name, heads_});
    return graph_.node(name + ".turned", "Transpose", {x}, {{"perm", order}});
  }
  std::string attention(const std::string& name, const std::string& x) {
    linear(name + ".qkv", x);
    const OnnxGraph::Names parts{name + ".q", name + ".k", name + ".v"};
    graph_.node(parts, "Split", {name + ".qkv"}, {{"axis", 1}});
    const auto q =
        graph_.node(name + ".q.scaled", "Mul", {split_heads(parts[0], {0, 2, 1, 3}), scale_});
    const auto k = split_heads(parts[1], {0, 2, 3, 1}), v = split_heads(parts[2], {0, 2, 1, 3});
    const auto scores = graph_.node(name + ".scores", "MatMul", {q, k});
    const auto shares = graph_.node(name + ".softmax", "Softmax", {scores}, {{"axis", -1}});
    const auto sums = graph_.node(name + ".sums", "MatMul", {shares, v});
    const auto turned =
        graph_.node(name + ".sums.turned", "Transpose", {sums}, {{"perm", Sizes{0, 2, 1, 3}}});
    return linear(name + ".proj", graph_.node(name + ".joined", "Reshape", {turned, rows_}));
  }
  /// x (1 + erf(x / sqrt 2)) / 2 in the order of factors that runtimes know to fuse.
  std::string gelu(const std::string& name, const std::string& x) {
    const auto inner =
        graph_.node(name + ".erf", "Erf", {graph_.node(name + ".in", "Div", {x, root_})});
    const auto twice =
        graph_.node(name + ".twice", "Mul", {x, graph_.node(name + ".sum", "Add", {inner, one_})});
    return graph_.node(name, "Mul", {twice, half_});
  }

  OnnxGraph& graph_;
  const EncoderConfig& encoder_;
  std::string rows_, tokens_, heads_, scale_, root_, one_, half_;
};

/// Pixels (B, H, W, C) of 0 to `largest` to (B, C, H, W), less the mean and over the deviation.
std::string normalise(OnnxGraph& graph, const OnnxPixels& pixels, double largest) {
  std::vector<float> factor, shift;
  for (std::size_t c = 0; c < pixels.mean.size(); ++c) {
    factor.push_back(static_cast<float>(1 / (largest * pixels.std[c])));
    shift.push_back(static_cast<float>(-pixels.mean[c] / pixels.std[c]));
  }
  const auto channels = std::ssize(pixels.mean);
  auto x = graph.node("pixels", "Cast", {"images"}, {{"to", onnx::Tensor::FLOAT}});
  x = graph.node("pixels.scaled", "Mul", {x, graph.numbers("pixels.factor", factor, {channels})});
  x = graph.node("pixels.normalised", "Add", {x, graph.numbers("pixels.shift", shift, {channels})});
  return graph.node("pixels.planes", "Transpose", {x}, {{"perm", Sizes{0, 3, 1, 2}}});
}

}  // namespace

std::string OnnxGraph::node(const std::string& output, const char* operation, const Names& inputs,
                            const Attributes& attributes) {
  node(Names{output}, operation, inputs, attributes);
  return output;
}

void OnnxGraph::node(const Names& outputs, const char* operation, const Names& inputs,
                     const Attributes& attributes) {
  auto& made = *graph_.add_node();
  made.set_name(outputs.front());
  made.set_op_type(operation);
  for (const auto& name : inputs) made.add_input(name);
  for (const auto& name : outputs) made.add_output(name);
  for (const auto& attribute : attributes) put(attribute, *made.add_attribute());
}

std::string OnnxGraph::sizes(const std::string& name, const Sizes& values) {
  constant(*graph_.add_initializer(), name, onnx::Tensor::INT64, values, {std::ssize(values)});
  return name;
}

std::string OnnxGraph::numbers(const std::string& name, const std::vector<float>& values,
                               const Sizes& shape) {
  constant(*graph_.add_initializer(), name, onnx::Tensor::FLOAT, values, shape);
  return name;
}

void OnnxGraph::input(const std::string& name, onnx::Tensor::Element element, const Sizes& sizes,
                      const std::string& doc) {
  describe(*graph_.add_input(), name, element, sizes, doc);
}

void OnnxGraph::output(const std::string& name, const Sizes& sizes, const std::string& doc) {
  describe(*graph_.add_output(), name, onnx::Tensor::FLOAT, sizes, doc);
}

void add_encoder(OnnxGraph& graph, const EncoderConfig& e, const OnnxPixels& pixels) {
  std::string x = "images";
  if (pixels.normalised_inside) {
    const bool bytes = e.channels == 3;
    graph.input(x, bytes ? onnx::Tensor::UINT8 : onnx::Tensor::UINT16,
                {e.image_height, e.image_width, e.channels},
                bytes ? "RGB as decoded, 0 to 255" : "channels as decoded, 0 to 65535");
    x = normalise(graph, pixels, bytes ? 255 : 65535);
  } else {
    graph.input(x, onnx::Tensor::FLOAT, {e.channels, e.image_height, e.image_width},
                e.channels == 3
                    ? "RGB of 0 to 1, less image_mean, over image_std (metadata_props)"
                    : "channels of 0 to 1, less image_mean, over image_std (metadata_props)");
  }
  Layers layers(graph, e);
  x = layers.embed(x);
  for (std::int64_t i = 0; i < e.depth; ++i) x = layers.block(fmt::format("blocks.{}", i), x);
  layers.outputs(layers.norm("norm", x));
  graph.output("tokens", {e.tokens(), e.width}, "features of all patches, row by row");
  graph.output("pooled", {e.width}, "their mean");
}

}  // namespace ijepa
