// What a training of a segmentation keeps after each epoch to go on from there: weights, moments
// and the figures so far.
#pragma once
#include <string>

#include "ijepa/tasks/segmentation/model.hpp"
#include "ijepa/tasks/segmentation/train.hpp"

namespace ijepa {

/// What must be the same for a training to go on: all that changes its numbers, but the number of
/// epochs. `pixels`: what SegmentationData::inspect() found in both sets.
struct TrainingIdentity {
  std::string settings, images;
};
TrainingIdentity identity_of(const SegmentTrainSettings& settings, const SegmentationInfo& info,
                             const std::vector<std::vector<std::int64_t>>& pixels);

/// Keeps the state after the last of `epochs` in OUT/training. Collective.
void keep_training(const std::string& out, SegmentationModel& model,
                   const TrainingIdentity& identity, const std::vector<SegmentEpoch>& epochs,
                   Communicator& comm);

/// Takes up the training in OUT: its epochs, none where there is nothing. An Error where OUT holds
/// another one. Collective.
std::vector<SegmentEpoch> resume_training(const std::string& out, SegmentationModel& model,
                                          const TrainingIdentity& identity, Communicator& comm,
                                          const Log& log);

}  // namespace ijepa
