// Classify train: a classifier on labelled images: a linear layer on a frozen encoder, or the
// encoder too. Each epoch leaves weights, a table and plots; the same command goes on after a stop.
#pragma once
#include <string>

#include "ijepa/comm/communicator.hpp"
#include "ijepa/core/log.hpp"
#include "ijepa/tasks/classification/classify_history.hpp"
#include "ijepa/tasks/classification/classify_settings.hpp"

namespace ijepa {

struct ClassifyResult {
  ClassifyHistory history;
  std::int64_t images = 0, valid_images = 0, classes = 0;
  std::string best, last;       // folders of the weights
  std::int64_t bad_images = 0;  // left out since they cannot be read
};

/// Weights with the lowest validation loss in OUT/best_NAME, those of the last epoch, with what
/// going on needs, in OUT/NAME; OUT/NAME.csv, OUT/NAME_loss.png, OUT/NAME_accuracy.png. Neither
/// ranks nor micro-batches change a result but by rounding. An Error for images that cannot serve,
/// and when OUT/NAME is of another training. Collective.
ClassifyResult train_classifier(const ClassifySettings& settings, Communicator& comm,
                                const Log& log);

}  // namespace ijepa
