// Patches at once: how many of them suit a batch, whatever channels they have.
#pragma once
#include <algorithm>
#include <cstdint>

#include "ijepa/model/config.hpp"

namespace ijepa {

/// 8192 of up to 3 channels: enough rows to fill the matrix products, few enough for activations to
/// stay small. Of more channels fewer, since a patch takes memory for all of its values.
inline std::int64_t patches_at_once(const EncoderConfig& encoder) {
  constexpr std::int64_t most = 8192;
  return 3 * most / std::max<std::int64_t>(encoder.channels, 3);
}

}  // namespace ijepa
