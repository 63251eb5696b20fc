// Positions: the fixed 2-D sine/cosine position table and its resizing to another grid. Computed on
// the host in float64; it is never trained.
#pragma once
#include <cstdint>
#include <span>
#include <vector>

#include "ijepa/model/grid.hpp"

namespace ijepa {

/// (rows * cols, width), row-major: the first width / 2 features encode the column, the last the
/// row; each half is [sin(p w_i), cos(p w_i)], w_i = 10000^(-i / (width / 4)). An Error unless
/// width is a positive multiple of 4 and the grid is not empty.
std::vector<double> sincos_positions(Grid grid, std::int64_t width);

/// The same as the reference keeps it: rounded once to float32. In float64 runs the difference
/// (6e-8) would be seen.
std::vector<double> stored_positions(Grid grid, std::int64_t width);

/// A table (from.rows * from.cols, width) resized to (to.rows * to.cols, width) by bicubic
/// convolution (Keys 1981, a = -0.75), patch centres aligned by their area, edges repeated, no
/// antialiasing: what interpolate(mode = "bicubic", align_corners = False) gives.
std::vector<double> resize_positions(std::span<const double> table, Grid from, std::int64_t width,
                                     Grid to);

}  // namespace ijepa
