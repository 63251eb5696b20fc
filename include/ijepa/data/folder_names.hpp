// What the name of a folder says by itself: a split (train, val, ...), a heap of images that is no
// class, or what belongs to images without being any (masks, annotations).
#pragma once
#include <string>
#include <string_view>
#include <vector>

namespace ijepa {

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

/// Images, img, JPEGImages, image_2, ...: says what is in it, not which class.
bool is_heap_name(std::string_view name);
/// Of these image, images, img, imgs, JPEGImages, which no class is called.
bool is_image_heap_name(std::string_view name);
/// Annotations, labels, masks, SegmentationClassPNG, semantic_rgb, ...
bool is_annotation_name(std::string_view name);
/// The names differ in nothing but a number and say that they are parts: images_001, part_2, ds1.
bool are_parts(const std::vector<std::string>& names);
/// A split, a heap, or "default" as annotation tools call a subset.
bool is_never_a_class(std::string_view name);
/// All of them are splits, heaps, parts of a set or annotations: train, val; images, masks.
bool are_no_classes(const std::vector<std::string>& names);
/// a_mask.png, a_mask_1.png, a-masks.tif, a_gtFine_labelIds.png: the mask of an image called a.
bool is_named_as_mask(std::string_view path);
/// Ends with mask or label, which a class may as well: face_mask, beer label.
bool may_be_of_a_class(std::string_view name);
/// Those of `names` that by their names hold the annotations of the others, one of each: trainannot
/// and valannot beside train and val; face_mask beside face. Empty where not all are such pairs.
std::vector<std::string> annotations_of_each(const std::vector<std::string>& names);

}  // namespace ijepa
