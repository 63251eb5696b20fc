// k-NN: the class of an image from its nearest training images in feature space. Nothing is
// trained, so it judges the features themselves.
#pragma once
#include <cstdint>
#include <vector>

#include "ijepa/tasks/features/labelled.hpp"

namespace ijepa {

struct KnnOptions {
  std::vector<std::int64_t> k{20};
  double temperature = 0.07;
};

/// An Error unless every k is within 1 .. training images.
void check_knn_options(const KnnOptions& options, std::int64_t train_images);

/// Weighted k-NN as in DINO (Caron et al., arXiv 2104.14294), for each k: cosine similarity s, each
/// neighbour votes for its class with exp(s / temperature). Ties go to the earlier training image,
/// then to the lower class; a class without a vote is not among the first five. Every rank has a
/// share of both sets and the result; blocks of test rows go round, training rows stay. An
/// AgreedError if a set is unfit (check_probe_sets) or a k. Collective.
std::vector<Accuracy> knn_accuracy(const LabelledFeatures& train, const LabelledFeatures& test,
                                   const KnnOptions& options, Communicator& comm);

}  // namespace ijepa
