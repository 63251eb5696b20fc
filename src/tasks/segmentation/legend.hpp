// Legend: beside a picture the colour, name and share of its pixels of each class. Private to the
// folder.
#pragma once
#include <string>
#include <vector>

#include "ijepa/tasks/segmentation/labels.hpp"

namespace ijepa {

class Legend {
 public:
  explicit Legend(const Labels& labels);

  /// The picture with a white panel at its right. Pictures of one size give results of one size.
  Image beside(const Image& picture, const IndexImage& labels) const;

 private:
  std::vector<Rgb> palette_;
  std::vector<std::string> names_;
  int column_ = 0;  // pixels
};

}  // namespace ijepa
