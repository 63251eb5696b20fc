// What stands in for onednn.cpp in a build without oneDNN: it handles nothing.
#include "ijepa/core/error.hpp"
#include "onednn.hpp"

namespace ijepa::cpu {

class OneDnn::Products {};

OneDnn::OneDnn(int, const Kernels&) {}

OneDnn::~OneDnn() = default;

bool OneDnn::is_built_in() {
  return false;
}

bool OneDnn::is_faster(const Product&) const {
  return false;
}

std::string OneDnn::describe() {
  return "no oneDNN";
}

void OneDnn::multiply(const Product&) {
  fail("This build has no oneDNN.");
}

}  // namespace ijepa::cpu
