#include <fmt/format.h>

#include <algorithm>

#include "data_tools/layout/layout.hpp"

namespace ijepa::tools {
namespace {

constexpr std::size_t classes_shown = 10, left_out_shown = 8;

std::string counted(std::int64_t count, const char* one, const char* more) {
  return fmt::format("{} {}", count, count == 1 ? one : more);
}

class LayoutText {
 public:
  LayoutText(const Layout& layout, const FolderTree& tree, const LayoutChoice& choice)
      : layout_(layout),
        tree_(tree),
        by_name_(tree.root().all.images > 0),
        base_(choice.subdir.empty() ? "" : choice.subdir + "/") {}

  std::string text() {
    std::string text;
    for (const auto& split : layout_.splits) text += (text.empty() ? "" : "; ") + text_of(split);
    collect(tree_.root(), base_);
    if (tree_.root().all.hidden > 0)
      left_out_.push_back(counted(tree_.root().all.hidden, "hidden file", "hidden files"));
    if (tree_.leading_out() > 0)
      left_out_.push_back(
          counted(tree_.leading_out(), "file that leads out", "files that lead out"));
    if (left_out_.empty()) return text;
    text += "; left out: ";
    for (std::size_t i = 0; i < std::min(left_out_.size(), left_out_shown); ++i)
      text += (i > 0 ? ", " : "") + left_out_[i];
    return text + (left_out_.size() > left_out_shown ? ", ..." : "");
  }

 private:
  std::int64_t images_of(const FileCount& count) const {
    return by_name_ ? count.images : count.files;
  }

  /// Of the folder at `path`, but for annotations in it.
  std::int64_t packed_of(const Folder& folder, const std::string& path) const {
    std::int64_t images = images_of(folder.all);
    auto at = std::ranges::lower_bound(layout_.annotations, path, {}, &Annotations::prefix);
    for (; at != layout_.annotations.end() && at->prefix.starts_with(path); ++at)
      images -= images_of(at->count);
    return images;
  }

  const Folder& folder_of(const Split& split) const {
    return *tree_.root().find(std::string_view(split.prefix).substr(base_.size()));
  }

  std::string text_of(const Split& split) const {
    const Folder& folder = folder_of(split);
    std::string text = split.name.empty() ? "" : split.name + ": ";
    if (!split.labelled)
      return text + counted(packed_of(folder, split.prefix), "image", "images") +
             (split.twins
                  ? fmt::format(" in {} by their .cls files",
                                counted(std::ssize(layout_.class_names), "class", "classes"))
                  : " without classes");
    std::int64_t images = 0;
    std::vector<std::string> classes;
    for (const auto& name : layout_.class_names) {
      const auto at = folder.folders.find(name);
      if (at == folder.folders.end()) continue;
      const auto packed = packed_of(at->second, split.prefix + name + "/");
      images += packed;
      classes.push_back(fmt::format("{} {}", name, packed));
    }
    const auto shown = std::min(classes.size(), classes_shown);
    return text + fmt::format("{} in {} ({}{})", counted(images, "image", "images"),
                              counted(std::ssize(classes), "class", "classes"),
                              fmt::join(classes.begin(),
                                        classes.begin() + static_cast<std::ptrdiff_t>(shown), ", "),
                              classes.size() > shown ? ", ..." : "");
  }

  /// What lies in `folder` and outside of every split and class.
  void collect(const Folder& folder, const std::string& path) {
    const auto split = std::find_if(layout_.splits.begin(), layout_.splits.end(),
                                    [&](const auto& s) { return s.prefix == path; });
    const bool found = split != layout_.splits.end();
    if (found && !split->labelled) return;
    if (folder.own.files > 0)
      left_out_.push_back(fmt::format("{} directly in {}",
                                      counted(folder.own.files, "file", "files"),
                                      path.empty() ? "the input" : path));
    for (const auto& [name, inner] : folder.folders) {
      const std::string below = path + name + "/";
      const bool is_class =
          found && std::binary_search(layout_.class_names.begin(), layout_.class_names.end(), name);
      const bool leads_on = std::any_of(layout_.splits.begin(), layout_.splits.end(),
                                        [&](const auto& s) { return s.prefix.starts_with(below); });
      if (leads_on)
        collect(inner, below);
      else if (!is_class && inner.all.files > 0)
        left_out_.push_back(fmt::format("{} ({}{})", below,
                                        counted(inner.all.files, "file", "files"),
                                        inner.all.images == 0 ? ", none named like an image" : ""));
    }
  }

  const Layout& layout_;
  const FolderTree& tree_;
  bool by_name_;
  std::string base_;
  std::vector<std::string> left_out_;
};

}  // namespace

std::string layout_text(const Layout& layout, const FolderTree& tree, const LayoutChoice& choice) {
  return LayoutText(layout, tree, choice).text();
}

}  // namespace ijepa::tools
