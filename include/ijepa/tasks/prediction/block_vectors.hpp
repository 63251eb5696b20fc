// Block vectors: what a target encoder says of every rectangle of patches of one shape, as vectors
// that a pooled prediction is compared with.
#pragma once
#include <span>
#include <vector>

#include "ijepa/core/matrix.hpp"
#include "ijepa/data/image.hpp"
#include "ijepa/model/masks.hpp"

namespace ijepa {

/// tokens (N, D) of one image -> (positions, D) of length 1: each the mean over a block of the
/// tokens, which are first normalised over their features without affine part (epsilon 1e-5), as
/// the targets of pretraining are. Positions are row-major by the block's upper left patch,
/// (rows - block.rows + 1) x (cols - block.cols + 1). An Error if the block does not fit.
Matrix<float> block_vectors(MatrixView<const float> tokens, Grid grid, const BlockSize& block);

/// How many upper left patches a block can have.
Grid block_positions(Grid grid, const BlockSize& block);

/// Among these, that of the block whose upper left patch is this one.
std::int64_t position_of_block(Grid grid, const BlockSize& block, std::int64_t patch);

/// Where the block at a position lies in a picture of patches of `side` pixels.
Box box_of_block(Grid grid, const BlockSize& block, std::int64_t side, std::int64_t position);

/// Adds a token, normalised over its features as above, to `sum`.
void add_normalised(std::span<const float> token, std::span<double> sum);

/// The mean of the rows, at length 1.
std::vector<float> pooled_direction(MatrixView<const float> rows);

}  // namespace ijepa
