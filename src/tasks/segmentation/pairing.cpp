#include "ijepa/tasks/segmentation/pairing.hpp"

#include <algorithm>
#include <filesystem>
#include <map>
#include <set>

#include "ijepa/core/error.hpp"
#include "ijepa/data/names.hpp"
#include "ijepa/tasks/image_source.hpp"
#include "pair_names.hpp"

namespace ijepa {
namespace {

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
  const auto below = fs::weakly_canonical(inner).lexically_relative(fs::weakly_canonical(outer));
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
