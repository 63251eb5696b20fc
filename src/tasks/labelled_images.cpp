#include "ijepa/tasks/labelled_images.hpp"

#include <algorithm>
#include <filesystem>

#include "ijepa/comm/agree.hpp"
#include "ijepa/data/names.hpp"

namespace ijepa {
namespace {

namespace fs = std::filesystem;

/// Sub-folders of a plain folder that gave no class, because no image is in them.
void check_no_empty_class(const ImageSource& images, const fs::path& folder) {
  if (!fs::is_directory(folder)) return;
  for (const auto& entry : fs::directory_iterator(folder)) {
    const auto name = entry.path().filename().string();
    check(!entry.is_directory() || name.starts_with('.') ||
              std::ranges::binary_search(images.class_names(), name),
          "The class folder {} holds no JPEG or PNG file; add images or remove it.",
          entry.path().string());
  }
}

void check_contains(const ImageSource& larger, const std::string& larger_path,
                    const ImageSource& smaller, const std::string& smaller_path) {
  for (const auto& name : smaller.class_names())
    check(std::ranges::find(larger.class_names(), name) != larger.class_names().end(),
          "{} has the class {}, but {} has not{}; training and validation images need the same "
          "classes.",
          smaller_path, name, larger_path, look_alike_note(name, larger.class_names()));
}

}  // namespace

std::unique_ptr<ImageSource> open_images_on_all(const std::string& path, Communicator& comm) {
  std::unique_ptr<ImageSource> images;
  on_all_ranks(comm, [&] { images = open_images(path); });
  require_equal_on_all_ranks(comm, "The images at " + path,
                             fmt::format("{:016x}", images->fingerprint()));
  return images;
}

void check_classes(const ImageSource& images, const std::string& path) {
  const auto& names = images.class_names();
  check(!names.empty(), "{} has images outside class folders; put each into a folder of its class.",
        path);
  if (std::ranges::is_sorted(names)) check_no_empty_class(images, path);
  check(names.size() > 1, "{} has one class only, {}; a classifier needs two or more.", path,
        names.front());
  for (std::int64_t i = 0; i < images.size(); ++i)
    check(images.label(i) >= 0, "The image {} in {} has no label.", images.key(i), path);
}

void check_same_classes(const ImageSource& train, const std::string& train_path,
                        const ImageSource& valid, const std::string& valid_path) {
  check_contains(train, train_path, valid, valid_path);
  check_contains(valid, valid_path, train, train_path);
  check(train.class_names() == valid.class_names(),
        "{} and {} have the same classes in another order; pack both shard sets from folders.",
        train_path, valid_path);
}

}  // namespace ijepa
