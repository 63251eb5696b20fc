// What a folder looks like to the search for splits and classes.
#pragma once
#include <string>
#include <vector>

#include "data_tools/layout/folder_tree.hpp"

namespace ijepa::tools {

/// Its folders with images, in byte order; when no file below is named like an image, those with
/// files.
std::vector<std::string> folders_with_images(const Folder& folder);

/// Images lie in it outside of its folders, by the same rule.
bool has_direct_images(const Folder& folder);

/// Of folders_with_images(), those that hold the annotations of each other one, by their names and
/// by the formats in them: face_mask with photographs, beside face, is a class.
std::vector<std::string> paired_annotations(const Folder& folder);

/// folders_with_images() without annotations, masks, ... that lie beside images, img, ... or beside
/// one folder of folders; without paired_annotations(), too, if `pairs`.
std::vector<std::string> content_folders(const Folder& folder, bool pairs = true);

/// The folder, or the one that it wraps, past any number of single folders without images beside
/// them.
const Folder& unwrapped(const Folder& folder);

/// Images have twins with labels or texts beside them (1.jpg, 1.cls, 1.json): there a folder or tar
/// is a heap of any images and no class.
bool is_web_dataset(const Folder& folder);

/// "cat, dog, owl, ...": at most five of the names.
std::string some_of(const std::vector<std::string>& names);

}  // namespace ijepa::tools
