#include "ijepa/tasks/labelled_images.hpp"

#include <algorithm>
#include <set>

#include "ijepa/comm/agree.hpp"
#include "ijepa/data/names.hpp"

namespace ijepa {
namespace {

/// Images under the class names of another source.
class RelabelledImages final : public ChangedImages {
 public:
  RelabelledImages(std::unique_ptr<ImageSource> images, std::vector<std::string> class_names,
                   std::vector<int> labels)
      : ChangedImages(std::move(images)),
        class_names_(std::move(class_names)),
        labels_(std::move(labels)) {}
  int label(std::int64_t image) const override {
    const int label = ChangedImages::label(image);
    return label < 0 ? label : labels_.at(static_cast<std::size_t>(label));
  }
  const std::vector<std::string>& class_names() const override { return class_names_; }

 private:
  std::vector<std::string> class_names_;
  std::vector<int> labels_;  // of class_names_, by the label in the other source
};

std::int64_t index_of(const std::vector<std::string>& names, const std::string& name) {
  return std::ranges::find(names, name) - names.begin();
}

}  // namespace

std::unique_ptr<ImageSource> open_images_on_all(const std::string& path, Communicator& comm,
                                                const Log& log) {
  std::unique_ptr<ImageSource> images;
  on_all_ranks(comm, [&] { images = open_images(path); });
  require_equal_on_all_ranks(comm, "The images at " + path,
                             fmt::format("{:016x}", images->fingerprint()));
  if (const auto note = images->note(); !note.empty()) log.info("{}: {}.", utf8_name(path), note);
  return images;
}

void check_labels(const ImageSource& images, const std::string& path) {
  const auto& names = images.class_names();
  check(!names.empty(), "{} {}.", path, images.why_no_classes());
  for (std::int64_t i = 0; i < images.size(); ++i)
    check(images.label(i) >= 0, "The image {} in {} has no label.", images.key(i), path);
}

void check_classes(const ImageSource& images, const std::string& path) {
  check_labels(images, path);
  for (const auto& name : images.folders())
    check(index_of(images.class_names(), name) < std::ssize(images.class_names()),
          "The class folder {}/{} holds no image; add images or remove it.", path, name);
  check(images.class_names().size() > 1,
        "{} has one class only, {}; a classifier needs two or more.", path,
        images.class_names().front());
}

std::unique_ptr<ImageSource> with_classes_of(const ImageSource& train,
                                             const std::string& train_path,
                                             std::unique_ptr<ImageSource> valid,
                                             const std::string& valid_path, const Log& log) {
  const auto& names = train.class_names();
  if (valid->class_names() == names) return valid;
  std::vector<int> labels;
  std::set<std::string> missing(names.begin(), names.end());
  for (const auto& name : valid->class_names()) {
    labels.push_back(static_cast<int>(index_of(names, name)));
    check(labels.back() < std::ssize(names),
          "{} has the class {}, but {} has not{}: a classifier learns the classes of its training "
          "images alone.",
          valid_path, name, train_path, look_alike_note(name, names));
    missing.erase(name);
  }
  if (!missing.empty())
    log.info(
        "warning: {} has no images of {} of the {} classes, the first is {}; its figures say "
        "nothing of them.",
        valid_path, missing.size(), names.size(), *missing.begin());
  return std::make_unique<RelabelledImages>(std::move(valid), names, std::move(labels));
}

}  // namespace ijepa
