// Segmenter: the labels of pictures of any size by a trained model: the whole picture at once, or
// by a window that slides over it.
#pragma once
#include <vector>

#include "ijepa/data/images/resize.hpp"
#include "ijepa/tasks/segmentation/model.hpp"

namespace ijepa {

struct SlidingWindow {
  bool enabled = false;
  double stride = 2.0 / 3;  // of the window's side, up to 1
};

/// Where windows of `window` pixels begin on a side of `side` >= `window` pixels: every `stride`
/// pixels, and one at the end.
std::vector<int> window_places(int side, int window, int stride);

class Segmenter {
 public:
  Segmenter(SegmentationModel& model, const SlidingWindow& sliding)
      : model_(model), sliding_(sliding) {}

  /// Without a window the picture is resized to the model's size, aspect not kept, and the scores
  /// are interpolated to the picture's own size. With one, windows of the model's size see the
  /// picture's own pixels and the scores of overlapping ones are averaged; a picture smaller than
  /// the window is enlarged first until it covers it.
  IndexImage labels(const ImageView& picture);

 private:
  IndexImage whole(const ImageView& picture);
  IndexImage sliding(const ImageView& picture);
  std::vector<Box> windows_of(Size size) const;

  SegmentationModel& model_;
  SlidingWindow sliding_;
  Resizer resizer_;
};

}  // namespace ijepa
