#include "ijepa/tasks/segmentation/pairs.hpp"

#include <algorithm>
#include <filesystem>
#include <map>

#include "ijepa/core/error.hpp"
#include "ijepa/core/file.hpp"
#include "ijepa/data/resize.hpp"
#include "ijepa/tasks/image_source.hpp"

namespace ijepa {
namespace {

namespace fs = std::filesystem;

/// Name without ending, to path. An Error for two files of one name.
std::map<std::string, std::string> by_name(const std::string& folder) {
  check(fs::is_directory(folder), "There is no folder {}.", folder);
  std::map<std::string, std::string> found;
  for (const auto& key : image_files(folder)) {
    const auto name = fs::path(key).replace_extension().generic_string();
    const auto [other, fresh] = found.emplace(name, (fs::path(folder) / key).string());
    check(fresh, "{} and {} have the same name: which one is meant?", other->second, key);
  }
  return found;
}

std::vector<std::uint8_t> read_file(const std::string& path) {
  const File file(path, File::Mode::read);
  std::vector<std::uint8_t> bytes(static_cast<std::size_t>(file.size()));
  file.read(0, bytes.data(), bytes.size());
  return bytes;
}

template <class Read>
auto read_named(const std::string& path, const char* what, const Read& read) {
  try {
    return read(read_file(path));
  } catch (const Error& e) {
    fail("The {} {} cannot be read: {}", what, path, e.what());
  }
}

}  // namespace

std::vector<ImagePair> find_pairs(const std::string& images, const std::string& masks) {
  const auto image_names = by_name(images);
  auto mask_names = by_name(masks);
  check(!image_names.empty(), "The folder {} holds no JPEG or PNG files.", images);
  std::vector<ImagePair> pairs;
  for (const auto& [name, path] : image_names) {
    auto mask = mask_names.find(name);
    if (mask == mask_names.end()) {
      mask = mask_names.lower_bound(name + "_");
      check(mask != mask_names.end() && mask->first.starts_with(name + "_"),
            "The image {} has no mask {}.png in {}.", path, name, masks);
    }
    pairs.push_back({path, mask->second});
    mask_names.erase(mask);
  }
  check(mask_names.empty(), "The mask {} has no image in {}.",
        mask_names.empty() ? "" : mask_names.begin()->second, images);
  return pairs;
}

LabelledImage read_pair(const ImagePair& pair, const MaskReader& masks) {
  LabelledImage out{
      read_named(pair.image, "image", [](const auto& bytes) { return decode_image(bytes); }),
      read_named(pair.mask, "mask", [&](const auto& bytes) { return masks.read(bytes); })};
  check(out.image.height == out.labels.height && out.image.width == out.labels.width,
        "The image {} has {} x {} pixels, but its mask {} has {} x {}.", pair.image,
        out.image.width, out.image.height, pair.mask, out.labels.width, out.labels.height);
  return out;
}

LabelledImage resized(const LabelledImage& pair, Size size) {
  LabelledImage out{{size.height, size.width, {}}, resize_labels(pair.labels, size)};
  out.image.rgb.resize(out.labels.index.size() * 3);
  Resizer().resize(pair.image.view(), size, out.image.rgb.data());
  return out;
}

}  // namespace ijepa
