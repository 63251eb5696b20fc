#include "data_tools/layout/layout.hpp"

#include <algorithm>
#include <set>

#include "data_tools/layout/class_check.hpp"
#include "data_tools/layout/folder_view.hpp"
#include "data_tools/layout/split_search.hpp"
#include "ijepa/core/error.hpp"
#include "ijepa/data/folder_names.hpp"
#include "ijepa/data/names.hpp"

namespace ijepa::tools {
namespace {

using Names = std::vector<std::string>;

void descend(FoundSplit& split, const std::string& name) {
  split.prefix += name + "/";
  split.folder = &split.folder->at(name);
}

/// Whether names of `some` are among `others`.
bool share_names(const Names& some, const Names& others) {
  return std::any_of(some.begin(), some.end(), [&](const auto& name) {
    return std::find(others.begin(), others.end(), name) != others.end();
  });
}

/// train/train/cat, train/images/cat: a single folder inside a split is passed over where its name
/// says so, or where folders in it are also classes of another split.
class WrapperSearch {
 public:
  WrapperSearch(std::vector<FoundSplit>& splits, Names& notes) : splits_(splits), notes_(notes) {}

  void run() {
    Names passed;
    for (bool again = true; again;) {
      again = false;
      for (auto& split : splits_) {
        const auto name = wrapper_of(split);
        if (name.empty()) continue;
        descend(split, name);
        passed.push_back(split.prefix);
        again = true;
      }
    }
    if (!passed.empty())
      notes_.push_back(fmt::format(
          "Passed over inside splits, as single folders: {}. --no-splits or --subdir chooses "
          "another level.",
          some_of(passed)));
  }

 private:
  /// "" if there is none.
  std::string wrapper_of(const FoundSplit& split) const {
    const Folder& folder = *split.folder;
    const Names content = content_folders(folder);
    if (content.size() != 1 || has_direct_images(folder)) return "";
    const std::string& name = content.front();
    const Folder& inner = folder.at(name);
    if (content.size() < folders_with_images(folder).size()) return name;  // masks beside images
    const Names classes = folders_with_images(inner);
    if (classes.empty() || has_direct_images(inner)) return "";
    if (is_split_name(name) || !split_word_of(name).word.empty()) return name;
    if (classes.size() < 2) return "";
    bool others = false;
    for (const auto& other : splits_) {
      if (&other == &split) continue;
      const Names theirs = content_folders(*other.folder);
      if (theirs.empty()) continue;
      others = true;
      const Names below = theirs.size() == 1 && !has_direct_images(*other.folder)
                              ? folders_with_images(other.folder->at(theirs[0]))
                              : Names();
      if (share_names(classes, theirs) || share_names(classes, below)) return name;
    }
    return others ? "" : name;
  }

