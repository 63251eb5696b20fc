// Classify infer: what a trained classifier says of images: a table of the most likely classes, and
// the pictures with their class written on them.
#pragma once
#include <cstdint>
#include <optional>
#include <string>

#include "ijepa/comm/communicator.hpp"
#include "ijepa/core/log.hpp"
#include "ijepa/data/images/image.hpp"
#include "ijepa/tasks/features/labelled.hpp"
#include "ijepa/tasks/network/task_precision.hpp"

namespace ijepa {

struct ClassifyInferSettings {
  std::string weights;  // folder of ijepa-classify train
  std::string input;    // folder of images, shards, or one image
  std::string out = "outputs/img_cls_infer";
  std::int64_t top = 5;   // classes in the table
  bool pictures = true;   // annotated, under OUT/pictures
  bool skip_bad = false;  // leave out images that cannot be read, and list them
  int threads = 0;        // a rank; 0: its cores
  TaskPrecision precision = TaskPrecision::float32;
};

struct ClassifyInferResult {
  std::int64_t images = 0;
  std::optional<Accuracy> accuracy;  // of those in folders of the classifier's classes
  std::int64_t bad_images = 0;       // left out since they cannot be read
  std::string unknown_class;         // of the images, for which there is no accuracy
};

/// OUT/predictions.csv: key, label (where there are), then class and probability of the `top` most
/// likely. The table is the same bytes for any number of ranks, and appears whole or not at all. An
/// Error names an image that cannot be read, unless those are left out. Collective.
ClassifyInferResult classify_images(const ClassifyInferSettings& settings, Communicator& comm,
                                    const Log& log);

}  // namespace ijepa
