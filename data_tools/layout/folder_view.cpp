#include "data_tools/layout/folder_view.hpp"

#include <algorithm>

#include "ijepa/data/folder_names.hpp"

namespace ijepa::tools {

std::vector<std::string> folders_with_images(const Folder& folder) {
  const bool by_name = folder.all.images > 0;
  std::vector<std::string> names;
  for (const auto& [name, inner] : folder.folders)
    if ((by_name ? inner.all.images : inner.all.files) > 0) names.push_back(name);
  return names;
}

bool has_direct_images(const Folder& folder) {
  return folder.own.images > 0 || (folder.all.images == 0 && folder.own.files > 0);
}

std::vector<std::string> paired_annotations(const Folder& folder) {
  const auto names = folders_with_images(folder);
  auto paired = annotations_of_each(names);
  auto others = names;
  std::erase_if(others, [&](const auto& name) { return std::ranges::count(paired, name) > 0; });
  if (std::ranges::all_of(others, is_never_a_class)) return paired;
  const auto holds_photos = [&](const auto& name) { return folder.at(name).all.photos > 0; };
  const bool other_format = std::ranges::any_of(others, holds_photos);
  if (std::ranges::any_of(paired, holds_photos) ||
      (!other_format && std::ranges::any_of(paired, may_be_of_a_class)))
    return {};
  return paired;
}

std::vector<std::string> content_folders(const Folder& folder, bool pairs) {
  const auto names = folders_with_images(folder);
  auto others = names;
  if (const auto paired = paired_annotations(folder); pairs && !paired.empty()) {
    std::erase_if(others, [&](const auto& name) { return std::ranges::count(paired, name) > 0; });
    return others;
  }
  std::erase_if(others, is_annotation_name);
  // images beside masks; or one folder of folders, which is no class beside masks either
  const bool heap = std::any_of(names.begin(), names.end(), is_heap_name);
  const auto wraps = [&] {
    const Folder& inner = folder.at(others.front());
    return !has_direct_images(inner) && !folders_with_images(inner).empty();
  };
  return heap || (others.size() == 1 && wraps()) ? others : names;
}

const Folder& unwrapped(const Folder& folder) {
  const auto names = folders_with_images(folder);
  if (names.size() != 1 || has_direct_images(folder)) return folder;
  return unwrapped(folder.at(names.front()));
}

bool is_web_dataset(const Folder& folder) {
  const auto names = folders_with_images(folder);
  if (names.empty()) return folder.own.labels > 0;
  return std::all_of(names.begin(), names.end(), [&](const auto& name) {
    const Folder& inner = folder.at(name);
    // 00000, 00001, ...: tars that were unpacked, or written as folders by img2dataset
    const bool numbered =
        name.size() >= 5 && name.find_first_not_of("0123456789") == std::string::npos;
    return inner.own.labels > 0 || ((inner.is_archive || numbered) && inner.own.images > 0 &&
                                    inner.own.twins >= inner.own.images);
  });
}

std::string some_of(const std::vector<std::string>& names) {
  std::string text;
  for (std::size_t i = 0; i < std::min<std::size_t>(names.size(), 5); ++i)
    text += (i > 0 ? ", " : "") + names[i];
  return text + (names.size() > 5 ? ", ..." : "");
}

}  // namespace ijepa::tools
