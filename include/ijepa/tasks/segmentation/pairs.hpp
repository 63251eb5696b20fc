// Pairs: the images of a folder with their masks in another.
#pragma once
#include <string>
#include <vector>

#include "ijepa/data/image.hpp"
#include "ijepa/tasks/segmentation/labels.hpp"

namespace ijepa {

struct ImagePair {
  std::string image, mask;  // paths
};

/// The JPEG and PNG files of a folder, in the order of their names, each with the mask of the same
/// name, or of the name and an ending behind '_' ("0001.jpg", "0001_L.png"). An Error names an
/// image without mask, a mask without image, or the folder without images.
std::vector<ImagePair> find_pairs(const std::string& images, const std::string& masks);

/// A picture of the network's size with its labels.
struct LabelledImage {
  Image image;
  IndexImage labels;
};

/// Both of a pair, as they are. An Error names the file that cannot be read, a mask's value that is
/// no class, or two sizes that differ.
LabelledImage read_pair(const ImagePair& pair, const MaskReader& masks);

/// Both resized, aspect not kept: the image antialiased bilinearly, labels to the nearest.
LabelledImage resized(const LabelledImage& pair, Size size);

}  // namespace ijepa
