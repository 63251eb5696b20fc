// Image folder: which files below a folder are images. Links to files and folders are followed.
#pragma once
#include <cstdint>
#include <string>
#include <vector>

namespace ijepa {

struct ImageFolder {
  std::vector<std::string> paths;    // of images below the folder, in byte order
  std::vector<std::string> folders;  // in it that are not hidden, with images or without
  std::int64_t passed_over = 0;      // files and links that are no images, and hidden entries
  std::string first_passed_over;     // the first of them, and why: "a/notes.txt (text)"
  std::int64_t masks = 0;            // of the images, masks or annotations by their names
  std::string first_mask;            // "cat/1_mask.png", "cat/masks/1.png"

  /// "3 files are no images and were passed over; the first is ...", of masks among the images
  /// likewise; empty if there are none.
  std::string note() const;
};

/// The images at any depth below `folder`: files with the name of an image, whatever they hold, and
/// others whose first bytes are those of one (data/image_kind.hpp). Hidden names (data/names.hpp),
/// links to nothing and links that lead back up are passed over. An Error if a folder cannot be
/// listed.
ImageFolder find_images(const std::string& folder);

/// An Error if pictures in the folder `out` would be images of the folder `input`, in which it
/// lies.
void check_no_image_of(const std::string& input, const std::string& out);

}  // namespace ijepa
