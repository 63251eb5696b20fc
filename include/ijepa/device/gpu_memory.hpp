// What a GPU's operations take of its memory beside the tensors they are given: fixed, so that a
// dry run can tell it without a GPU.
#pragma once
#include <cstddef>

namespace ijepa {

struct GpuMemory {
  std::size_t products = std::size_t{32} << 20;    // cuBLASLt; what NVIDIA advises for Hopper
  std::size_t attention = std::size_t{256} << 20;  // cuDNN, backward; larger batches go in parts
  std::size_t attention_slack = 4096;  // of that, what a plan asks for whatever its shape
  std::size_t reductions = std::size_t{4} << 20;  // 128 blocks of two times 4096 float32 sums
  std::size_t total() const { return products + attention + reductions; }
};
constexpr GpuMemory gpu_memory{};

}  // namespace ijepa
