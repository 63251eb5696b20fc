// Grid: the patches of an image as rows x columns; patch index = row * cols + col.
#pragma once
#include <cstdint>

namespace ijepa {

struct Grid {
  std::int64_t rows = 0, cols = 0;
  std::int64_t tokens() const { return rows * cols; }
};

}  // namespace ijepa
