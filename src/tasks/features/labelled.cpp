#include "ijepa/tasks/features/labelled.hpp"

#include <algorithm>
#include <cmath>
#include <limits>

#include "ijepa/comm/agree.hpp"
#include "ijepa/core/error.hpp"

namespace ijepa {
namespace {

/// What can be said of one rank's share alone.
void check_share(const LabelledFeatures& set, const char* name) {
  check(set.labels.size() == static_cast<std::size_t>(set.features.rows),
        "The {} set of the probe has {} feature rows and {} labels.", name, set.features.rows,
        set.labels.size());
  for (std::size_t i = 0; i < set.labels.size(); ++i) {
    const auto place = set.place(static_cast<std::int64_t>(i));
    check(set.labels[i] >= 0,
          "Image {} of the {} set has no label; a probe needs images in class folders, or shards "
          "made of such.",
          place, name);
    check(set.labels[i] < set.classes,
          "Image {} of the {} set has label {}, but there are {} classes.", place, name,
          set.labels[i], set.classes);
  }
  check(std::ranges::all_of(set.features.values, [](float v) { return std::isfinite(v); }),
        "Features of the {} set hold NaN or infinity: the network has diverged.", name);
}

}  // namespace

std::int64_t total_rows(const LabelledFeatures& share, Communicator& comm) {
  return static_cast<std::int64_t>(
      comm.all_reduce(static_cast<double>(share.features.rows), Reduction::sum));
}

void check_probe_sets(const LabelledFeatures& train, const LabelledFeatures& test,
                      Communicator& comm) {
  const auto train_rows = total_rows(train, comm), test_rows = total_rows(test, comm);
  constexpr double none = std::numeric_limits<double>::infinity();
  std::array<double, 2> ends{none, none};  // the lowest label, and minus the highest
  for (const auto label : train.labels) {
    ends[0] = std::min(ends[0], static_cast<double>(label));
    ends[1] = std::min(ends[1], -static_cast<double>(label));
  }
  comm.all_reduce(ends, Reduction::min);
  on_all_ranks(comm, [&] {
    check(train_rows > 0, "The training set of the probe is empty.");
    check(test_rows > 0, "The test set of the probe is empty.");
    check_share(train, "training");
    check_share(test, "test");
    check(train.features.cols == test.features.cols,
          "Training features have {} channels and test features {}.", train.features.cols,
          test.features.cols);
    check(train.classes == test.classes, "The training set has {} classes and the test set {}.",
          train.classes, test.classes);
    check(ends[0] != -ends[1], "All training images are of one class; a probe needs two or more.");
  });
}

}  // namespace ijepa
