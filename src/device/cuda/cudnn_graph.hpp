// CudnnGraph: tensors and operations of cuDNN's backend interface, written down as a graph, and the
// plan that the library makes of it. No device is needed until a plan is run.
#pragma once
#include <array>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "cudnn_library.hpp"

namespace ijepa::cuda {

/// What plans are made for: the device of a handle, or a device known only by its properties.
struct CudnnTarget {
  cudnnHandle_t handle = nullptr;
  std::string properties = {};  // JSON, as cuDNN writes it; empty: that of the handle
};

/// Four dimensions (batch, head, row, column) and their strides, in elements.
struct CudnnLayout {
  std::array<std::int64_t, 4> dims, strides;
};

/// A plan ready to run. Operands are named by the numbers their tensors were given.
class CudnnPlan {
 public:
  struct Operand {
    std::int64_t id;
    const void* data;  // device memory; host memory for a scalar
  };
  using Descriptor = std::shared_ptr<void>;

  CudnnPlan(const Cudnn& dnn, std::vector<Descriptor> owned, std::size_t workspace)
      : dnn_(&dnn), owned_(std::move(owned)), workspace_(workspace) {}
  std::size_t workspace_bytes() const { return workspace_; }
  /// The plan with its compiled kernel, for read_plan().
  std::string text() const;
  void run(cudnnHandle_t handle, const std::vector<Operand>& operands, void* workspace) const;

 private:
  const Cudnn* dnn_;
  std::vector<Descriptor> owned_;  // the plan last, before it all that it was made of
  std::size_t workspace_;
};

/// A plan that text() wrote: in milliseconds, where making it takes most of a second. An Error
/// where the library does not take it.
CudnnPlan read_plan(const Cudnn& dnn, const std::string& text, const CudnnTarget& target);

/// What the library knows of a GPU of this machine, for CudnnTarget.
std::string device_properties(const Cudnn& dnn, int device);

class CudnnGraph {
 public:
  using Node = cudnnBackendDescriptor_t;

  /// `dnn` must outlive the graph and its plans.
  explicit CudnnGraph(const Cudnn& dnn) : dnn_(dnn) {}

  /// In memory, aligned to 16 bytes; run() is given its address under `id`, from 1 to 99.
  Node tensor(std::int64_t id, cudnnDataType_t type, const CudnnLayout& layout);
  /// A float32 that run() is given in host memory.
  Node scalar(std::int64_t id);
  /// Between two operations, nowhere in memory.
  Node between(cudnnDataType_t type, const CudnnLayout& layout);

  /// y = mode(x, b), b may be null; c = a b over rows and columns; y = sum over the columns of x;
  /// y = x with other dimensions or strides. Arithmetic is float32.
  void pointwise(cudnnPointwiseMode_t mode, Node x, Node b, Node y);
  void matmul(Node a, Node b, Node c);
  void sum(Node x, Node y);
  void reshape(Node x, Node y);
  /// An operation of one descriptor whose operands are attributes.
  struct Attribute {
    cudnnBackendAttributeName_t name;
    Node node;
  };
  void operation(cudnnBackendDescriptorType_t type, const std::vector<Attribute>& attributes);

  /// The first plan that the library suggests and can make. An Error naming `what` if there is
  /// none.
  CudnnPlan build(const CudnnTarget& target, const std::string& what);

 private:
  Node make(cudnnBackendDescriptorType_t type);
  Node make_tensor(std::int64_t id, cudnnDataType_t type, const CudnnLayout& layout, bool in_memory,
                   bool by_value);
  template <class T>
  void set(Node node, cudnnBackendAttributeName_t name, cudnnBackendAttributeType_t type,
           const T& value) const;
  void finalize(Node node) const;
  Node device_of(const CudnnTarget& target);
  std::vector<Node> suggestions(Node graph, Node device);

  const Cudnn& dnn_;
  std::vector<CudnnPlan::Descriptor> owned_;
  std::vector<Node> operations_;
  std::int64_t next_between_ = 100;
};

}  // namespace ijepa::cuda
