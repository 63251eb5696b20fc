// k-NN: the class of an image from its nearest training images in feature space. Nothing is
// trained, so it judges the features themselves.
#pragma once
#include <cstdint>

#include "ijepa/tasks/labelled.hpp"

namespace ijepa {

struct KnnOptions {
  std::int64_t k = 20;
  double temperature = 0.07;
};

/// An Error unless k is within 1 .. training images and the temperature above 0.
void check_knn_options(const KnnOptions& options, std::int64_t train_images);

/// Weighted k-NN as in DINO (Caron et al., arXiv 2104.14294): cosine similarity s, each neighbour
/// votes for its class with exp(s / temperature). Ties go to the lower training index, then to the
/// lower class; a class without a vote is not among the first five. An Error if a set is unfit
/// (check_probe_sets), k is not within 1 .. training images, or the temperature is not above 0.
Accuracy knn_accuracy(const LabelledFeatures& train, const LabelledFeatures& test,
                      const KnnOptions& options = {});

}  // namespace ijepa
