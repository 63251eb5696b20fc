#include "ijepa/tasks/labelled.hpp"

#include <algorithm>
#include <cmath>

#include "ijepa/core/error.hpp"

namespace ijepa {
namespace {

void check_set(const LabelledFeatures& set, const char* name) {
  check(set.features.rows > 0, "The {} set of the probe is empty.", name);
  check(set.labels.size() == static_cast<std::size_t>(set.features.rows),
        "The {} set of the probe has {} feature rows and {} labels.", name, set.features.rows,
        set.labels.size());
  for (std::size_t i = 0; i < set.labels.size(); ++i) {
    check(set.labels[i] >= 0,
          "Image {} of the {} set has no label; a probe needs shards made from class folders.", i,
          name);
    check(set.labels[i] < set.classes,
          "Image {} of the {} set has label {}, but there are {} classes.", i, name, set.labels[i],
          set.classes);
  }
  check(std::ranges::all_of(set.features.values, [](float v) { return std::isfinite(v); }),
        "Features of the {} set hold NaN or infinity: the network has diverged.", name);
}

}  // namespace

void check_probe_sets(const LabelledFeatures& train, const LabelledFeatures& test) {
  check_set(train, "training");
  check_set(test, "test");
  check(train.features.cols == test.features.cols,
        "Training features have {} channels and test features {}.", train.features.cols,
        test.features.cols);
  check(train.classes == test.classes, "The training set has {} classes and the test set {}.",
        train.classes, test.classes);
  check(std::ranges::any_of(train.labels, [&](auto label) { return label != train.labels[0]; }),
        "All training images are of one class; a probe needs two or more.");
}

}  // namespace ijepa
