#include "pair_names.hpp"

#include <algorithm>
#include <array>
#include <sstream>
#include <string_view>

#include "ijepa/core/error.hpp"
#include "ijepa/core/file.hpp"
#include "ijepa/data/names.hpp"

namespace ijepa {
namespace {

// In small letters. Longer ones come first: "_gtfine_labelids" ends in "_labelids" too.
constexpr std::array<std::string_view, 6> image_suffixes{"_leftimg8bit", "_training", "_image",
                                                         "_img",         "_rgb",      "_sat"};
constexpr std::array<std::string_view, 31> mask_suffixes{"_gtfine_labeltrainids",
                                                         "_gtcoarse_labeltrainids",
                                                         "_gtfine_labelids",
                                                         "_gtcoarse_labelids",
                                                         "_gtfine_color",
                                                         "_gtcoarse_color",
                                                         "_segmentation",
                                                         "_instance_color_rgb",
                                                         "_labeltrainids",
                                                         "_groundtruth",
                                                         "_annotation",
                                                         "_train_id",
                                                         "_labelids",
                                                         "_manual1",
                                                         "_labels",
                                                         "_gt_id",
                                                         "_masks",
                                                         "_label",
                                                         "_color",
                                                         "_mask",
                                                         "-mask",
                                                         ".mask",
                                                         "_segm",
                                                         "_anno",
                                                         "_lab",
                                                         "_seg",
                                                         "_ann",
                                                         "_msk",
                                                         "_gt",
                                                         "_m",
                                                         "_l"};

// Before a name, and, whole, of files in a folder for each image.
constexpr std::array<std::string_view, 5> image_words{"image", "images", "img", "rgb", "photo"};
constexpr std::array<std::string_view, 7> mask_words{"mask", "masks", "label",       "labels",
                                                     "gt",   "seg",   "segmentation"};

std::string last_part(std::string_view path) {
  return std::string(path.substr(path.rfind('/') + 1));
}

/// "a/mask_1" to "a/1", "a/1/mask" to "a/1", and of labelme "a/1_json/label" to "a/1".
template <std::size_t n>
std::string without_word(const std::string& name, const std::string& small,
                         const std::array<std::string_view, n>& words) {
  const auto begin = name.size() - last_part(name).size();
  for (const auto word : words) {
    const auto rest = std::string_view(small).substr(begin);
    if (!rest.starts_with(word)) continue;
    if (rest.size() > word.size() + 1 && (rest[word.size()] == '_' || rest[word.size()] == '-'))
      return name.substr(0, begin) + name.substr(begin + word.size() + 1);
    if (rest != word || begin < 2) continue;
    const std::string_view folder(name.data(), begin - 1), labelme = "_json";
    return std::string(
        folder.substr(0, folder.size() - (folder.size() > 5 && folder.ends_with(labelme) ? 5 : 0)));
  }
  return name;
}

template <std::size_t n, std::size_t m>
std::string without(const std::string& name, const std::array<std::string_view, n>& suffixes,
                    const std::array<std::string_view, m>& words) {
  std::string small = name;
  std::ranges::transform(small, small.begin(), [](unsigned char c) { return std::tolower(c); });
  for (const auto suffix : suffixes)
    if (small.size() > suffix.size() && small.ends_with(suffix))
      return name.substr(0, name.size() - suffix.size());
  return without_word(name, small, words);
}

std::string trimmed(const std::string& line) {
  const auto first = line.find_first_not_of(" \t\r"), last = line.find_last_not_of(" \t\r");
  return first == std::string::npos ? "" : line.substr(first, last - first + 1);
}

}  // namespace

std::string bare_image_name(const std::string& name) {
  return without(name, image_suffixes, image_words);
}

std::string bare_mask_name(const std::string& name) {
  return without(name, mask_suffixes, mask_words);
}

std::set<std::string> listed_images(const std::string& file,
                                    const std::map<std::string, std::string>& images,
                                    const std::string& folder) {
  std::map<std::string, std::string> by_text;  // all that a line may say, to the image's name
  const auto add = [&](const std::string& text, const std::string& name) {
    const auto [other, fresh] = by_text.emplace(text, name);
    if (!fresh && other->second != name) other->second = "";  // two images
  };
  for (const auto& [name, key] : images) {
    add(name, name);
    add(last_part(without_extension(key)), name);
    add(last_part(name), name);
  }
  const auto find = [&](const std::string& text) -> std::string {
    for (const auto& form : {text, std::string(without_extension(text)), last_part(text),
                             last_part(without_extension(text))})
      if (const auto found = by_text.find(form); found != by_text.end() && !found->second.empty())
        return found->second;
    return "";
  };
  std::set<std::string> wanted;
  std::istringstream lines(read_text_file(file));
  int number = 0;
  for (std::string line; std::getline(lines, line);) {
    ++number;
    const auto text = trimmed(line);
    if (text.empty()) continue;
    auto name = find(text);
    if (name.empty()) name = find(text.substr(0, text.find_first_of(" \t")));
    check(!name.empty(), "{}:{}: {} is no image, or not one image alone, in {}.", file, number,
          text, folder);
    wanted.insert(name);
  }
  check(!wanted.empty(), "{} names no image.", file);
  return wanted;
}

}  // namespace ijepa
