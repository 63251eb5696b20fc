// One part file of a checkpoint: an HDF5 file with a contiguous dataset GROUP/NAME for each tensor.
#pragma once
#include <functional>
#include <span>
#include <string>
#include <vector>

#include "ijepa/train/checkpoint.hpp"

namespace ijepa {

/// The bytes of the i-th tensor, valid until the next call.
using TensorBytes = std::function<std::span<const std::byte>(std::size_t i)>;

/// Writes whole tensors, given by group, name, type and shape, to a new file, on disk when it
/// returns, and says where each lies (as part 0). The bytes of one tensor at a time are asked for.
std::vector<StoredTensor> write_part(const std::string& path, std::vector<StoredTensor> tensors,
                                     const TensorBytes& bytes_of);

}  // namespace ijepa
