// What a training of a segmentation leaves behind beside the weights: tables and curves.
#pragma once
#include <string>

#include "ijepa/tasks/segmentation/train.hpp"

namespace ijepa {

/// epochs.csv, class_iou.csv, loss.png, accuracy.png and miou.png, each whole or not at all.
void write_train_report(const std::string& folder, const Labels& labels,
                        const std::vector<SegmentEpoch>& epochs);

/// "epoch 3 of 10: loss 0.71, accuracy 80.1 %, mIoU 41.2 % (valid ...)".
std::string epoch_line(std::int64_t epoch, std::int64_t epochs, const SegmentEpoch& scores);

}  // namespace ijepa
