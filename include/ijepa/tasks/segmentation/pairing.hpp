// Pairing: which mask belongs to which image, by their names alone.
#pragma once
#include <cstdint>
#include <string>
#include <vector>

namespace ijepa {

struct ImagePair {
  std::string image, mask;  // paths
};

/// Where the images and masks of a set are, and how their names fit where that is not plain.
struct PairSource {
  std::string images, masks;              // folders; may be one
  std::string image_suffix, mask_suffix;  // of names before their ending: "_leftImg8bit"
  std::string list;                       // file with a name a line: these images alone
};

struct PairList {
  std::vector<ImagePair> pairs;    // in the order of the images' names
  std::int64_t without_mask = 0;   // images left out
  std::string first_without_mask;  // path
};

/// Each mask goes to the image whose name it fits best, and to that one alone: the same name
/// ("0001.jpg", "0001.png"); the whole file name ("0001.jpg.png"); the same name but for the
/// suffixes that tools give to images and masks ("0001_leftImg8bit.png",
/// "0001_gtFine_labelIds.png"); the longest name of an image with more behind it ("0001_x.png").
/// With suffixes said, names are what is left of them and must be the same. In one folder for both,
/// a mask is what has a mask's suffix or is the PNG beside another format of one name. An Error
/// names a mask without image, an image with two masks, a listed image that is not there or has
/// no mask, or the folder in which nothing fits.
PairList find_pairs(const PairSource& source);

}  // namespace ijepa
