#include "ijepa/tasks/segmentation/pairing.hpp"

#include <algorithm>
#include <array>
#include <filesystem>
#include <map>
#include <set>
#include <sstream>
#include <string>
#include <string_view>

#include "ijepa/core/error.hpp"
#include "ijepa/core/file.hpp"
#include "ijepa/core/path.hpp"
#include "ijepa/data/names.hpp"
#include "ijepa/tasks/images/open_images.hpp"

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

/// Without the suffix that a data set or tool gives to images ("_leftImg8bit") or to masks
/// ("_mask"), if it has one.
std::string bare_image_name(const std::string& name) {
  return without(name, image_suffixes, image_words);
}

std::string bare_mask_name(const std::string& name) {
  return without(name, mask_suffixes, mask_words);
}

/// The names of `images` (name to key) that a file lists, one a line: as a name, a file name or a
/// path, of which more may follow behind a blank. An Error names the line that is no image of
/// `folder`.
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

namespace fs = std::filesystem;

/// Name to key.
using Names = std::map<std::string, std::string>;

constexpr const char* options =
    "--image-suffix, --mask-suffix and the --train-list and "
    "--valid-list say what belongs together (docs/segment.md)";

/// By their names, without `suffix`, where they have it; an Error for two files of one name.
Names by_name(const std::vector<std::string>& keys, const std::string& suffix) {
  Names found;
  for (const auto& key : keys) {
    std::string name(without_extension(key));
    if (!name.ends_with(suffix)) continue;
    name.resize(name.size() - suffix.size());
    const auto [other, fresh] = found.emplace(name, key);
    check(fresh, "{} and {} have the same name: which one is meant?", other->second, key);
  }
  return found;
}

class Matching {
 public:
  Matching(const PairSource& source, Names images, Names masks)
      : source_(source), images_(std::move(images)), masks_(std::move(masks)) {
    for (const auto& [name, key] : images_) {
      by_file_.emplace(key, name);
      const auto bare = bare_image_name(name);
      if (bare != name && !by_bare_.emplace(bare, name).second) by_bare_[bare] = "";
    }
  }

  /// Image name to mask key.
  Names run() {
    const bool said = !source_.image_suffix.empty() || !source_.mask_suffix.empty();
    take([&](const std::string& mask) { return known(mask); });
    if (!said) {
      take([&](const std::string& mask) { return value(by_file_, mask); });
      take([&](const std::string& mask) { return by_suffix(mask); });
      take([&](const std::string& mask) { return longest_beginning(mask); });
    }
    if (source_.list.empty() && !masks_.empty() && !pairs_.empty()) refuse_left_over();
    return pairs_;
  }

 private:
  static std::string value(const Names& names, const std::string& name) {
    const auto found = names.find(name);
    return found == names.end() ? "" : found->second;
  }
  std::string known(const std::string& name) const { return images_.contains(name) ? name : ""; }

  /// The image, or "", of a mask without its suffix.
  std::string by_suffix(const std::string& mask) const {
    const auto bare = bare_mask_name(mask);
    for (auto image :
         {known(bare), value(by_file_, bare), value(by_bare_, bare), value(by_bare_, mask)})
      if (!image.empty()) return image;
    return "";
  }

  std::string longest_beginning(const std::string& mask) const {
    for (auto at = mask.find_last_of("_-."); at != std::string::npos && at > 0;
         at = mask.find_last_of("_-.", at - 1)) {
      const auto name = mask.substr(0, at);
      for (auto image : {known(name), value(by_file_, name), value(by_bare_, name)})
        if (!image.empty()) return image;
    }
    return "";
  }

  /// Gives each mask to the image that `image_of` says, unless an earlier rule gave that one a
  /// mask.
  template <class ImageOf>
  void take(const ImageOf& image_of) {
    Names taken;
    for (const auto& [name, key] : masks_) {
      const std::string image = image_of(name);
      if (image.empty() || pairs_.contains(image)) continue;
      const auto [other, fresh] = taken.emplace(image, key);
      check(fresh, "The image {} has two masks, {} and {}, in {}. {}.", images_.at(image),
            other->second, key, source_.masks, options);
    }
    std::erase_if(masks_, [&](const auto& mask) {
      const auto at = taken.find(image_of(mask.first));
      return at != taken.end() && at->second == mask.second;
    });
    pairs_.merge(taken);
  }

