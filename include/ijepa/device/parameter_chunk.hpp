// Lengths of flat parameter buffers, in which whatever begins does so on a multiple of
// parameter_chunk.
#pragma once
#include "ijepa/device/ops.hpp"

namespace ijepa {

/// `elements`, 0 or more, and the padding behind them up to a whole chunk.
constexpr std::int64_t padded_to_chunk(std::int64_t elements) {
  return (elements + parameter_chunk - 1) / parameter_chunk * parameter_chunk;
}

}  // namespace ijepa
