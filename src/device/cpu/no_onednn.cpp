// What stands in for onednn.cpp in a build without oneDNN: it handles nothing.
#include "ijepa/core/error.hpp"
#include "onednn.hpp"

namespace ijepa::cpu {

struct OneDnn::Shape {
  auto operator<=>(const Shape&) const = default;
};
struct OneDnn::Primitive {};

OneDnn::OneDnn(int threads, const Kernels& row_kernels)
    : threads_(threads), row_kernels_(row_kernels) {}

OneDnn::~OneDnn() = default;

bool OneDnn::is_built_in() {
  return false;
}

bool OneDnn::handles(DType) {
  return false;
}

std::string OneDnn::describe() {
  return "no oneDNN";
}

void OneDnn::multiply(const Product&) {
  fail("This build has no oneDNN.");
}

}  // namespace ijepa::cpu
