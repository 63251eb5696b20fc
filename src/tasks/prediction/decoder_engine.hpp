// Decoder engine: one step of a decoder's training on one rank: loss and gradients of its share,
// their sums over ranks, and the update of weights and average.
#pragma once
#include <memory>

#include "decoder_data.hpp"
#include "ijepa/tasks/prediction/train_decoder.hpp"
#include "ijepa/train/grad_sync.hpp"

namespace ijepa {

class DecoderEngine {
 public:
  /// All must outlive the object.
  DecoderEngine(const TrainDecoderSettings& settings, DecoderNetwork& network, Device& device,
                Communicator& comm);

  /// Over the crops of all ranks: means of the loss and of pixelwise_loss(), and the norm of the
  /// gradient.
  struct Sums {
    double loss = 0, pixelwise = 0, gradient = 0;
  };
  /// Step `step` from 0. An AgreedError, with weights as before, when loss or gradient is no
  /// number. Collective.
  Sums learn(const DecoderBatch& batch, std::int64_t step);
  /// AdamW with gradients of norm 1 at most.
  void update(const Sums& sums, std::int64_t step);

 private:
  double gradient_norm();

  const TrainDecoderSettings& settings_;
  DecoderNetwork& network_;
  Device& device_;
  Communicator& comm_;
  Tensor gradient_;
  Buffer scalar_;
  std::unique_ptr<BucketReducer> reducer_;
  GradSync sync_;
};

}  // namespace ijepa
