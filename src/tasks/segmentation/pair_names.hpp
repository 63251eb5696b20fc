// Pair names: what tools add to the names of images and masks, and files that list names. Private
// to the folder.
#pragma once
#include <map>
#include <set>
#include <string>

namespace ijepa {

/// Without the suffix that a data set or tool gives to images ("_leftImg8bit") or to masks
/// ("_mask"), if it has one.
std::string bare_image_name(const std::string& name);
std::string bare_mask_name(const std::string& name);

/// The names of `images` (name to key) that a file lists, one a line: as a name, a file name or a
/// path, of which more may follow behind a blank. An Error names the line that is no image of
/// `folder`.
std::set<std::string> listed_images(const std::string& file,
                                    const std::map<std::string, std::string>& images,
                                    const std::string& folder);

}  // namespace ijepa
