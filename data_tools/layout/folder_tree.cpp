#include "data_tools/layout/folder_tree.hpp"

#include <algorithm>
#include <vector>

#include "ijepa/data/folder_names.hpp"
#include "ijepa/data/images/image_kind.hpp"
#include "ijepa/data/names.hpp"

namespace ijepa::tools {
namespace {

std::string ending_of(std::string_view path) {
  const auto dot = path.rfind('.');
  if (dot == std::string_view::npos) return "";
  std::string ending(path.substr(dot + 1));
  std::transform(ending.begin(), ending.end(), ending.begin(),
                 [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; });
  return ending;
}

bool has_jpeg_ending(const std::string& ending) {
  return ending == "jpg" || ending == "jpeg" || ending == "jpe" || ending == "jfif";
}

void sum_up(Folder& folder) {
  folder.all = folder.own;
  for (auto& [name, inner] : folder.folders) {
    sum_up(inner);
    folder.all += inner.all;
  }
}

std::size_t depth_of(const Folder& folder) {
  std::size_t depth = 0;
  for (const auto& [name, inner] : folder.folders) depth = std::max(depth, 1 + depth_of(inner));
  return depth;
}

std::size_t count_of(const Folder& folder) {
  std::size_t count = folder.folders.size();
  for (const auto& [name, inner] : folder.folders) count += count_of(inner);
  return count;
}

/// Of how many single folders around everything that holds images.
std::size_t wrappers_of(const Folder& folder) {
  const Folder* only = nullptr;
  for (const auto& [name, inner] : folder.folders) {
    if (inner.all.images == 0) continue;
    if (only != nullptr || folder.own.images > 0) return 0;
    only = &inner;
  }
  return only == nullptr ? 0 : 1 + wrappers_of(*only);
}

void cut_below(Folder& folder, std::size_t depth) {
  if (depth == 0) {
    folder.own = folder.all;
    folder.folders.clear();
  }
  for (auto& [name, inner] : folder.folders) cut_below(inner, depth - 1);
}

}  // namespace

void FileCount::operator+=(const FileCount& other) {
  files += other.files;
  images += other.images;
  photos += other.photos;
  masks += other.masks;
  twins += other.twins;
  labels += other.labels;
  hidden += other.hidden;
  bytes += other.bytes;
  hidden_bytes += other.hidden_bytes;
}

const Folder* Folder::find(std::string_view path) const {
  const Folder* at = this;
  for (std::size_t begin = 0; begin < path.size();) {
    const auto end = std::min(path.find('/', begin), path.size());
    const auto inner = at->folders.find(path.substr(begin, end - begin));
    if (inner == at->folders.end()) return nullptr;
    at = &inner->second;
    begin = end + 1;
  }
  return at;
}

FolderTree::FolderTree(std::string subdir, std::size_t max_folders)
    : subdir_(subdir.empty() ? std::move(subdir) : subdir + "/"), max_folders_(max_folders) {}

Folder& FolderTree::folder_of(std::string_view path, bool& hidden) {
  if (last_ != nullptr && path == last_path_) {
    hidden = last_hidden_;
    return *last_;
  }
  hidden = false;
  Folder* at = &root_;
  std::size_t depth = 0;
  for (std::size_t begin = 0; begin < path.size() && !hidden && depth < max_depth_; ++depth) {
    const auto end = std::min(path.find('/', begin), path.size());
    const auto name = path.substr(begin, end - begin);
    hidden = is_hidden_name(name);
    auto inner = hidden ? at->folders.end() : at->folders.find(name);
    if (!hidden && inner == at->folders.end()) {
      inner = at->folders.emplace(name, Folder{}).first;
      ++folders_;
    }
    if (!hidden) at = &inner->second;
    begin = end + 1;
  }
  // Below the depth that is kept a hidden folder may follow.
  hidden = hidden || has_hidden_part(path);
  last_path_ = path;
  last_hidden_ = hidden;
  return *(last_ = at);
}

void FolderTree::add(const SourceEntry& entry) {
  std::string_view path = entry.path;
  if (!path.starts_with(subdir_) || path.size() == subdir_.size()) return;
  if (leads_out(path)) {
    leading_out_ += entry.is_directory ? 0 : 1;
    return;
  }
  path.remove_prefix(subdir_.size());
  bool hidden = false;
  if (entry.is_directory) {
    Folder& folder = folder_of(path, hidden);
    if (!hidden) folder.is_archive = entry.is_archive;
  } else {
    const auto slash = path.rfind('/');
    const auto parent =
        slash == std::string_view::npos ? std::string_view() : path.substr(0, slash);
    FileCount& count = folder_of(parent, hidden).own;
    hidden = hidden || is_hidden_name(path.substr(slash + 1));
    const std::string ending = ending_of(path);
    ++(hidden ? count.hidden : count.files);
    (hidden ? count.hidden_bytes : count.bytes) += entry.bytes;
    count.images += !hidden && has_image_name(path) ? 1 : 0;
    count.photos += !hidden && has_jpeg_ending(ending) ? 1 : 0;
    count.masks += !hidden && has_image_name(path) && is_named_as_mask(path) ? 1 : 0;
    count.labels += !hidden && ending == "cls" ? 1 : 0;
    count.twins += !hidden && (ending == "cls" || ending == "json" || ending == "txt") ? 1 : 0;
  }
  if (folders_ > max_folders_) fold();
}

void FolderTree::fold() {
  finish();
  // The levels of wrappers, splits and classes are needed however many folders that takes.
  const std::size_t least = std::max<std::size_t>(wrappers_of(root_) + 2, 3);
  while (folders_ > max_folders_ && std::min(depth_of(root_), max_depth_) > least) {
    max_depth_ = std::min(depth_of(root_), max_depth_) - 1;
    cut_below(root_, max_depth_);
    folders_ = count_of(root_);
  }
  if (folders_ > max_folders_ / 2) max_folders_ = 2 * folders_;  // not again with every folder
  last_ = nullptr;
}

const Folder& FolderTree::finish() {
  sum_up(root_);
  return root_;
}

}  // namespace ijepa::tools
