// Doubles of the host to and from tensors of a device that hold float32 or float64.
#pragma once
#include <span>
#include <vector>

#include "ijepa/device/ops.hpp"

namespace ijepa {

/// Copies `values`, as many as `to` has elements, rounded to its type.
void upload_values(Ops& ops, std::span<const double> values, Tensor to);

/// All elements of `from`. Waits for the device.
std::vector<double> download_values(Ops& ops, Tensor from);

}  // namespace ijepa
