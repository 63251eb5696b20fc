// GPUs that this process may use, before one of them is chosen as a Device.
#pragma once
#include <string>

namespace ijepa {

/// 0 where there are none or the build has no CUDA.
int visible_gpus();

/// The same text for the same piece of hardware in every process of a node, whatever number it has
/// there; empty where it is not known.
std::string gpu_identity(int number);

}  // namespace ijepa
