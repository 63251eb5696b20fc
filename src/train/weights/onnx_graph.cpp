#include "onnx_graph.hpp"

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

}  // namespace ijepa
