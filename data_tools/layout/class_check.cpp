#include "data_tools/layout/class_check.hpp"

#include <algorithm>
#include <cctype>
#include <map>
#include <set>

#include "data_tools/layout/folder_view.hpp"
#include "ijepa/core/error.hpp"
#include "ijepa/data/folder_names.hpp"
#include "ijepa/data/names.hpp"

namespace ijepa::tools {
namespace {

using Names = std::vector<std::string>;

Names missing_in(const Names& some, const Names& from) {
  Names missing;
  std::set_difference(some.begin(), some.end(), from.begin(), from.end(),
                      std::back_inserter(missing));
  return missing;
}

std::string place_of(const FoundSplit& split) {
  return split.prefix.empty() ? "the input" : split.prefix;
}

/// The folders with images inside the class folders, past single folders if `through`.
Names level_below(const FoundSplit& split, const Names& classes, bool through = false) {
  std::set<std::string> names;
  for (const auto& name : classes) {
    const Folder& folder = split.folder->at(name);
    for (auto& inner : folders_with_images(through ? unwrapped(folder) : folder))
      names.insert(std::move(inner));
  }
  return {names.begin(), names.end()};
}

/// Error for cat/{train,test}, dog/{train,test}, and for leftImg8bit/{train,val} beside gtFine.
void check_no_splits_below(const FoundSplit& split, const Names& classes) {
  const bool all = std::all_of(classes.begin(), classes.end(), [&](const auto& name) {
    const Folder& inner = split.folder->at(name);
    return !has_direct_images(inner) && !folders_with_images(inner).empty();
  });
  for (const bool through : {false, true}) {  // leftImg8bit_trainvaltest/leftImg8bit/{train,val}
    Names below = level_below(split, classes, through);
    std::erase_if(below, is_annotation_name);  // bottle/{ground_truth,test,train}
    if (all && !below.empty() && std::all_of(below.begin(), below.end(), is_split_name))
      fail("The folders {} hold folders named like splits ({}), which would be mixed. {}",
           some_of(classes), some_of(below), ways_to_choose);
  }
}

/// The folder holds no images but those of `others`, or these and itself once more.
bool holds_the_others(const Folder& folder, const std::string& name, const Names& others) {
  Names below = folders_with_images(folder);
  if (std::erase(below, name) > 0 && !holds_the_others(folder.at(name), name, others)) return false;
  return !has_direct_images(folder) && below == others && others.size() > 1;
}

/// Error for cell_images/{a,b,cell_images/{a,b}}: a class would hold all others once more. Where
/// the others hold folders named like classes, too, these are numbers: 1/{1,2} 2/{1,2} 3/{1,2}.
void check_not_in_itself(const FoundSplit& split, const Names& classes) {
  const auto names_classes = [&](const std::string& name) {
    const Names below = folders_with_images(split.folder->at(name));
    return missing_in(below, classes).size() < below.size();
  };
  for (const auto& name : classes) {
    Names others = classes;
    std::erase(others, name);
    if (!holds_the_others(split.folder->at(name), name, others) ||
        std::any_of(others.begin(), others.end(), names_classes))
      continue;
    fail(
        "As classes, the folder {}{} holds folders of the same names as those beside it ({}): the "
        "same images once more? Move it away, choose a level with --subdir FOLDER, or pack it as a "
        "class with --no-splits.",
        split.prefix, name, some_of(others));
  }
}

/// Error for a_json/img.png, a_json/label.png: each image in a folder of its own.
void check_no_labelme(const FoundSplit& split, const Names& classes) {
  if (std::all_of(classes.begin(), classes.end(),
                  [](const auto& name) { return name.size() > 5 && name.ends_with("_json"); }))
    fail(
        "The folders {}{} are named as labelme unpacks an image and its labels, one folder each: "
        "they are no classes. Copy the images to one folder.",
        split.prefix, some_of(classes));
}

/// Folds, batches or years, each with the same classes, or classes with the same folders?
bool all_hold_the_same(const FoundSplit& split, const Names& classes, const Names& below) {
  return classes.size() > 1 && below.size() > 1 &&
         std::all_of(classes.begin(), classes.end(), [&](const auto& name) {
           const Folder& inner = unwrapped(split.folder->at(name));
           return !has_direct_images(inner) && folders_with_images(inner) == below;
         });
}

/// Error for images/ beside food-101/images/: the one is no class beside the other.
void check_no_heap(const FoundSplit& split, const Names& classes) {
  const auto heap = std::ranges::find_if(classes, is_image_heap_name);
  if (classes.size() < 2 || heap == classes.end()) return;
  Names others = classes;
  std::erase(others, *heap);
  fail("{} holds the folder {} beside {}: images and what belongs to them, or classes? {}",
       split.prefix.empty() ? "The input" : split.prefix, *heap, some_of(others), ways_to_choose);
}

/// Of a/{abbey,airport} b/{bank}: folders of first letters, of which each holds many classes.
void warn_of_letters(const FoundSplit& split, const Names& classes, Layout& layout) {
  const bool all = std::ranges::all_of(classes, [&](const auto& name) {
    const Folder& inner = split.folder->at(name);
    const Names below = folders_with_images(inner);
    return name.size() == 1 && !has_direct_images(inner) && !below.empty() &&
           std::ranges::all_of(below, [&](const auto& each) {
             return std::tolower(static_cast<unsigned char>(each[0])) ==
                    std::tolower(static_cast<unsigned char>(name[0]));
           });
  });
  if (all)
    layout.warnings.push_back(fmt::format(
        "The folders {} in {} were taken as classes, but are the first letters of those in them "
        "({}). If those are the classes, gather them in a new folder (ln -s /PATH/*/* NEW/) and "
        "pack that.",
        some_of(classes), place_of(split), some_of(level_below(split, classes))));
}

/// Of 1.png and 1_mask.png in one folder.
std::int64_t masks_beside_images(const Folder& folder) {
  const std::int64_t others = folder.own.images - folder.own.masks;
  std::int64_t masks = 4 * others >= folder.own.masks ? folder.own.masks : 0;
  if (others == 0) masks = 0;
  for (const auto& [name, inner] : folder.folders) masks += masks_beside_images(inner);
  return masks;
}

void warn_of_masks(const FoundSplit& split, Layout& layout) {
  const std::int64_t masks = masks_beside_images(*split.folder);
  if (masks > 0)
    layout.warnings.push_back(fmt::format(
        "{} of {} images in {} are named like masks of others beside them (1_mask.png) and are "
        "packed as images. If they are masks, move them away first.",
        masks, split.folder->all.images, place_of(split)));
}

void note_level(const FoundSplit& split, const Names& classes, Layout& layout) {
  Names below = level_below(split, classes, true);
  if (all_hold_the_same(split, classes, below)) {
    layout.warnings.push_back(fmt::format(
        "The folders {} in {} were taken as classes, but each of them holds the same folders, {}. "
        "If those are the classes, pack one with --subdir, or several as splits with --split "
        "NAME=FOLDER.",
        some_of(classes), place_of(split), some_of(below)));
    return;
  }
  below = level_below(split, classes);
  if (below.empty()) return;
  layout.notes.push_back(fmt::format(
      "The classes are the folders in {}: {}. Folders in them ({}) belong to their class; --subdir "
      "chooses another level.",
      place_of(split), some_of(classes), some_of(below)));
}

void warn_of_images_beside(const FoundSplit& split, Layout& layout) {
  const FileCount &own = split.folder->own, &all = split.folder->all;
  if (own.images > all.images - own.images)
    layout.warnings.push_back(fmt::format(
        "{} images lie beside the class folders{} and are left out, more than the {} in them. If "
        "the folders are no classes, move the images of one kind to a folder of their own.",
        own.images, split.name.empty() ? "" : " of " + split.name, all.images - own.images));
}

void warn_of_split_names(const Names& classes, const LayoutChoice& choice, Layout& layout) {
  if (!choice.no_splits && !classes.empty() &&
      std::all_of(classes.begin(), classes.end(), is_split_name))
    layout.warnings.push_back(
        fmt::format("The classes {} are named like splits. If they are, name one with --subdir.",
                    some_of(classes)));
}

void warn_of_annotation_names(const FoundSplit& split, const Names& classes,
                              const LayoutChoice& choice, Layout& layout) {
  const Names named = annotations_of_each(classes);
  if (choice.no_splits || named.empty()) return;
  layout.warnings.push_back(fmt::format(
      "The folders {} in {} were taken as classes, though named like annotations of those beside "
      "them. If they are annotations, move them away, or pack one of the others with --subdir "
      "FOLDER.",
      some_of(named), place_of(split)));
}

void warn_of_looks(Layout& layout) {
  std::map<std::string, Names> looks;
  for (const auto& name : layout.class_names) looks[look_of(name)].push_back(name);
  for (const auto& [look, names] : looks) {
    if (names.size() < 2) continue;
    std::string text;
    for (const auto& name : names) text += (text.empty() ? "" : " and ") + spelled_out(name);
    layout.warnings.push_back(
        fmt::format("{} class names look alike and are {} classes: {} (letters composed "
                    "differently, another case, or blanks). Rename the folders if they are one.",
                    names.size(), names.size(), text));
  }
}

/// Which split the others' classes must be among: train, or the one with the most.
std::size_t main_split(const std::vector<FoundSplit>& splits, const std::vector<Names>& classes) {
  std::size_t best = 0;
  for (std::size_t i = 0; i < splits.size(); ++i) {
    if (!classes[i].empty() && split_word_of(splits[i].name).word.starts_with("train")) return i;
    if (classes[i].size() > classes[best].size()) best = i;
  }
  return best;
}

void compare_splits(const std::vector<FoundSplit>& splits, const std::vector<Names>& classes,
                    Layout& layout) {
  const std::size_t main = main_split(splits, classes);
  const Names& of_main = classes[main];
  for (std::size_t i = 0; i < splits.size(); ++i) {
    if (i == main || classes[i].empty()) continue;
    const Names missing = missing_in(classes[i], of_main);
    if (missing.empty()) continue;
    if (missing.size() == classes[i].size()) {
      for (const auto& [upper, lower] : {std::pair(main, i), std::pair(i, main)}) {
        const Names below = level_below(splits[upper], classes[upper]);
        if (missing_in(classes[lower], below).size() < classes[lower].size())
          fail(
              "The classes of {} ({}) lie a level deeper in {}, below {}. Bring them to one level, "
              "or choose with --split NAME=FOLDER.",
              splits[lower].name, some_of(classes[lower]), splits[upper].name,
              some_of(classes[upper]));
      }
    }
    layout.warnings.push_back(
        fmt::format("{} has {} {} that {} has not: {}. All splits share one list of classes.",
                    splits[i].name, missing.size(), missing.size() == 1 ? "class" : "classes",
                    splits[main].name, some_of(missing)));
  }
}

}  // namespace

void check_classes(const std::vector<FoundSplit>& splits, const std::vector<Names>& classes,
                   const LayoutChoice& choice, Layout& layout) {
  for (std::size_t i = 0; i < splits.size(); ++i) {
    warn_of_masks(splits[i], layout);
    if (classes[i].empty()) continue;
    if (!choice.no_splits) {
      check_no_splits_below(splits[i], classes[i]);
      check_not_in_itself(splits[i], classes[i]);
      check_no_heap(splits[i], classes[i]);
    }
    check_no_labelme(splits[i], classes[i]);
    note_level(splits[i], classes[i], layout);
    warn_of_letters(splits[i], classes[i], layout);
    warn_of_images_beside(splits[i], layout);
    warn_of_split_names(classes[i], choice, layout);
    warn_of_annotation_names(splits[i], classes[i], choice, layout);
  }
  if (splits.size() > 1) compare_splits(splits, classes, layout);
  warn_of_looks(layout);
}

}  // namespace ijepa::tools
