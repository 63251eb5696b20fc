// Reads a torch archive's pickle without executing anything: only the opcodes and names that
// tensors in containers need are known, everything else is refused by its name.
#pragma once
#include <span>

#include "pickle_value.hpp"

namespace ijepa {

/// `source` is for messages. An Error for what is not allowed, cut short or out of bounds.
PickleTree read_pickle(std::span<const std::uint8_t> bytes, const std::string& source);

}  // namespace ijepa
