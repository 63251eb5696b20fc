#include "decoder_data.hpp"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <numbers>

#include "ijepa/comm/agree.hpp"
#include "ijepa/tasks/prediction/decoder_weights.hpp"

namespace ijepa {
namespace {

/// Mean and variance of each column, in one pass after the other.
struct ColumnMoments {
  std::vector<double> mean, variance;
};

ColumnMoments moments_of(MatrixView<const float> rows) {
  const auto cols = static_cast<std::size_t>(rows.cols);
  const auto count = static_cast<double>(rows.rows);
  ColumnMoments m{std::vector<double>(cols), std::vector<double>(cols)};
  for (std::int64_t i = 0; i < rows.rows; ++i)
    for (std::size_t c = 0; c < cols; ++c) m.mean[c] += static_cast<double>(rows.row(i)[c]) / count;
  for (std::int64_t i = 0; i < rows.rows; ++i)
    for (std::size_t c = 0; c < cols; ++c) {
      const double d = static_cast<double>(rows.row(i)[c]) - m.mean[c];
      m.variance[c] += d * d / count;
    }
  return m;
}

}  // namespace

BlockDecoderConfig sizes_of(const TrainDecoderSettings& s) {
  BlockDecoderConfig sizes;
  sizes.width = s.width;
  sizes.depth = s.depth;
  sizes.heads = s.heads;
  sizes.mlp_hidden = 4 * std::min<std::int64_t>(s.width, 1 << 16);  // wider ones are refused
  return sizes;
}

void check_settings(const TrainDecoderSettings& s, std::int64_t ranks) {
  check_decoder_sizes(sizes_of(s));
  check(s.batch >= ranks, "Steps of {} crops are no training on {} ranks: each needs one.", s.batch,
        ranks);
}

PretrainRecipe recipe_of(const TrainDecoderSettings& s) {
  PretrainRecipe recipe;
  recipe.run.dir = s.out;
  recipe.run.checkpoint_minutes = s.checkpoint_minutes;
  recipe.run.max_seconds = s.max_seconds;
  recipe.run.keep_best = KeepBest::none;
  return recipe;
}

double decoder_learning_rate(const TrainDecoderSettings& settings, std::int64_t step) {
  const auto steps = static_cast<double>(settings.steps), at = static_cast<double>(step);
  const double warmup = std::max(1.0, steps / 20);
  if (at < warmup) return settings.learning_rate * (at + 1) / (warmup + 1);
  constexpr double final = 0.01;
  const double done = (at - warmup) / std::max(1.0, steps - warmup);
  return settings.learning_rate *
         (final + (1 - final) * (1 + std::cos(std::numbers::pi * done)) / 2);
}

BlockSize parse_block(const std::string& text, Grid grid) {
  BlockSize block;
  const char *at = text.data(), *end = text.data() + text.size();
  auto read = std::from_chars(at, end, block.rows);
  const bool comma = read.ec == std::errc{} && read.ptr != end && *read.ptr == ',';
  if (comma) read = std::from_chars(read.ptr + 1, end, block.cols);
  check(comma && read.ec == std::errc{} && read.ptr == end, "--block {} is not ROWS,COLS.", text);
  check(block.rows >= 1 && block.cols >= 1 && block.rows <= grid.rows && block.cols <= grid.cols &&
            block.cells() < grid.tokens(),
        "A --block of {} x {} patches does not fit into the grid of {} x {}, or leaves nothing to "
        "see.",
        block.rows, block.cols, grid.rows, grid.cols);
  return block;
}

DecoderData::DecoderData(WholeModel& model, const Dataset& images, const ConditionRequest& request,
                         DecoderDraws draws, Communicator& comm)
    : images_(images),
      request_(request),
      conditions_(collect_conditions(model, images, request, "predictions of blocks", comm)),
      draws_(std::move(draws)),
      views_(model.views(images, request.threads)),
      sampler_(conditions_.size(), draws_.seed) {
  conditions_.masks = {};  // no step needs them, and they are larger than what is told
}

void DecoderData::add_crops(DecoderNetwork& network, DecoderStatistics& s) {
  constexpr std::int64_t most_crops = 2000, at_once = 100;
  const auto chosen = spread_numbers(most_crops, blocks());
  Matrix<float> crops(std::ssize(chosen), draws_.shape.model.crop_size());
  for (std::int64_t first = 0; first < crops.rows; first += at_once) {
    const auto count = std::min(at_once, crops.rows - first);
    const auto blocks =
        std::span(chosen).subspan(static_cast<std::size_t>(first), static_cast<std::size_t>(count));
    std::vector<std::int32_t> position;
    std::vector<std::int64_t> images;
    for (const auto b : blocks) {
      position.push_back(conditions_.position[static_cast<std::size_t>(b)]);
      images.push_back(image_of(b));
    }
    const auto padded = with_margin(views_.evaluate(images), draws_.shape);
    std::ranges::copy(network.crops(padded, position), crops.values.begin() + first * crops.cols);
  }
  auto m = moments_of(crops.view());
  s.crop_mean = std::move(m.mean);
  s.crop_variance = std::move(m.variance);
}

DecoderStatistics DecoderData::statistics(WholeModel& model, DecoderNetwork& network,
                                          Communicator& comm) {
  constexpr std::int64_t most_images = 500;  // whose blocks' target features are looked at, too
  DecoderStatistics s;
  const auto of_conditions = [](const Matrix<float>& means, auto& mean, auto& deviation) {
    auto m = moments_of(means.view());
    mean = std::move(m.mean);
    for (const double v : m.variance) deviation.push_back(std::sqrt(v) + 1e-6);
  };
  of_conditions(conditions_.means.predicted, s.mean, s.deviation);
  auto some = request_;
  some.encoded = true;
  some.images.clear();
  for (const auto i : spread_numbers(most_images, std::ssize(request_.images)))
    some.images.push_back(request_.images[static_cast<std::size_t>(i)]);
  of_conditions(collect_conditions(model, images_, some, "", comm).means.encoded, s.encoded_mean,
                s.encoded_deviation);
  on_rank_0(comm, [&] { add_crops(network, s); });
  for (auto* values : {&s.crop_mean, &s.crop_variance}) {
    values->resize(static_cast<std::size_t>(draws_.shape.model.crop_size()));
    comm.broadcast(std::as_writable_bytes(std::span(*values)), 0);
  }
  return s;
}

void DecoderData::tell(const DecoderStatistics& statistics) {
  conditions_.means.predicted = statistics.standardised(conditions_.means.predicted.view());
}

void DecoderData::open(DecoderBatch& batch, std::int64_t step, std::int64_t rank,
                       std::int64_t ranks) const {
  const auto first = draws_.batch * rank / ranks, last = draws_.batch * (rank + 1) / ranks;
  batch.first_example = step * draws_.batch + first;
  batch.blocks.clear();
  batch.position.clear();
  for (auto i = batch.first_example; i < step * draws_.batch + last; ++i) {
    batch.blocks.push_back(sampler_.index(i / blocks(), i % blocks()));
    batch.position.push_back(conditions_.position[static_cast<std::size_t>(batch.blocks.back())]);
  }
  const auto count = batch.blocks.size();
  batch.pictures.resize(count * views_.image_bytes());
  batch.condition = {last - first, conditions_.means.predicted.cols};
  batch.draws.resize(count);
  batch.noise.resize(count * static_cast<std::size_t>(draws_.shape.model.crop_size()));
}

void DecoderData::fill(DecoderBatch& batch, std::int64_t i, int thread) {
  const auto at = static_cast<std::size_t>(i);
  const auto crop = static_cast<std::size_t>(draws_.shape.model.crop_size());
  const auto block = batch.blocks[at], example = batch.first_example + i;
  views_.evaluate(image_of(block), batch.pictures.data() + at * views_.image_bytes(), thread);
  batch.draws[at] = draw_flow(draws_.seed, example);
  draw_noise(draws_.seed, example, std::span(batch.noise).subspan(at * crop, crop));
  std::ranges::copy(conditions_.means.predicted.row(block), batch.condition.row(i).begin());
}

BatchPool<DecoderBatch> DecoderData::batches(std::int64_t first, std::int64_t steps,
                                             const Communicator& comm) {
  const auto open_step = [this, first, steps, rank = comm.rank(), ranks = comm.size()](
                             std::int64_t number,
                             DecoderBatch& batch) -> std::optional<std::int64_t> {
    if (first + number >= steps) return {};
    open(batch, first + number, rank, ranks);
    return std::ssize(batch.blocks);
  };
  return BatchPool<DecoderBatch>(
      {.open = open_step,
       .fill = [this](DecoderBatch& batch, std::int64_t i, int thread) { fill(batch, i, thread); },
       .complete =
           [this](DecoderBatch& batch) {
             batch.padded = with_margin(batch.pictures, draws_.shape);
           }},
      views_.pool_options());
}

}  // namespace ijepa
