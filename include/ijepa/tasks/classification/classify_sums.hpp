// Classify sums: what a classifier's answers add up to, over batches and ranks.
#pragma once
#include <cstdint>
#include <span>

#include "ijepa/comm/communicator.hpp"
#include "ijepa/core/matrix.hpp"

namespace ijepa {

/// Sums over images.
struct ClassifySums {
  double loss = 0, top1 = 0, top5 = 0, images = 0;

  /// Adds images with their logits (n, C); `losses` (n) are theirs.
  void add(MatrixView<const double> logits, std::span<const std::int32_t> labels,
           std::span<const double> losses);
  void add(const ClassifySums& other);
  /// Becomes the sum over ranks. Collective.
  void reduce(Communicator& comm);
};

/// How many logits of a row come before that of `label`: higher ones, and equal ones of lower
/// classes.
std::int64_t rank_of(std::span<const double> logits, std::int32_t label);

}  // namespace ijepa
