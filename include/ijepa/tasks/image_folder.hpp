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

  /// "3 files are no images and were passed over; the first is ...", empty if there are none.
  std::string note() const;
};

/// The images at any depth below `folder`: files with the name of an image, whatever they hold, and
/// others whose first bytes are those of one (data/image_kind.hpp). Hidden names (data/names.hpp),
/// links to nothing and links that lead back up are passed over. An Error if a folder cannot be
/// listed.
ImageFolder find_images(const std::string& folder);

}  // namespace ijepa