  std::vector<FoundSplit>& splits_;
  Names& notes_;
};

/// images_001 images_002, ds1/img ds2/img: parts of one set, which hold no classes.
bool are_parts_of_a_set(const FoundSplit& split, const Names& classes) {
  return are_parts(classes) && std::ranges::all_of(classes, [&](const auto& name) {
           const Folder* at = &split.folder->at(name);
           for (Names content = content_folders(*at);
                content.size() == 1 && !has_direct_images(*at); content = content_folders(*at))
             at = &at->at(content.front());
           return has_direct_images(*at);
         });
}

/// "cars_test" of "sets/cars_test/": the last folder of the way to a split.
std::string own_name(const FoundSplit& split) {
  if (split.prefix.empty()) return "";
  const std::string way = split.prefix.substr(0, split.prefix.size() - 1);
  return way.substr(way.rfind('/') + 1);
}

/// A single folder that is no class: images, train/train, or (as val/images in Tiny-ImageNet) no
/// class of the largest split. Taken as a class it would shift the labels of all the others.
bool is_no_class(const FoundSplit& split, const Names& classes, const Names& largest,
                 bool split_names) {
  if (split_names && are_parts_of_a_set(split, classes)) return true;
  if (classes.size() != 1) return false;
  if (split_names && look_of(classes.front()) == look_of(own_name(split))) return true;
  const std::string& name = classes.front();
  if (largest.size() > 1) return !std::binary_search(largest.begin(), largest.end(), name);
  return is_heap_name(name) || (split_names && !split.name.empty() && is_split_name(name));
}

/// Folders and tars are no classes where labels or texts lie beside the images.
void note_web_dataset(const FoundSplit& split, const Names& twin_classes, Layout& layout) {
  Split& out = *std::find_if(layout.splits.begin(), layout.splits.end(),
                             [&](const auto& s) { return s.name == split.name; });
  out.twins = split.folder->all.labels > 0 && !twin_classes.empty();
  layout.notes.push_back(fmt::format(
      "{}Files such as 1.cls or 1.json lie beside the images (a WebDataset): folders and tars are "
      "no "
      "classes there. {}",
      split.name.empty() ? "" : split.name + ": ",
      out.twins ? "The labels are those of the .cls files; without one an image has none."
                : "No .cls files name classes (at most 100,000), so the images get no label."));
}

/// The names of all classes, and which splits have labels.
void find_classes(const std::vector<FoundSplit>& found, const LayoutChoice& choice,
                  const Names& twin_classes, Layout& layout) {
  std::vector<Names> classes;
  Names largest;
  std::set<std::string> names, empty;
  for (const auto& split : found) {
    const bool web = is_web_dataset(*split.folder);
    if (web) note_web_dataset(split, twin_classes, layout);
    classes.push_back(web ? Names() : folders_with_images(*split.folder));
    if (classes.back().size() > largest.size()) largest = classes.back();
    if (classes.back().empty()) continue;
    for (const auto& [name, folder] : split.folder->folders)
      if (folder.all.files == 0) empty.insert(name);
  }
  for (std::size_t i = 0; i < found.size(); ++i) {
    layout.splits[i].labelled =
        !classes[i].empty() && !is_no_class(found[i], classes[i], largest, !choice.no_splits);
    if (!layout.splits[i].labelled && are_parts(classes[i]))
      layout.notes.push_back(
          fmt::format("The folders {} are named as parts of one set, so their images get no label. "
                      "--no-splits makes them classes.",
                      some_of(classes[i])));
    if (!layout.splits[i].labelled) classes[i].clear();
    names.insert(classes[i].begin(), classes[i].end());
  }
  if (names.empty()) empty.clear();
  std::set_difference(empty.begin(), empty.end(), names.begin(), names.end(),
                      std::back_inserter(layout.empty_classes));
  names.insert(empty.begin(), empty.end());
  const bool twins = std::any_of(layout.splits.begin(), layout.splits.end(),
                                 [](const auto& split) { return split.twins; });
  if (twins && !names.empty()) names.insert(twin_classes.begin(), twin_classes.end());
  layout.class_names.assign(names.begin(), names.end());
  if (twins && names.empty()) layout.class_names = twin_classes;
  check_classes(found, classes, choice, layout);
}

/// Masks in the folders of a split, which belong to images beside them: COVID/{images,masks}.
void leave_out_annotations(const FoundSplit& split, const std::string& base, Layout& layout) {
  Names shown;
  std::int64_t files = 0;
  const auto look_into = [&](const auto& self, const Folder& folder,
                             const std::string& path) -> void {
    const Names content = content_folders(folder);
    for (const auto& name : folders_with_images(folder)) {
      const Folder& inner = folder.at(name);
      if (std::ranges::find(content, name) == content.end()) {
        layout.annotations.push_back({base + path + name + "/", inner.all});
        shown.push_back(path + name);
        files += inner.all.files;
      } else if (content.size() == 1 && !has_direct_images(folder)) {
        self(self, inner, path + name + "/");
      }
    }
  };
  for (const auto& [name, folder] : split.folder->folders)
    look_into(look_into, folder, split.prefix + name + "/");
  if (!shown.empty())
    layout.notes.push_back(fmt::format(
        "Left out as annotations of the images beside them: {} ({} {}). --no-splits packs them.",
        some_of(shown), files, files == 1 ? "file" : "files"));
}

/// Of face_mask left out beside face, at the folders on the way to a split.
void warn_of_pairs_left_out(const Folder& root, const std::string& prefix, Layout& layout) {
  const Folder* at = &root;
  for (std::size_t begin = 0; begin < prefix.size();) {
    const auto end = prefix.find('/', begin);
    const Names paired = paired_annotations(*at);
    const std::string name = prefix.substr(begin, end - begin);
    const auto text = fmt::format(
        "The folders {} were left out as annotations of {}. If they are classes, --no-splits packs "
        "them.",
        some_of(paired), name);
    if (!paired.empty() && !is_never_a_class(name) &&
        std::ranges::count(layout.warnings, text) == 0)
      layout.warnings.push_back(text);
    at = &at->at(name);
    begin = end + 1;
  }
}

/// Error for Hugging Face's cache of a model, or of a data set in tables.
void check_no_cache(const Folder& root) {
  const bool cache = root.find("blobs") != nullptr && root.find("snapshots") != nullptr;
  check(!cache || root.all.images > 0,
        "The input is a cache of Hugging Face (blobs, snapshots) without files named like images. "
        "Export its images to files first.");
}

/// Counts what place() will find in each split.
void count_candidates(const std::vector<FoundSplit>& found, Layout& layout) {
  for (std::size_t i = 0; i < found.size(); ++i) {
    Split& split = layout.splits[i];
    const auto add = [&split](const FileCount& count) {
      split.candidates += count.files + count.hidden;
      split.bytes += count.bytes + count.hidden_bytes;
    };
    for (const auto& [prefix, count] : layout.annotations) {
      if (!prefix.starts_with(split.prefix)) continue;
      split.candidates -= count.files + count.hidden;
      split.bytes -= count.bytes + count.hidden_bytes;
    }
    if (!split.labelled) add(found[i].folder->all);
    for (const auto& [name, folder] : found[i].folder->folders)
      if (split.labelled &&
          std::binary_search(layout.class_names.begin(), layout.class_names.end(), name))
        add(folder.all);
  }
}

}  // namespace

Layout find_layout(const FolderTree& tree, const LayoutChoice& choice,
                   const std::vector<std::string>& twin_classes) {
  check(tree.root().all.files > 0, "The input holds no files{}.",
        choice.subdir.empty() ? "" : " below " + choice.subdir);
  check_no_cache(tree.root());
  Layout layout;
  std::vector<FoundSplit> found = find_splits(tree.root(), choice);
  if (!found.front().name.empty()) WrapperSearch(found, layout.notes).run();
  const std::string base = choice.subdir.empty() ? "" : choice.subdir + "/";
  for (const auto& split : found)
    layout.splits.push_back({split.name, base + split.prefix, false, 0, 0, false});
  find_classes(found, choice, twin_classes, layout);
  if (!choice.no_splits)
    for (const auto& split : found)
      if (!is_web_dataset(*split.folder)) leave_out_annotations(split, base, layout);
  std::ranges::sort(layout.annotations, {}, &Annotations::prefix);
  if (choice.splits.empty())
    for (const auto& split : found) warn_of_pairs_left_out(tree.root(), split.prefix, layout);
  count_candidates(found, layout);
  return layout;
}

bool Layout::is_annotation(std::string_view path) const {
  const auto after = std::ranges::upper_bound(annotations, path, {}, [](const auto& left_out) {
    return std::string_view(left_out.prefix);
  });
  return after != annotations.begin() && path.starts_with(std::prev(after)->prefix);
}

std::optional<Layout::Place> Layout::place(std::string_view path) const {
  if (leads_out(path) || is_annotation(path)) return std::nullopt;
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
