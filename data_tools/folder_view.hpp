// What a folder looks like to the search for splits and classes: by its name alone (a split such as
// train, a heap of images that is no class, masks and annotations), and by what lies in it.
#pragma once
#include <string>
#include <string_view>
#include <vector>

#include "data_tools/folder_tree.hpp"

namespace ijepa::tools {

/// The word for a split in a name, in any case and whole ("seg_train" and "Train2017", not
/// "training_day"'s "day" or "strain"), and what is left of the name without it, without years,
/// digits and signs between.
struct SplitWord {
  std::string word;    // "train", or "" for a name without one
  std::string frame;   // "seg", "" for a name that is the word alone
  bool usual = false;  // a split wherever it stands, not pred or query
};
SplitWord split_word_of(std::string_view name);

/// The name is a split wherever it stands: train, Training, TEST, val, valid, validation, dev,
/// eval, evaluation, unlabeled, with a year (train2017) or a word such as set, data or images
/// beside it.
bool is_split_name(std::string_view name);

/// The names are splits because they differ in nothing but the word: seg_train, seg_test, seg_pred.
bool are_framed_splits(const std::vector<std::string>& names);

/// Images, img, JPEGImages, ...: says what is in it, not which class.
bool is_heap_name(std::string_view name);
/// Annotations, labels, masks, SegmentationClassPNG, ...
bool is_annotation_name(std::string_view name);
/// A split, a heap, or "default" as annotation tools call a subset.
bool is_never_a_class(std::string_view name);
/// Ends with mask or label, which a class may as well: face_mask, beer label.
bool may_be_of_a_class(std::string_view name);
/// Those of `names` that by their names hold the annotations of the others, one of each: trainannot
/// and valannot beside train and val; face_mask beside face. Empty where not all are such pairs.
std::vector<std::string> annotations_of_each(const std::vector<std::string>& names);

/// Its folders with images, in byte order; when no file below is named like an image, those with
/// files.
std::vector<std::string> folders_with_images(const Folder& folder);

/// Images lie in it outside of its folders, by the same rule.
bool has_direct_images(const Folder& folder);

/// Of folders_with_images(), those that hold the annotations of each other one, by their names and
/// by the formats in them: face_mask with photographs, beside face, is a class.
std::vector<std::string> paired_annotations(const Folder& folder);

/// folders_with_images() without annotations, masks, ... that lie beside images, img, ... or beside
/// one folder of folders; without paired_annotations(), too, if `pairs`.
std::vector<std::string> content_folders(const Folder& folder, bool pairs = true);

/// Images have twins with labels or texts beside them (1.jpg, 1.cls, 1.json): there a folder or tar
/// is a heap of any images and no class.
bool is_web_dataset(const Folder& folder);

/// "cat, dog, owl, ...": at most five of the names.
std::string some_of(const std::vector<std::string>& names);

}  // namespace ijepa::tools
