// Image choice: which images of a labelled set take part: all, a few of each class, or those of a
// list. A pure function of the labels, the seed and the image's number.
#pragma once
#include <cstdint>
#include <string>
#include <vector>

#include "ijepa/data/dataset.hpp"

namespace ijepa {

/// Indices into a shard set, ascending.
using ImageChoice = std::vector<std::int64_t>;

/// All images, or `most` of them: the first of a shuffled set, others spread evenly over the set,
/// since the first files of a folder are those of its first classes. 0: all.
ImageChoice sample_images(const Dataset& dataset, std::int64_t most = 0);

/// `what` is "" (all), "1%" (this share of every class, rounded, at least one image), "5/class", or
/// a text file with a key or a file name a line. Of each class the images with the smallest random
/// numbers are taken, so 5/class holds 1/class of the same seed. An Error says what cannot be had.
ImageChoice choose_images(const Dataset& dataset, const std::string& what, std::uint64_t seed);

/// The keys, a line each: a list that choose_images() reads.
std::string as_list(const Dataset& dataset, const ImageChoice& images);

}  // namespace ijepa
