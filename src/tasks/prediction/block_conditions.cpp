#include "ijepa/tasks/prediction/block_conditions.hpp"

#include <algorithm>
#include <cmath>
#include <numeric>

#include "../loop/work_progress.hpp"
#include "ijepa/comm/agree.hpp"
#include "ijepa/core/error.hpp"
#include "ijepa/tasks/loop/rank_batches.hpp"
#include "ijepa/tasks/network/encoder_features.hpp"

namespace ijepa {
namespace {

void scale_to_length_1(std::span<const double> sum, std::span<float> out) {
  const double square = std::inner_product(sum.begin(), sum.end(), sum.begin(), 0.0);
  const double factor = square > 0 ? 1 / std::sqrt(square) : 0;
  std::ranges::transform(sum, out.begin(),
                         [factor](double v) { return static_cast<float>(factor * v); });
}

MaskConfig mask_config(const PretrainRecipe& recipe) {
  MaskConfig config = recipe.mask;
  if (config.shape != MaskShape::blocks) {  // a run on random masks is asked about blocks, too
    config.shape = MaskShape::blocks;
    config.context_patches = 0;
  }
  config.num_contexts = 1;
  return config;
}

/// As pretraining draws them, whole or cut to the recipe's length of a context.
ImageMasks masks_of(const PretrainRecipe& recipe, Grid grid, const ConditionRequest& request,
                    std::int64_t position) {
  const auto config = mask_config(recipe);
  auto sizes = block_sizes(config, grid, {0.5, 0.5, 0.5});
  sizes.target = request.block;
  auto masks = draw_image_masks(config, grid, sizes, request.seed, 0, position);
  if (config.context_multiple > 1 || config.context_patches > 0) {
    MaskLengths lengths = common_lengths(std::span(&masks, 1));
    lengths.context = context_length(config, lengths.context);
    truncate_masks(config, lengths, request.seed, 0, position, masks);
  }
  return masks;
}

class Collection {
 public:
  Collection(WholeModel& model, const Dataset& images, const ConditionRequest& request,
             Communicator& comm)
      : model_(model),
        request_(request),
        comm_(comm),
        most_(std::min<std::int64_t>(64, images_at_once(model.recipe().model.encoder))),
        views_(model.views(images, request.threads)) {
    const Grid grid = model.grid();
    for (std::size_t i = 0; i < request.images.size(); ++i) {
      out_.masks.push_back(masks_of(model.recipe(), grid, request, static_cast<std::int64_t>(i)));
      for (const auto& target : out_.masks.back().targets) {
        out_.image.push_back(request.images[i]);
        out_.position.push_back(
            static_cast<std::int32_t>(position_of_block(grid, request.block, target.front())));
      }
    }
    blocks_ = std::ssize(out_.masks.at(0).targets);
    out_.means.predicted = {out_.size(), model.width()};
    if (request.encoded) out_.means.encoded = {out_.size(), model.width()};
  }

  BlockConditions run(const std::string& task) {
    const auto mine = batches_of(comm_.rank());
    auto ahead = views_.evaluate_ahead(mine.mine(), [&](std::int64_t round) {
      const auto part = part_of(request_.images, mine, round);
      return std::vector(part.begin(), part.end());
    });
    WorkProgress progress(comm_, task, "images", std::ssize(request_.images));
    std::vector<float> own;
    for (std::int64_t round = 0; round < mine.rounds(); ++round) {
      on_all_ranks(comm_, [&] {
        if (mine.count(round) > 0)
          compute(part_of(out_.masks, mine, round), ahead.next()->pixels, own);
      });
      constexpr std::int64_t rounds_together = 16;
      if ((round + 1) % rounds_together == 0 || round + 1 == mine.rounds()) {
        share(round / rounds_together * rounds_together, round + 1, own);
        own.clear();
      }
      progress.add(mine.count_of_all(round), ahead.wait_seconds());
    }
    return std::move(out_);
  }

 private:
  RankBatches batches_of(int rank) const {
    return {std::ssize(request_.images), most_, rank, comm_.size()};
  }
  template <class T>
  static std::span<const T> part_of(const std::vector<T>& all, const RankBatches& batches,
                                    std::int64_t round) {
    return std::span(all).subspan(static_cast<std::size_t>(batches.first(round)),
                                  static_cast<std::size_t>(batches.count(round)));
  }

  void compute(std::span<const ImageMasks> masks, const std::vector<std::uint8_t>& pixels,
               std::vector<float>& own) {
    const auto means = model_.block_means(pixels, masks);
    own.insert(own.end(), means.predicted.values.begin(), means.predicted.values.end());
    if (request_.encoded)
      own.insert(own.end(), means.encoded.values.begin(), means.encoded.values.end());
  }

  /// Batches of rounds [first, last), by rank and round.
  void share(std::int64_t first, std::int64_t last, const std::vector<float>& own) {
    const auto all = comm_.gather_all_lists(own);
    for (int rank = 0; rank < comm_.size(); ++rank) {
      auto from = all[static_cast<std::size_t>(rank)].begin();
      const auto theirs = batches_of(rank);
      for (auto round = first; round < last; ++round) {
        const auto row = theirs.first(round) * blocks_, rows = theirs.count(round) * blocks_;
        for (auto* matrix : {&out_.means.predicted, &out_.means.encoded}) {
          if (matrix->rows == 0 || rows == 0) continue;
          const auto to = matrix->view().slice(row, rows);
          std::copy_n(from, to.size(), to.data);
          from += static_cast<std::ptrdiff_t>(to.size());
        }
      }
    }
  }

