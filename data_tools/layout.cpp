#include "data_tools/layout.hpp"

#include <algorithm>
#include <array>
#include <set>

#include "ijepa/core/error.hpp"

namespace ijepa::tools {
namespace {

constexpr std::array split_names{"train", "training", "val",       "valid",     "validation",
                                 "test",  "testing",  "unlabeled", "unlabelled"};
constexpr std::size_t levels_kept = 3;

bool is_split_name(const std::string& name) {
  return std::find(split_names.begin(), split_names.end(), name) != split_names.end();
}

bool has_image_name(std::string_view path) {
  const auto dot = path.rfind('.');
  if (dot == std::string_view::npos) return false;
  std::string ending(path.substr(dot + 1));
  std::transform(ending.begin(), ending.end(), ending.begin(),
                 [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; });
  return ending == "jpg" || ending == "jpeg" || ending == "png";
}

std::string_view cut(std::string_view folder) {
  std::size_t end = 0;
  for (std::size_t level = 0; level < levels_kept && end < folder.size(); ++level)
    end = std::min(folder.find('/', end + (level > 0 ? 1 : 0)), folder.size());
  return folder.substr(0, end);
}

/// The counts below one folder, by the folders directly in it.
struct View {
  FolderCount direct, below;  // files in the folder itself; in its folders
  std::map<std::string, FolderCount> folders;
};

View view_of(const FolderCounts& counts, const std::string& prefix) {
  View view;
  const auto add = [](FolderCount& to, const FolderCount& from) {
    to.files += from.files;
    to.images += from.images;
    to.bytes += from.bytes;
  };
  for (const auto& [folder, count] : counts.all()) {
    if (folder + "/" == prefix || (folder.empty() && prefix.empty())) add(view.direct, count);
    if (folder.size() <= prefix.size() || !folder.starts_with(prefix)) continue;
    add(view.folders[folder.substr(prefix.size(), folder.find('/', prefix.size()) - prefix.size())],
        count);
    add(view.below, count);
  }
  return view;
}

/// Folders with images; when no file anywhere is named like an image, folders with files.
std::vector<std::string> folders_with_images(const View& view) {
  const bool by_name = view.direct.images + view.below.images > 0;
  std::vector<std::string> names;
  for (const auto& [name, count] : view.folders)
    if ((by_name ? count.images : count.files) > 0) names.push_back(name);
  return names;
}

bool has_direct_images(const View& view) {
  return view.direct.images > 0 || (view.below.images == 0 && view.direct.files > 0);
}

std::vector<Split> find_splits(const FolderCounts& counts, const std::string& prefix) {
  const View view = view_of(counts, prefix);
  const auto folders = folders_with_images(view);
  std::vector<Split> splits;
  for (const auto& name : folders)
    if (is_split_name(name)) splits.push_back({name, prefix + name + "/"});
  if (splits.empty()) return splits;
  if (splits.size() < folders.size() || has_direct_images(view)) {
    const auto other = std::find_if_not(folders.begin(), folders.end(), is_split_name);
    fail("The input holds the split folder {} beside {}: choose a folder with --subdir.",
         splits.front().name, other == folders.end() ? "images without a folder" : *other);
  }
  return splits;
}

/// A split whose one folder is no class of the largest split, such as val/images in Tiny-ImageNet,
/// has no labels; taken as a class it would shift the labels of all the others.
bool is_unlabelled(const std::vector<std::string>& classes,
                   const std::vector<std::string>& of_largest) {
  return classes.size() == 1 && of_largest.size() > 1 &&
         !std::binary_search(of_largest.begin(), of_largest.end(), classes.front());
}

/// The names of all classes, and which splits have labels.
void find_classes(const FolderCounts& counts, Layout& layout) {
  std::vector<std::vector<std::string>> classes;
  std::vector<std::string> largest;
  std::set<std::string> names, empty;
  for (const auto& split : layout.splits) {
    const View view = view_of(counts, split.prefix);
    classes.push_back(folders_with_images(view));
    if (classes.back().size() > largest.size()) largest = classes.back();
    if (classes.back().empty()) continue;
    for (const auto& [name, folder] : view.folders)
      if (folder.files == 0) empty.insert(name);
  }
  for (std::size_t i = 0; i < classes.size(); ++i) {
    layout.splits[i].labelled = !classes[i].empty() && !is_unlabelled(classes[i], largest);
    if (layout.splits[i].labelled) names.insert(classes[i].begin(), classes[i].end());
  }
  std::set_difference(empty.begin(), empty.end(), names.begin(), names.end(),
                      std::back_inserter(layout.empty_classes));
  names.insert(empty.begin(), empty.end());
  layout.class_names.assign(names.begin(), names.end());
}

/// Counts what place() will find in each split.
void count_candidates(const FolderCounts& counts, Layout& layout) {
  const auto& names = layout.class_names;
  for (auto& split : layout.splits) {
    const View view = view_of(counts, split.prefix);
    const auto add = [&split](const FolderCount& count) {
      split.candidates += count.files;
      split.bytes += count.bytes;
    };
    if (!split.labelled) add(view.direct);
    for (const auto& [name, count] : view.folders)
      if (!split.labelled || std::binary_search(names.begin(), names.end(), name)) add(count);
  }
}

}  // namespace

void FolderCounts::add_file(std::string_view path, std::int64_t bytes) {
  const auto slash = path.rfind('/');
  const auto folder = slash == std::string_view::npos ? "" : cut(path.substr(0, slash));
  auto at = counts_.find(folder);
  if (at == counts_.end()) at = counts_.emplace(folder, FolderCount{}).first;
  ++at->second.files;
  at->second.images += has_image_name(path) ? 1 : 0;
  at->second.bytes += bytes;
}

void FolderCounts::add_folder(std::string_view path) {
  counts_.emplace(cut(path), FolderCount{});
}

Layout find_layout(const FolderCounts& counts, const std::string& subdir) {
  std::string prefix = subdir.empty() ? "" : subdir + "/";
  View view = view_of(counts, prefix);
  check(view.direct.files + view.below.files > 0, "The input holds no files{}.",
        subdir.empty() ? "" : " below " + subdir);
  Layout layout;
  layout.splits = find_splits(counts, prefix);
  if (const auto folders = folders_with_images(view);
      layout.splits.empty() && folders.size() == 1 && !has_direct_images(view)) {
    const std::string inside = prefix + folders.front() + "/";
    const View inner = view_of(counts, inside);
    if (!has_direct_images(inner) && !folders_with_images(inner).empty()) {
      prefix = inside;
      layout.splits = find_splits(counts, prefix);
    }
  }
  if (layout.splits.empty()) layout.splits.push_back({"", prefix});
  find_classes(counts, layout);
  count_candidates(counts, layout);
  return layout;
}

std::optional<Layout::Place> Layout::place(std::string_view path) const {
  for (std::size_t i = 0; i < splits.size(); ++i) {
    if (!path.starts_with(splits[i].prefix)) continue;
    Place place{i, -1, path.substr(splits[i].prefix.size())};
    if (!splits[i].labelled) return place;
    const auto slash = place.key.find('/');
    if (slash == std::string_view::npos) return std::nullopt;
    const auto name = place.key.substr(0, slash);
    const auto at = std::lower_bound(class_names.begin(), class_names.end(), name);
    if (at == class_names.end() || *at != name) return std::nullopt;
    place.label = static_cast<std::int32_t>(at - class_names.begin());
    return place;
  }
  return std::nullopt;
}

}  // namespace ijepa::tools
