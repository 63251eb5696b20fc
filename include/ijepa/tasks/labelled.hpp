// Labelled features: what every probe of frozen features learns from and is tested on.
#pragma once
#include <cstdint>
#include <vector>

#include "ijepa/core/matrix.hpp"

namespace ijepa {

struct LabelledFeatures {
  Matrix<float> features;            // (n, D)
  std::vector<std::int32_t> labels;  // (n), 0 .. classes - 1
  std::int64_t classes = 0;
};

/// Shares of test images, 0..1, whose class is the first, or among the first five, of the ranking.
struct Accuracy {
  double top1 = 0, top5 = 0;
};

/// An Error that says what is wrong unless both sets are non-empty, of one width, finite and wholly
/// labelled, and the training set has at least two classes.
void check_probe_sets(const LabelledFeatures& train, const LabelledFeatures& test);

}  // namespace ijepa
