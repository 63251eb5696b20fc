#include "data_tools/layout/split_search.hpp"

#include <algorithm>
#include <map>
#include <set>

#include "data_tools/layout/folder_view.hpp"
#include "ijepa/core/error.hpp"
#include "ijepa/data/folder_names.hpp"
#include "ijepa/data/names.hpp"

namespace ijepa::tools {
namespace {

using Names = std::vector<std::string>;

std::string last_part(const std::string& path) {
  return path.substr(path.rfind('/') + 1);
}

class SplitSearch {
 public:
  SplitSearch(const Folder& root, const LayoutChoice& choice) : root_(root), choice_(choice) {}

  std::vector<FoundSplit> run() {
    if (!choice_.splits.empty()) return named();
    // Inside what the user has named as a split, a folder called train is a class.
    const bool search = !choice_.no_splits && !is_split_name(last_part(choice_.subdir));
    std::string prefix;
    const Folder* at = &root_;
    for (;;) {
      if (search)
        if (auto splits = splits_in(*at, prefix); !splits.empty()) return splits;
      const auto wrapper = wrapper_in(*at);
      if (wrapper.empty()) return {{"", prefix, at}};
      prefix += wrapper + "/";
      at = &at->at(wrapper);
    }
  }

 private:
  std::vector<FoundSplit> named() const {
    std::vector<FoundSplit> splits;
    for (const auto& [name, path] : choice_.splits) {
      const Folder* folder = root_.find(path);
      check(folder != nullptr && folder->all.files > 0,
            "--split {}={}: the input holds no files below {}{}.", name, path,
            choice_.subdir.empty() ? "" : choice_.subdir + "/", path);
      for (const auto& other : splits) {
        check(other.name != name, "--split names {} twice.", name);
        check(!other.prefix.starts_with(path + "/") && !(path + "/").starts_with(other.prefix),
              "--split: the folders {} and {} lie in each other.", other.prefix, path);
      }
      splits.push_back({name, path + "/", folder});
    }
    std::sort(splits.begin(), splits.end(),
              [](const auto& a, const auto& b) { return a.name < b.name; });
    return splits;
  }

  /// The one folder with everything, "" if it is no wrapper but a class or there are several.
  std::string wrapper_in(const Folder& folder) const {
    const Names content = content_folders(folder, !choice_.no_splits);
    if (content.size() != 1 || has_direct_images(folder)) return "";
    const Folder& inner = folder.at(content.front());
    const bool beside_masks = folders_with_images(folder).size() > 1;
    const bool wraps = !has_direct_images(inner) && !folders_with_images(inner).empty();
    return beside_masks || wraps ? content.front() : "";
  }

  std::vector<FoundSplit> splits_in(const Folder& folder, const std::string& prefix) {
    const Names names = content_folders(folder);
    Names splits, others;
    for (const auto& name : names) (is_split_name(name) ? splits : others).push_back(name);
    if (are_framed_splits(names)) {
      splits = names;
      others.clear();
    }
    if (splits.empty()) {
      check_parts(folder, names);
      check_some_framed(names);
      return {};
    }
    std::erase_if(others, is_annotation_name);
    const std::int64_t direct = has_direct_images(folder) ? folder.own.images : 0;
    if (splits.size() == 1 && others.empty() && direct == 0 && wraps_splits(folder, splits[0]))
      return {};
    if (!others.empty() || direct > 0) {
      if (!are_strays(folder, splits, others, direct)) {
        if (is_split_name(choice_.input_name)) return {};  // cifar/train holds a class train
        refuse(splits, others);
      }
    }
    check_alike(splits);
    std::vector<FoundSplit> found;
    for (const auto& name : splits) found.push_back({name, prefix + name + "/", &folder.at(name)});
    return found;
  }

  /// test/{train,val}: the only folder wraps the splits, though it is named like one.
  static bool wraps_splits(const Folder& folder, const std::string& name) {
    const Folder& inner = folder.at(name);
    const Names below = content_folders(inner);
    return below.size() > 1 && !has_direct_images(inner) &&
           (std::all_of(below.begin(), below.end(), is_split_name) || are_framed_splits(below));
  }

  /// A few images or a folder of samples beside splits: fewer than in any split, and what holds the
  /// classes is beyond doubt.
  static bool are_strays(const Folder& folder, const Names& splits, const Names& others,
                         std::int64_t direct) {
    std::int64_t beside = direct, smallest = folder.all.images;
    for (const auto& name : others) beside += folder.at(name).all.images;
    std::map<std::string, int> classes;
    for (const auto& name : splits) {
      const Folder& split = folder.at(name);
      smallest = std::min(smallest, split.all.images);
      for (const auto& inner : folders_with_images(split)) ++classes[inner];
    }
    if (beside >= smallest) return false;
    if (others.empty()) return true;
    const bool like_a_split = std::any_of(others.begin(), others.end(), [&](const auto& name) {
      const Names inner = folders_with_images(folder.at(name));
      return std::any_of(inner.begin(), inner.end(),
                         [&](const auto& each) { return classes.contains(each); });
    });
    return splits.size() > 1 && classes.size() > 1 && !like_a_split;
  }

  [[noreturn]] void refuse(const Names& splits, const Names& others) const {
    fail("The input holds {} {} beside {}: splits, or classes with such names? {}",
         splits.size() == 1 ? "the folder" : "the folders", some_of(splits),
         others.empty() ? "images without a folder" : some_of(others), ways_to_choose);
  }

  /// Error for test1, test2: named like splits, but not in a way that says which.
  static void check_parts(const Folder& folder, const Names& names) {
    std::set<std::string> words;
    for (const auto& name : names) {
      const SplitWord split = split_word_of(name);
      if (!split.usual) return;
      words.insert(split.word);
    }
    if (names.size() < 2) return;
    if (words.size() == 1 && is_web_dataset(folder)) return;
    fail("The folders {} are named like parts of splits: as classes they would mix them. {}",
         some_of(names), ways_to_choose);
  }

  /// Error for bounding_box_train, bounding_box_test beside query, and for val_256 beside data_256.
  void check_some_framed(const Names& names) const {
    std::map<std::string, std::set<std::string>> words;  // by frame
    for (const auto& name : names)
      if (const SplitWord split = split_word_of(name); split.usual)
        words[split.frame].insert(split.word);
    Names splits, others;
    for (const auto& name : names) {
      const SplitWord split = split_word_of(name);
      const bool like_one = split.usual && (split.frame.empty() || words[split.frame].size() > 1);
      if (like_one || !is_annotation_name(name)) (like_one ? splits : others).push_back(name);
    }
    if (!splits.empty() && !others.empty() && !is_split_name(choice_.input_name))
      refuse(splits, others);
  }

  static void check_alike(const Names& splits) {
    std::map<std::string, std::string> looks;
    for (const auto& name : splits) {
      const auto [at, is_new] = looks.emplace(look_of(name), name);
      check(is_new, "The input holds the split folders {} and {}, which look alike. {}", at->second,
            name, ways_to_choose);
    }
  }

  const Folder& root_;
  const LayoutChoice& choice_;
};

}  // namespace

const char* const ways_to_choose =
    "Choose with --subdir FOLDER (one of them alone), --split NAME=FOLDER (once for each split) or "
    "--no-splits (folders are classes, whatever their names).";

std::vector<FoundSplit> find_splits(const Folder& root, const LayoutChoice& choice) {
  return SplitSearch(root, choice).run();
}

}  // namespace ijepa::tools
