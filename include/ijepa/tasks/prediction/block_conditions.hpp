// Blocks of patches: what a target encoder says of every one of a shape, as vectors that a pooled
// prediction is compared with; and for blocks of many images the vector s, the mean of what the
// predictor says of the block's patches, computed once and kept in memory of a stated size.
#pragma once
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "ijepa/comm/communicator.hpp"
#include "ijepa/core/matrix.hpp"
#include "ijepa/data/images/image.hpp"
#include "ijepa/model/masks.hpp"
#include "ijepa/tasks/images/open_images.hpp"
#include "ijepa/tasks/prediction/whole_model.hpp"

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

/// n blocks of one size.
struct BlockConditions {
  std::vector<std::int64_t> image;     // (n) of the source
  std::vector<std::int32_t> position;  // (n) of the upper left patch among block_positions()
  std::vector<ImageMasks> masks;       // of each image, with one context
  BlockMeans means;                    // (n, D)

  std::int64_t size() const { return std::ssize(image); }
};

/// In the middle of the sizes that the recipe's masks have.
BlockSize usual_block(const PretrainRecipe& recipe, Grid grid);

/// How many images' blocks fit into so many bytes of memory a rank; at least 1.
std::int64_t images_that_fit(const PretrainRecipe& recipe, std::int64_t bytes);

struct ConditionRequest {
  std::vector<std::int64_t> images;  // of the source; image i has the masks of position i
  BlockSize block;
  std::uint64_t seed = 0;  // of the masks
  bool encoded = false;    // also what training would have the predictor say
  int threads = 1;
};

/// All target blocks of the images, in masks as pretraining draws them, but of this size; images go
/// round the ranks, and the result is on all of them. `task` names the work for people; empty: it
/// is not shown. Collective.
BlockConditions collect_conditions(WholeModel& model, const Dataset& images,
                                   const ConditionRequest& request, const std::string& task,
                                   Communicator& comm);

/// The patches of a block.
std::vector<std::int32_t> patches_of_block(Grid grid, const BlockSize& block,
                                           std::int32_t position);

/// `count` numbers spread evenly over [0, size), or all of them.
std::vector<std::int64_t> spread_numbers(std::int64_t count, std::int64_t size);

}  // namespace ijepa
