// The names that a torch archive's pickle may use: those that torch.load(weights_only=True) allows
// and that make dense tensors or harmless values. None of them is ever called.
#pragma once
#include <optional>
#include <string>

#include "pickle_value.hpp"

namespace ijepa {

std::optional<PickleGlobal> pickle_global(const std::string& module, const std::string& name);

}  // namespace ijepa
