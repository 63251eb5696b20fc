#include "ijepa/data/folder_names.hpp"

#include <algorithm>
#include <array>
#include <map>
#include <set>

namespace ijepa {
namespace {

using Words = std::vector<std::string>;

constexpr std::array split_words{"train",      "training",  "trainval",  "val", "valid",
                                 "validation", "test",      "testing",   "dev", "eval",
                                 "evaluation", "unlabeled", "unlabelled"};
// Split words only beside others in the same frame: seg_pred beside seg_train.
constexpr std::array framed_words{"pred", "predict", "prediction", "query", "gallery", "extra"};
constexpr std::array beside_split_words{"set", "data", "dataset", "image",  "images",
                                        "img", "imgs", "split",   "folder", "jpeg",
                                        "jpg", "png",  "mini"};
constexpr std::array heap_words{"image", "images", "img",  "imgs",      "jpeg",    "jpegs",
                                "jpg",   "jpgs",   "png",  "pngs",      "picture", "pictures",
                                "photo", "photos", "pics", "jpegimages"};
constexpr std::array annotation_words{"annotation",
                                      "annotations",
                                      "annot",
                                      "annots",
                                      "label",
                                      "labels",
                                      "mask",
                                      "masks",
                                      "segmentation",
                                      "segmentations",
                                      "segmentationclass",
                                      "segmentationobject",
                                      "groundtruth",
                                      "ground_truth",
                                      "gt",
                                      "trimap",
                                      "trimaps",
                                      "bbox",
                                      "bboxes",
                                      "instance",
                                      "instances",
                                      "panoptic",
                                      "semantic",
                                      "depth",
                                      "disparity",
                                      "stuffthingmaps"};

// Beside these words in one name: semantic_rgb, label_ids, panoptic_train2017.
constexpr std::array annotation_details{"rgb",    "color", "colored", "raw", "id",
                                        "ids",    "map",   "maps",    "png", "image",
                                        "images", "human", "machine"};
// Of which a set is downloaded in several: images_001, HAM10000_images_part_1, ds1.
constexpr std::array part_words{"part",   "parts",   "batch",   "chunk", "ds",
                                "subset", "dataset", "archive", "zip",   "volume"};

// Of what tools name after these: SegmentationClassPNG, masks_machine.
constexpr std::array annotation_beginnings{"segmentationclass", "segmentationobject", "masks_",
                                           "annotations_"};
// Behind the name of a folder whose annotations it holds: trainannot, val_labels.
constexpr std::array beside_annotations{"annot",  "annots", "annotation", "annotations", "label",
                                        "labels", "mask",   "masks",      "gt"};

constexpr std::array mask_endings{"_mask", "-mask", " mask", "_masks", "_labelids"};
// Of formats that do not keep the values of a mask.
constexpr std::array photo_endings{".jpg", ".jpeg", ".jpe", ".jfif"};

template <class Table>
bool holds(const Table& table, std::string_view word) {
  return std::find(table.begin(), table.end(), word) != table.end();
}

std::string in_small_letters(std::string_view text) {
  std::string out(text);
  std::transform(out.begin(), out.end(), out.begin(),
                 [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; });
  return out;
}

bool is_digit(char c) {
  return c >= '0' && c <= '9';
}

bool is_capital(char c) {
  return c >= 'A' && c <= 'Z';
}

/// Two words that name one split: train_val, of which challenges make both themselves.
void join_train_val(Words& words) {
  const std::array both{"train", "val"};
  const auto at = std::search(words.begin(), words.end(), both.begin(), both.end());
  if (at != words.end()) words.insert(words.erase(at, at + 2), "trainval");
}

/// "traindata" is two words: a split's and one that stands beside it. So is "minival".
void part_joined_words(Words& words) {
  for (std::size_t i = 0; i < words.size(); ++i) {
    if (const std::string mini = "mini";
        words[i].starts_with(mini) && holds(split_words, words[i].substr(mini.size()))) {
      words.insert(words.begin() + static_cast<std::ptrdiff_t>(i), mini);
      words[++i].erase(0, mini.size());
    }
    for (const std::string beside : beside_split_words) {
      if (!words[i].ends_with(beside)) continue;
      const auto bare = words[i].substr(0, words[i].size() - beside.size());
      if (!holds(split_words, bare)) continue;
      words[i] = bare;
      words.insert(words.begin() + static_cast<std::ptrdiff_t>(i) + 1, beside);
      break;
    }
  }
}

/// "imagenet-TrainData_01" to imagenet, train, data, 01: at signs, between letters and digits, and
/// where a capital follows a small letter.
Words words_of(std::string_view name) {
  Words words;
  bool open = false;
  char before = '\0';
  for (const char c : name) {
    const bool sign = c == '_' || c == '-' || c == '.' || c == ' ' || c == '(' || c == ')';
    const bool small = before >= 'a' && before <= 'z';
    if (is_digit(c) != is_digit(before) || (is_capital(c) && small)) open = false;
    if (!sign && !open) words.emplace_back();
    if (!sign) words.back() += in_small_letters({&c, 1});
    open = !sign;
    before = c;
  }
  part_joined_words(words);
  join_train_val(words);
  return words;
}

Words words_without_numbers(std::string_view name) {
  Words words = words_of(name);
  std::erase_if(words, [](const std::string& word) { return is_digit(word.front()); });
  return words;
}

bool has_digit(std::string_view name) {
  return std::ranges::any_of(name, is_digit);
}

bool is_year(const std::string& word) {
  return word.size() == 4 && is_digit(word[0]) &&
         (word.starts_with("19") || word.starts_with("20"));
}

/// The one split word among them and the rest, no years; nothing if there is none or there are two.
std::pair<std::string, Words> taken_apart(std::string_view name, bool framed) {
  std::string found;
  Words rest;
  for (const auto& word : words_of(name)) {
    const bool is_split = holds(split_words, word) || (framed && holds(framed_words, word));
    if (is_split && !found.empty()) return {};
    if (is_split)
      found = word;
    else if (!is_year(word))
      rest.push_back(word);
  }
  return {found, rest};
}

}  // namespace

SplitWord split_word_of(std::string_view name) {
  const auto [word, rest] = taken_apart(name, true);
  SplitWord out{word, "", holds(split_words, word)};
  for (const auto& other : rest)
    if (!is_digit(other.front())) out.frame += (out.frame.empty() ? "" : " ") + other;
  return out;
}

bool is_split_name(std::string_view name) {
  const auto [word, rest] = taken_apart(name, false);
  return !word.empty() && std::all_of(rest.begin(), rest.end(), [](const auto& other) {
    return holds(beside_split_words, other);
  });
}

bool are_framed_splits(const std::vector<std::string>& names) {
  std::set<std::string> words, frames;
  bool usual = false;
  for (const auto& name : names) {
    const SplitWord split = split_word_of(name);
    if (split.word.empty()) return false;
    usual = usual || split.usual;
    frames.insert(split.frame);
    words.insert(split.word);
  }
  return usual && frames.size() == 1 && words.size() == names.size() && words.size() > 1;
}

bool is_heap_name(std::string_view name) {
  const Words words = words_without_numbers(name);
  return holds(heap_words, in_small_letters(name)) ||
         (words.size() == 1 && holds(heap_words, words[0]));
}

bool is_image_heap_name(std::string_view name) {
  const Words words = words_without_numbers(name);
  return words.size() == 1 && (words[0].starts_with("im") || words[0].starts_with("jpegimages")) &&
         is_heap_name(name);
}

bool is_annotation_name(std::string_view name) {
  const std::string small = in_small_letters(name);
  if (holds(annotation_words, small) ||
      std::any_of(annotation_beginnings.begin(), annotation_beginnings.end(),
                  [&](const char* begin) { return small.starts_with(begin); }))
    return true;
  const Words words = words_without_numbers(name);
  return std::ranges::any_of(words,
                             [](const auto& word) { return holds(annotation_words, word); }) &&
         std::ranges::all_of(words, [&](const std::string& word) {
           return holds(annotation_words, word) || holds(annotation_details, word) ||
                  holds(split_words, word);
         });
}

bool are_parts(const std::vector<std::string>& names) {
  std::set<Words> frames;
  for (const auto& name : names) {
    frames.insert(words_without_numbers(name));
    if (frames.size() > 1 || !has_digit(name)) return false;
  }
  if (names.size() < 2 || frames.begin()->empty()) return false;
  const std::string& last = frames.begin()->back();
  return holds(part_words, last) || holds(heap_words, last);
}

bool is_never_a_class(std::string_view name) {
  const SplitWord split = split_word_of(name);
  const std::string small = in_small_letters(name);
  return split.usual || is_heap_name(name) || small == "default" || small == "data";
}

bool are_no_classes(const std::vector<std::string>& names) {
  return are_parts(names) || are_framed_splits(names) ||
         std::ranges::all_of(names, [](const auto& name) {
           return is_split_name(name) || is_image_heap_name(name) || is_annotation_name(name);
         });
}

bool is_named_as_mask(std::string_view path) {
  std::string stem = in_small_letters(path.substr(0, path.rfind('.')));
  const auto ending = path.size() > stem.size() ? in_small_letters(path.substr(stem.size())) : "";
  stem.erase(stem.find_last_not_of("0123456789_-") + 1);
  return !holds(photo_endings, ending) &&
         std::ranges::any_of(mask_endings, [&](const char* end) { return stem.ends_with(end); });
}

bool may_be_of_a_class(std::string_view name) {
  const std::string small = in_small_letters(name);
  return small.ends_with("mask") || small.ends_with("label");
}

std::vector<std::string> annotations_of_each(const std::vector<std::string>& names) {
  std::map<std::string, std::string> small;
  for (const auto& name : names) small.emplace(in_small_letters(name), name);
  for (const std::string word : beside_annotations)
    for (const char* sign : {"", "_", "-", " "}) {
      std::vector<std::string> found;
      for (const auto& [name, whole] : small)
        if (small.contains(name + sign + word)) found.push_back(small.at(name + sign + word));
      if (!found.empty() && 2 * found.size() == names.size()) return found;
    }
  return {};
}

}  // namespace ijepa
