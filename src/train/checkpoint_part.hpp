// One part file of a checkpoint: an HDF5 file with a contiguous dataset GROUP/NAME for each tensor.
#pragma once
#include <string>
#include <vector>

#include "ijepa/train/checkpoint.hpp"

namespace ijepa {

/// Writes whole tensors to a new file, on disk when it returns, and says where each lies (as part
/// 0).
std::vector<StoredTensor> write_part(const std::string& path,
                                     const std::vector<NamedTensor>& tensors);

}  // namespace ijepa
