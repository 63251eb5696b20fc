// Decoder data: the crops, conditions and noise of each step of a decoder's training, as pure
// functions of the step, the ranks and the seed; and what the training asks of its settings.
#pragma once
#include <memory>
#include <vector>

#include "ijepa/data/loading/sampler.hpp"
#include "ijepa/model/flow_matching.hpp"
#include "ijepa/tasks/prediction/block_conditions.hpp"
#include "ijepa/tasks/prediction/decoder_network.hpp"
#include "ijepa/tasks/prediction/train_decoder.hpp"
#include "ijepa/train/recipe/recipe.hpp"

namespace ijepa {

BlockDecoderConfig sizes_of(const TrainDecoderSettings& settings);
/// An Error, one sentence, for sizes of a decoder that cannot be, or a batch of fewer images than
/// ranks.
void check_settings(const TrainDecoderSettings& settings, std::int64_t ranks);
/// What a run of these settings would be told.
PretrainRecipe recipe_of(const TrainDecoderSettings& settings);

/// "ROWS,COLS" in patches. An Error where that is none, or no block with something around it.
BlockSize parse_block(const std::string& text, Grid grid);

struct DecoderDraws {
  DecoderShape shape;
  std::uint64_t seed = 0;
  std::int64_t batch = 1;  // crops of a step over all ranks
};

/// This rank's share of a step.
struct DecoderBatch {
  std::int64_t first_example = 0;    // of all steps
  std::vector<std::int64_t> blocks;  // of each example
  std::vector<std::uint8_t> pictures, padded;
  std::vector<std::int32_t> position;
  Matrix<float> condition;
  std::vector<FlowDraw> draws;
  std::vector<float> noise;

  DecoderNetwork::Examples examples() const {
    return {padded, position, condition.view(), draws, noise};
  }
};

class DecoderData {
 public:
  /// Computes the conditions. Collective.
  DecoderData(WholeModel& model, const Dataset& images, const ConditionRequest& request,
              DecoderDraws draws, Communicator& comm);

  std::int64_t blocks() const { return conditions_.size(); }
  /// Of the conditions, and of up to 2000 crops. Collective.
  DecoderStatistics statistics(WholeModel& model, DecoderNetwork& network, Communicator& comm);
  /// By which conditions are standardised from here on. Before the first batch.
  void tell(const DecoderStatistics& statistics);
  /// Batch 0 belongs to step `first`, the last to step `steps` - 1. Needs the data for itself.
  BatchPool<DecoderBatch> batches(std::int64_t first, std::int64_t steps, const Communicator& comm);

 private:
  void open(DecoderBatch& batch, std::int64_t step, std::int64_t rank, std::int64_t ranks) const;
  void fill(DecoderBatch& batch, std::int64_t example, int thread);
  std::int64_t image_of(std::int64_t block) const {
    return conditions_.image[static_cast<std::size_t>(block)];
  }
  /// Mean and variance of crops, on rank 0 alone.
  void add_crops(DecoderNetwork& network, DecoderStatistics& s);

  const Dataset& images_;
  ConditionRequest request_;
  BlockConditions conditions_;
  DecoderDraws draws_;
  TaskViews views_;
  Sampler sampler_;
};

}  // namespace ijepa