  void refuse_left_over() const {
    const auto& [name, key] = *masks_.begin();
    auto image = by_suffix(name);
    if (image.empty()) image = longest_beginning(name);
    const auto owner = pairs_.find(image);
    const auto why = owner == pairs_.end() ? std::string()
                                           : fmt::format(" of its own: {} has the mask {}",
                                                         images_.at(image), owner->second);
    fail("The mask {} has no image in {}{}. {} of {} masks are left over; {}.",
         (fs::path(source_.masks) / key).string(), source_.images, why, masks_.size(),
         masks_.size() + pairs_.size(), options);
  }

  const PairSource& source_;
  Names images_, masks_;     // masks: those that have no image yet
  Names by_file_, by_bare_;  // to names of images; "" where two would fit
  Names pairs_;
};

/// Files of `outer` without those of a folder inside of it.
std::vector<std::string> files_of(const std::string& outer, const std::string& inner) {
  check(fs::is_directory(outer), "There is no folder {}.", outer);
  auto keys = image_files(outer);
  const auto below = fs::path(real_path(inner)).lexically_relative(real_path(outer));
  if (below.empty() || below == "." || *below.begin() == "..") return keys;
  std::erase_if(keys, [&](const auto& k) { return k.starts_with(below.generic_string() + "/"); });
  return keys;
}

/// Moves the masks among `keys` out of it.
std::vector<std::string> split_off_masks(std::vector<std::string>& keys,
                                         const std::string& suffix) {
  std::set<std::string> files(keys.begin(), keys.end()), bare;
  std::multiset<std::string> all;
  for (const auto& key : keys) {
    all.emplace(without_extension(key));
    bare.insert(bare_image_name(std::string(without_extension(key))));
  }
  const auto is_mask = [&](const std::string& key) {
    const std::string name(without_extension(key)), own = bare_mask_name(name);
    if (!suffix.empty()) return name.ends_with(suffix);
    if (files.contains(name) || (own != name && (all.contains(own) || bare.contains(own))))
      return true;
    return all.count(name) > 1 && key.ends_with(".png");
  };
  std::vector<std::string> masks;
  std::ranges::copy_if(keys, std::back_inserter(masks), is_mask);
  std::erase_if(keys, is_mask);
  return masks;
}

}  // namespace

PairList find_pairs(const PairSource& source) {
  auto images = files_of(source.images, source.masks);
  check(!images.empty(), "The folder {} holds no images.", source.images);
  check(fs::is_directory(source.masks), "There is no folder {}.", source.masks);
  const auto masks = fs::equivalent(source.images, source.masks)
                         ? split_off_masks(images, source.mask_suffix)
                         : files_of(source.masks, source.images);
  const auto named = by_name(images, source.image_suffix);
  const auto wanted = source.list.empty() ? std::set<std::string>()
                                          : listed_images(source.list, named, source.images);
  const auto found = Matching(source, named, by_name(masks, source.mask_suffix)).run();
  PairList out;
  for (const auto& [name, key] : named) {
    if (!source.list.empty() && !wanted.contains(name)) continue;
    const auto path = (fs::path(source.images) / key).string();
    const auto mask = found.find(name);
    check(mask != found.end() || source.list.empty(),
          "The image {}, which {} names, has no mask in {}.", path, source.list, source.masks);
    if (mask != found.end())
      out.pairs.push_back({path, (fs::path(source.masks) / mask->second).string()});
    else if (out.without_mask++ == 0)
      out.first_without_mask = path;
  }
  check(!out.pairs.empty(),
        "No mask in {} fits any of the {} images in {} by its name: the first image is {}, the "
        "first mask {}. {}.",
        source.masks, named.size(), source.images, out.first_without_mask,
        masks.empty() ? "missing" : masks.front(), options);
  return out;
}

}  // namespace ijepa
