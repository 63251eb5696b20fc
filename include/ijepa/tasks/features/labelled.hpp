// Labelled features: what every probe of frozen features learns from and is tested on. Each rank
// holds a share of a set's rows; on one rank the share is the set.
#pragma once
#include <cstdint>
#include <span>
#include <vector>

#include "ijepa/comm/communicator.hpp"
#include "ijepa/core/matrix.hpp"

namespace ijepa {

struct LabelledFeatures {
  Matrix<float> features;            // (n, D)
  std::vector<std::int32_t> labels;  // (n), 0 .. classes - 1
  std::int64_t classes = 0;
  std::vector<std::int64_t> places = {};  // (n) each row's in the whole set; empty: 0 .. n - 1

  std::int64_t place(std::int64_t row) const {
    return places.empty() ? row : places[static_cast<std::size_t>(row)];
  }
};

/// Shares of test images, 0..1, whose class is the first, or among the first five, of the ranking.
struct Accuracy {
  double top1 = 0, top5 = 0;
};

/// How many scores come before that of `label`: higher ones, and equal ones of lower classes.
template <class T>
std::int64_t rank_of(std::span<const T> scores, std::int32_t label) {
  const auto own = static_cast<std::size_t>(label);
  std::int64_t before = 0;
  for (std::size_t c = 0; c < scores.size(); ++c)
    before += scores[c] > scores[own] || (scores[c] == scores[own] && c < own) ? 1 : 0;
  return before;
}

/// The rows of all ranks together. Collective.
std::int64_t total_rows(const LabelledFeatures& share, Communicator& comm);

/// An AgreedError that says what is wrong unless both sets are non-empty, of one width, finite and
/// wholly labelled, and the training set has at least two classes. Collective.
void check_probe_sets(const LabelledFeatures& train, const LabelledFeatures& test,
                      Communicator& comm);

}  // namespace ijepa
