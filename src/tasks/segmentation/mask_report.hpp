// Mask report: what the masks of a set hold, and what a person should be told about it. Private to
// the folder.
#pragma once
#include <string>

#include "ijepa/core/log.hpp"
#include "ijepa/tasks/segmentation/dataset.hpp"

namespace ijepa {

/// An Error for masks from which nothing can be learnt: all ignored, or all of one class.
void check_classes(const MaskContent& content, const Labels& labels, const std::string& masks);

/// The share of each class; that of values that are no class, with the commonest and their places,
/// as a warning from 0.1 % on; and the classes that have no pixel.
void report_masks(const MaskContent& content, const Labels& labels, const SegmentationData& data,
                  const std::string& masks, const Log& log);

}  // namespace ijepa
