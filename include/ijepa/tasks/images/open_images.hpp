// Open images: what a path names as a dataset: a shard set, the images of a plain folder, or one
// image file.
#pragma once
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "ijepa/data/dataset.hpp"

namespace ijepa {

/// Paths below the folder of its images at any depth, by name: find_images(). An Error if it cannot
/// be listed.
std::vector<std::string> image_files(const std::string& folder);

/// A shard set; or else a folder: its images in the order of their paths, at any depth. Where all
/// lie in sub-folders, those are the classes, past one folder around all of them, unless their
/// names say otherwise (are_no_classes(), two splits). Or one image file. An Error if there is
/// nothing, or no image in it.
std::unique_ptr<Dataset> open_images(const std::string& path);

/// One image file, whatever it holds, under this key.
std::unique_ptr<Dataset> one_image(const std::string& path, const std::string& key);

/// The image of this key, or of this number where no key is the same. An Error if there is none.
std::int64_t find_image(const Dataset& images, const std::string& key_or_number);

}  // namespace ijepa