  WholeModel& model_;
  const ConditionRequest& request_;
  Communicator& comm_;
  std::int64_t most_, blocks_ = 0;  // images at once; blocks of each
  TaskViews views_;
  BlockConditions out_;
};

}  // namespace

std::int64_t position_of_block(Grid grid, const BlockSize& block, std::int64_t patch) {
  return patch / grid.cols * block_positions(grid, block).cols + patch % grid.cols;
}

Box box_of_block(Grid grid, const BlockSize& block, std::int64_t side, std::int64_t position) {
  const auto cols = block_positions(grid, block).cols;
  const auto in_pixels = [side](std::int64_t patches) { return static_cast<int>(patches * side); };
  return {in_pixels(position / cols), in_pixels(position % cols), in_pixels(block.rows),
          in_pixels(block.cols)};
}

void add_normalised(std::span<const float> token, std::span<double> sum) {
  constexpr double epsilon = 1e-5;
  const auto count = static_cast<double>(token.size());
  const double mean = std::accumulate(token.begin(), token.end(), 0.0) / count;
  double variance = 0;
  for (const float v : token) variance += (v - mean) * (v - mean) / count;
  const double factor = 1 / std::sqrt(variance + epsilon);
  for (std::size_t d = 0; d < token.size(); ++d) sum[d] += factor * (token[d] - mean);
}

Grid block_positions(Grid grid, const BlockSize& block) {
  check(block.rows > 0 && block.cols > 0 && block.rows <= grid.rows && block.cols <= grid.cols,
        "A block of {} x {} patches does not fit into the grid of {} x {}.", block.rows, block.cols,
        grid.rows, grid.cols);
  return {grid.rows - block.rows + 1, grid.cols - block.cols + 1};
}

// sums(y, x): over all tokens above and left of (y, x), so that a block is four of them.
Matrix<float> block_vectors(MatrixView<const float> tokens, Grid grid, const BlockSize& block) {
  const auto places = block_positions(grid, block);
  const auto width = static_cast<std::size_t>(tokens.cols);
  const auto stride = grid.cols + 1;
  Matrix<double> sums((grid.rows + 1) * stride, tokens.cols);
  for (std::int64_t y = 0; y < grid.rows; ++y)
    for (std::int64_t x = 0; x < grid.cols; ++x) {
      const auto sum = sums.row((y + 1) * stride + x + 1);
      const auto above = sums.row(y * stride + x + 1), left = sums.row((y + 1) * stride + x),
                 corner = sums.row(y * stride + x);
      for (std::size_t d = 0; d < width; ++d) sum[d] = above[d] + left[d] - corner[d];
      add_normalised(tokens.row(y * grid.cols + x), sum);
    }
  Matrix<float> vectors(places.tokens(), tokens.cols);
  std::vector<double> inside(width);
  for (std::int64_t y = 0; y < places.rows; ++y)
    for (std::int64_t x = 0; x < places.cols; ++x) {
      const auto a = sums.row(y * stride + x), b = sums.row(y * stride + x + block.cols),
                 c = sums.row((y + block.rows) * stride + x),
                 d = sums.row((y + block.rows) * stride + x + block.cols);
      for (std::size_t i = 0; i < width; ++i) inside[i] = d[i] - b[i] - c[i] + a[i];
      scale_to_length_1(inside, vectors.row(y * places.cols + x));
    }
  return vectors;
}

std::vector<float> pooled_direction(MatrixView<const float> rows) {
  std::vector<double> sum(static_cast<std::size_t>(rows.cols));
  for (std::int64_t i = 0; i < rows.rows; ++i)
    std::ranges::transform(sum, rows.row(i), sum.begin(), std::plus<>());
  std::vector<float> direction(sum.size());
  scale_to_length_1(sum, direction);
  return direction;
}

BlockSize usual_block(const PretrainRecipe& recipe, Grid grid) {
  return block_sizes(mask_config(recipe), grid, {0.5, 0.5, 0.5}).target;
}

std::int64_t images_that_fit(const PretrainRecipe& recipe, std::int64_t bytes) {
  const auto each = recipe.mask.num_targets * recipe.model.encoder.width *
                    static_cast<std::int64_t>(sizeof(float));
  return std::max<std::int64_t>(1, bytes / each);
}

BlockConditions collect_conditions(WholeModel& model, const Dataset& images,
                                   const ConditionRequest& request, const std::string& task,
                                   Communicator& comm) {
  return Collection(model, images, request, comm).run(task);
}

std::vector<std::int32_t> patches_of_block(Grid grid, const BlockSize& block,
                                           std::int32_t position) {
  const auto cols = block_positions(grid, block).cols;
  const auto top = position / cols, left = position % cols;
  std::vector<std::int32_t> patches;
  for (std::int64_t y = top; y < top + block.rows; ++y)
    for (std::int64_t x = left; x < left + block.cols; ++x)
      patches.push_back(static_cast<std::int32_t>(y * grid.cols + x));
  return patches;
}

std::vector<std::int64_t> spread_numbers(std::int64_t count, std::int64_t size) {
  std::vector<std::int64_t> numbers;
  const auto n = std::min(count, size);
  for (std::int64_t i = 0; i < n; ++i) numbers.push_back(i * size / n);
  return numbers;
}

}  // namespace ijepa
