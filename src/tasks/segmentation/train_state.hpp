// What a training of a segmentation says of itself beside its weights, to go on from there.
#pragma once
#include <string>
#include <vector>

#include "../loop/same_training.hpp"
#include "ijepa/tasks/segmentation/train.hpp"

namespace ijepa {

/// `pixels`: what SegmentationData::inspect() found in both sets. The number of epochs may change.
TrainingIdentity identity_of(const SegmentTrainSettings& settings, const SegmentationInfo& info,
                             const std::vector<std::vector<std::int64_t>>& pixels);

/// The figures of epochs as JSON, and back. An Error, which names `folder`, for anything else.
std::string text_of(const std::vector<SegmentEpoch>& epochs);
std::vector<SegmentEpoch> epochs_of(const std::string& text, const std::string& folder);

}  // namespace ijepa
