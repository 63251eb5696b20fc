// OutTensor: a tensor that a writer of weight files asks for when its turn has come, so that only
// one of them is in memory.
#pragma once
#include <functional>
#include <span>
#include <string>
#include <vector>

#include "ijepa/train/weights/weight_file.hpp"

namespace ijepa {

struct OutTensor {
  FileTensor tensor;
  std::function<void(std::span<std::byte>)> fill;  // with tensor.bytes() bytes
};

}  // namespace ijepa
