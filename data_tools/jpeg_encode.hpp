// JPEG encoding with libjpeg, for images made smaller while packing.
#pragma once
#include <cstdint>
#include <vector>

#include "ijepa/data/image.hpp"

namespace ijepa::tools {

/// A baseline JPEG of `picture`, 4:2:0 chroma, quality 1 to 100. The same pixels make the same
/// bytes.
std::vector<std::uint8_t> encode_jpeg(const ImageView& picture, int quality);

}  // namespace ijepa::tools
