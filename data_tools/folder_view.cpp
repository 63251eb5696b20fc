#include "data_tools/folder_view.hpp"

#include <algorithm>
#include <array>
#include <map>
#include <set>

namespace ijepa::tools {
namespace {

using Words = std::vector<std::string>;

constexpr std::array split_words{"train",      "training",   "val",       "valid",
                                 "validation", "test",       "testing",   "dev",
                                 "eval",       "evaluation", "unlabeled", "unlabelled"};
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
                                      "bboxes"};

// Of what tools name after these: SegmentationClassPNG, masks_machine.
constexpr std::array annotation_beginnings{"segmentationclass", "segmentationobject", "masks_",
                                           "annotations_"};
// Behind the name of a folder whose annotations it holds: trainannot, val_labels.
constexpr std::array beside_annotations{"annot",  "annots", "annotation", "annotations", "label",
                                        "labels", "mask",   "masks",      "gt"};

template <class Table>
bool holds(const Table& table, std::string_view word) {
  return std::find(table.begin(), table.end(), word) != table.end();
}

std::string lower(std::string_view text) {
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
    if (!sign) words.back() += lower({&c, 1});
    open = !sign;
    before = c;
  }
  part_joined_words(words);
  return words;
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
  return holds(heap_words, lower(name));
}

bool is_annotation_name(std::string_view name) {
  const std::string small = lower(name);
  return holds(annotation_words, small) ||
         std::any_of(annotation_beginnings.begin(), annotation_beginnings.end(),
                     [&](const char* begin) { return small.starts_with(begin); });
}

bool is_never_a_class(std::string_view name) {
  const SplitWord split = split_word_of(name);
  const std::string small = lower(name);
  return split.usual || is_heap_name(name) || small == "default" || small == "data";
}

bool may_be_of_a_class(std::string_view name) {
  const std::string small = lower(name);
  return small.ends_with("mask") || small.ends_with("label");
}

std::vector<std::string> annotations_of_each(const std::vector<std::string>& names) {
  std::map<std::string, std::string> small;
  for (const auto& name : names) small.emplace(lower(name), name);
  for (const std::string word : beside_annotations)
    for (const char* sign : {"", "_", "-", " "}) {
      std::vector<std::string> found;
      for (const auto& [name, whole] : small)
        if (small.contains(name + sign + word)) found.push_back(small.at(name + sign + word));
      if (!found.empty() && 2 * found.size() == names.size()) return found;
    }
  return {};
}

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

bool is_web_dataset(const Folder& folder) {
  const auto names = folders_with_images(folder);
  if (names.empty()) return folder.own.labels > 0;
  return std::all_of(names.begin(), names.end(), [&](const auto& name) {
    const Folder& inner = folder.at(name);
    return inner.own.labels > 0 ||
           (inner.is_archive && inner.own.images > 0 && inner.own.twins >= inner.own.images);
  });
}

std::string some_of(const std::vector<std::string>& names) {
  std::string text;
  for (std::size_t i = 0; i < std::min<std::size_t>(names.size(), 5); ++i)
    text += (i > 0 ? ", " : "") + names[i];
  return text + (names.size() > 5 ? ", ..." : "");
}

}  // namespace ijepa::tools
