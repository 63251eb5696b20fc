// Reads a torch archive's pickle without executing anything: only the opcodes and names that
// tensors in containers need are known, everything else is refused by its name.
#pragma once
#include <span>

#include "pickle_value.hpp"

namespace ijepa {

/// `source` is for messages. An Error for what is not allowed, cut short or out of bounds: more
/// than 2 million values, 64 dimensions, 8 million sizes of all tensors together, 1024 bytes of a
/// storage's key. Memory: at most 600 MiB and 20 times the bytes; time grows with the bytes.
PickleTree read_pickle(std::span<const std::uint8_t> bytes, const std::string& source);

}  // namespace ijepa
