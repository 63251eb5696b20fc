#include "cudnn_graph.hpp"

#include "ijepa/core/error.hpp"

namespace ijepa::cuda {
namespace {

constexpr auto node_type = CUDNN_TYPE_BACKEND_DESCRIPTOR;

/// A descriptor that is destroyed with its last owner.
CudnnPlan::Descriptor make_descriptor(const Cudnn& dnn, cudnnBackendDescriptorType_t type) {
  cudnnBackendDescriptor_t made = nullptr;
  dnn.expect(dnn.create_descriptor(type, &made), "making a descriptor");
  return {made, dnn.destroy_descriptor};
}

std::string text_of(const Cudnn& dnn, const CudnnPlan::Descriptor& node,
                    cudnnBackendAttributeName_t name) {
  std::int64_t length = 0;
  const auto ask = [&](std::int64_t room, char* to) {
    dnn.expect(dnn.get_attribute(node.get(), name, CUDNN_TYPE_CHAR, room, &length, to),
               "writing a plan down");
  };
  ask(0, nullptr);
  std::string text(static_cast<std::size_t>(length), '\0');
  ask(length, text.data());
  return text;
}

std::size_t workspace_of(const Cudnn& dnn, cudnnBackendDescriptor_t plan) {
  std::int64_t bytes = 0, one = 0;
  dnn.expect(dnn.get_attribute(plan, CUDNN_ATTR_EXECUTION_PLAN_WORKSPACE_SIZE, CUDNN_TYPE_INT64, 1,
                               &one, &bytes),
             "asking for a plan's workspace");
  return static_cast<std::size_t>(bytes);
}

/// The device that a target names by its properties.
CudnnPlan::Descriptor describe_device(const Cudnn& dnn, const CudnnTarget& target) {
  auto device = make_descriptor(dnn, CUDNN_BACKEND_DEVICEPROP_DESCRIPTOR);
  const auto expect = [&](cudnnStatus_t status) {
    dnn.expect(status, "reading device properties");
  };
  expect(dnn.set_attribute(device.get(), CUDNN_ATTR_DEVICEPROP_JSON_REPRESENTATION, CUDNN_TYPE_CHAR,
                           static_cast<std::int64_t>(target.properties.size() + 1),
                           target.properties.c_str()));
  expect(dnn.finalize(device.get()));
  return device;
}

}  // namespace

CudnnGraph::Node CudnnGraph::make(cudnnBackendDescriptorType_t type) {
  owned_.push_back(make_descriptor(dnn_, type));
  return owned_.back().get();
}

template <class T>
void CudnnGraph::set(Node node, cudnnBackendAttributeName_t name, cudnnBackendAttributeType_t type,
                     const T& value) const {
  dnn_.expect(dnn_.set_attribute(node, name, type, 1, &value), "describing attention");
}

void CudnnGraph::finalize(Node node) const {
  dnn_.expect(dnn_.finalize(node), "describing attention");
}

CudnnGraph::Node CudnnGraph::make_tensor(std::int64_t id, cudnnDataType_t type,
                                         const CudnnLayout& layout, bool in_memory, bool by_value) {
  const Node t = make(CUDNN_BACKEND_TENSOR_DESCRIPTOR);
  set(t, CUDNN_ATTR_TENSOR_DATA_TYPE, CUDNN_TYPE_DATA_TYPE, type);
  dnn_.expect(
      dnn_.set_attribute(t, CUDNN_ATTR_TENSOR_DIMENSIONS, CUDNN_TYPE_INT64, 4, layout.dims.data()),
      "describing a tensor");
  dnn_.expect(
      dnn_.set_attribute(t, CUDNN_ATTR_TENSOR_STRIDES, CUDNN_TYPE_INT64, 4, layout.strides.data()),
      "describing a tensor");
  set(t, CUDNN_ATTR_TENSOR_UNIQUE_ID, CUDNN_TYPE_INT64, id);
  set(t, CUDNN_ATTR_TENSOR_BYTE_ALIGNMENT, CUDNN_TYPE_INT64, std::int64_t{16});
  set(t, CUDNN_ATTR_TENSOR_IS_VIRTUAL, CUDNN_TYPE_BOOLEAN, !in_memory);
  set(t, CUDNN_ATTR_TENSOR_IS_BY_VALUE, CUDNN_TYPE_BOOLEAN, by_value);
  finalize(t);
  return t;
}

CudnnGraph::Node CudnnGraph::tensor(std::int64_t id, cudnnDataType_t type,
                                    const CudnnLayout& layout) {
  return make_tensor(id, type, layout, true, false);
}

CudnnGraph::Node CudnnGraph::scalar(std::int64_t id) {
  return make_tensor(id, CUDNN_DATA_FLOAT, {{1, 1, 1, 1}, {1, 1, 1, 1}}, true, true);
}

CudnnGraph::Node CudnnGraph::between(cudnnDataType_t type, const CudnnLayout& layout) {
  return make_tensor(next_between_++, type, layout, false, false);
}

void CudnnGraph::operation(cudnnBackendDescriptorType_t type,
                           const std::vector<Attribute>& attributes) {
  const Node o = make(type);
  for (const auto& [name, node] : attributes)
    if (node != nullptr) set(o, name, node_type, node);
  finalize(o);
  operations_.push_back(o);
}

void CudnnGraph::pointwise(cudnnPointwiseMode_t mode, Node x, Node b, Node y) {
  const Node how = make(CUDNN_BACKEND_POINTWISE_DESCRIPTOR);
  set(how, CUDNN_ATTR_POINTWISE_MODE, CUDNN_TYPE_POINTWISE_MODE, mode);
  set(how, CUDNN_ATTR_POINTWISE_MATH_PREC, CUDNN_TYPE_DATA_TYPE, CUDNN_DATA_FLOAT);
  finalize(how);
  operation(CUDNN_BACKEND_OPERATION_POINTWISE_DESCRIPTOR,
            {{CUDNN_ATTR_OPERATION_POINTWISE_PW_DESCRIPTOR, how},
             {CUDNN_ATTR_OPERATION_POINTWISE_XDESC, x},
             {CUDNN_ATTR_OPERATION_POINTWISE_BDESC, b},
             {CUDNN_ATTR_OPERATION_POINTWISE_YDESC, y}});
}

void CudnnGraph::matmul(Node a, Node b, Node c) {
  const Node how = make(CUDNN_BACKEND_MATMUL_DESCRIPTOR);
  set(how, CUDNN_ATTR_MATMUL_COMP_TYPE, CUDNN_TYPE_DATA_TYPE, CUDNN_DATA_FLOAT);
  finalize(how);
  operation(CUDNN_BACKEND_OPERATION_MATMUL_DESCRIPTOR, {{CUDNN_ATTR_OPERATION_MATMUL_DESC, how},
                                                        {CUDNN_ATTR_OPERATION_MATMUL_ADESC, a},
                                                        {CUDNN_ATTR_OPERATION_MATMUL_BDESC, b},
                                                        {CUDNN_ATTR_OPERATION_MATMUL_CDESC, c}});
}

void CudnnGraph::sum(Node x, Node y) {
  const Node how = make(CUDNN_BACKEND_REDUCTION_DESCRIPTOR);
  set(how, CUDNN_ATTR_REDUCTION_OPERATOR, CUDNN_TYPE_REDUCTION_OPERATOR_TYPE,
      CUDNN_REDUCE_TENSOR_ADD);
  set(how, CUDNN_ATTR_REDUCTION_COMP_TYPE, CUDNN_TYPE_DATA_TYPE, CUDNN_DATA_FLOAT);
  finalize(how);
  operation(CUDNN_BACKEND_OPERATION_REDUCTION_DESCRIPTOR,
            {{CUDNN_ATTR_OPERATION_REDUCTION_DESC, how},
             {CUDNN_ATTR_OPERATION_REDUCTION_XDESC, x},
             {CUDNN_ATTR_OPERATION_REDUCTION_YDESC, y}});
}

void CudnnGraph::reshape(Node x, Node y) {
  operation(CUDNN_BACKEND_OPERATION_RESHAPE_DESCRIPTOR,
            {{CUDNN_ATTR_OPERATION_RESHAPE_XDESC, x}, {CUDNN_ATTR_OPERATION_RESHAPE_YDESC, y}});
}

CudnnGraph::Node CudnnGraph::device_of(const CudnnTarget& target) {
  if (target.properties.empty()) return nullptr;
  owned_.push_back(describe_device(dnn_, target));
  return owned_.back().get();
}

std::vector<CudnnGraph::Node> CudnnGraph::suggestions(Node graph, Node device) {
  const Node heuristic = make(CUDNN_BACKEND_ENGINEHEUR_DESCRIPTOR);
  set(heuristic, CUDNN_ATTR_ENGINEHEUR_OPERATION_GRAPH, node_type, graph);
  set(heuristic, CUDNN_ATTR_ENGINEHEUR_MODE, CUDNN_TYPE_HEUR_MODE, CUDNN_HEUR_MODE_A);
  if (device != nullptr) set(heuristic, CUDNN_ATTR_ENGINEHEUR_DEVICEPROP, node_type, device);
  dnn_.expect(dnn_.finalize(heuristic), "asking for plans");
  std::int64_t count = 0;
  dnn_.expect(
      dnn_.get_attribute(heuristic, CUDNN_ATTR_ENGINEHEUR_RESULTS, node_type, 0, &count, nullptr),
      "asking for plans");
  std::vector<Node> found(static_cast<std::size_t>(count));
  for (Node& config : found) config = make(CUDNN_BACKEND_ENGINECFG_DESCRIPTOR);
  dnn_.expect(dnn_.get_attribute(heuristic, CUDNN_ATTR_ENGINEHEUR_RESULTS, node_type, count, &count,
                                 found.data()),
              "asking for plans");
  found.resize(static_cast<std::size_t>(count));
  return found;
}

CudnnPlan CudnnGraph::build(const CudnnTarget& target, const std::string& what) {
  const Node graph = make(CUDNN_BACKEND_OPERATIONGRAPH_DESCRIPTOR);
  if (target.handle != nullptr)
    set(graph, CUDNN_ATTR_OPERATIONGRAPH_HANDLE, CUDNN_TYPE_HANDLE, target.handle);
  dnn_.expect(dnn_.set_attribute(graph, CUDNN_ATTR_OPERATIONGRAPH_OPS, node_type,
                                 static_cast<std::int64_t>(operations_.size()), operations_.data()),
              "describing attention");
  finalize(graph);
  const Node device = device_of(target);
  for (const Node config : suggestions(graph, device)) {
    const Node plan = make(CUDNN_BACKEND_EXECUTION_PLAN_DESCRIPTOR);
    if (target.handle != nullptr)
      set(plan, CUDNN_ATTR_EXECUTION_PLAN_HANDLE, CUDNN_TYPE_HANDLE, target.handle);
    set(plan, CUDNN_ATTR_EXECUTION_PLAN_ENGINE_CONFIG, node_type, config);
    if (device != nullptr) set(plan, CUDNN_ATTR_EXECUTION_PLAN_DEVICEPROP, node_type, device);
    if (dnn_.finalize(plan) != CUDNN_STATUS_SUCCESS) continue;
    return {dnn_, owned_, workspace_of(dnn_, plan)};
  }
  fail("cuDNN {} has no plan for {}.", dnn_.get_version(), what);
}

std::string CudnnPlan::text() const {
  return text_of(*dnn_, owned_.back(), CUDNN_ATTR_EXECUTION_PLAN_JSON_REPRESENTATION);
}

CudnnPlan read_plan(const Cudnn& dnn, const std::string& text, const CudnnTarget& target) {
  std::vector<CudnnPlan::Descriptor> owned;
  const auto plan = make_descriptor(dnn, CUDNN_BACKEND_EXECUTION_PLAN_DESCRIPTOR);
  const auto set = [&](cudnnBackendAttributeName_t name, cudnnBackendAttributeType_t type,
                       std::int64_t n, const void* values) {
    dnn.expect(dnn.set_attribute(plan.get(), name, type, n, values), "reading a plan");
  };
  if (target.handle != nullptr)
    set(CUDNN_ATTR_EXECUTION_PLAN_HANDLE, CUDNN_TYPE_HANDLE, 1, &target.handle);
  if (!target.properties.empty()) {
    owned.push_back(describe_device(dnn, target));
    const cudnnBackendDescriptor_t device = owned.back().get();
    set(CUDNN_ATTR_EXECUTION_PLAN_DEVICEPROP, node_type, 1, &device);
  }
  set(CUDNN_ATTR_EXECUTION_PLAN_JSON_REPRESENTATION, CUDNN_TYPE_CHAR,
      static_cast<std::int64_t>(text.size()), text.data());
  dnn.expect(dnn.finalize(plan.get()), "reading a plan");
  owned.push_back(plan);
  return {dnn, std::move(owned), workspace_of(dnn, plan.get())};
}

std::string device_properties(const Cudnn& dnn, int device) {
  const std::int32_t number = device;
  const auto node = make_descriptor(dnn, CUDNN_BACKEND_DEVICEPROP_DESCRIPTOR);
  const auto expect = [&](cudnnStatus_t status) {
    dnn.expect(status, "reading device properties");
  };
  expect(
      dnn.set_attribute(node.get(), CUDNN_ATTR_DEVICEPROP_DEVICE_ID, CUDNN_TYPE_INT32, 1, &number));
  expect(dnn.finalize(node.get()));
  std::string text = text_of(dnn, node, CUDNN_ATTR_DEVICEPROP_JSON_REPRESENTATION);
  while (!text.empty() && text.back() == '\0') text.pop_back();
  return text;
}

void CudnnPlan::run(cudnnHandle_t handle, const std::vector<Operand>& operands,
                    void* workspace) const {
  std::vector<std::int64_t> ids;
  std::vector<const void*> data;
  for (const Operand& o : operands) {
    ids.push_back(o.id);
    data.push_back(o.data);
  }
  const auto count = static_cast<std::int64_t>(ids.size());
  const Descriptor pack = make_descriptor(*dnn_, CUDNN_BACKEND_VARIANT_PACK_DESCRIPTOR);
  const auto set = [&](cudnnBackendAttributeName_t name, cudnnBackendAttributeType_t type,
                       std::int64_t n, const void* values) {
    dnn_->expect(dnn_->set_attribute(pack.get(), name, type, n, values), "running attention");
  };
  set(CUDNN_ATTR_VARIANT_PACK_UNIQUE_IDS, CUDNN_TYPE_INT64, count, ids.data());
  set(CUDNN_ATTR_VARIANT_PACK_DATA_POINTERS, CUDNN_TYPE_VOID_PTR, count, data.data());
  set(CUDNN_ATTR_VARIANT_PACK_WORKSPACE, CUDNN_TYPE_VOID_PTR, 1, &workspace);
  dnn_->expect(dnn_->finalize(pack.get()), "running attention");
  dnn_->expect(dnn_->execute(handle, owned_.back().get(), pack.get()), "running attention");
}

}  // namespace ijepa::cuda
