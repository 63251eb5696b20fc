// PixelShares: how many pixels of each class label maps have, over all ranks, and how fast they
// were made.
#pragma once
#include <chrono>
#include <string>
#include <vector>

#include "ijepa/tasks/segmentation/infer_images.hpp"

namespace ijepa {

class PixelShares {
 public:
  explicit PixelShares(std::size_t classes) : pixels_(classes) {}

  void add(const IndexImage& labels) {
    for (const auto label : labels.index) ++pixels_[label];
  }
  double seconds() const {
    return std::chrono::duration<double>(std::chrono::steady_clock::now() - start_).count();
  }
  /// The sums of all ranks, on every rank. Collective.
  SegmentInferResult finish(std::int64_t images, Communicator& comm) {
    comm.all_reduce(pixels_, Reduction::sum);
    return {images, {pixels_.begin(), pixels_.end()}, static_cast<double>(images) / seconds()};
  }

 private:
  std::vector<double> pixels_;
  std::chrono::steady_clock::time_point start_ = std::chrono::steady_clock::now();
};

/// class,pixels,share with a row a class.
std::string classes_csv(const Labels& labels, const std::vector<std::int64_t>& pixels);

}  // namespace ijepa
