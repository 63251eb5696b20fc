// ImageSource: the images that a task goes through, in a fixed order: a shard set, the images of a
// plain folder, or one image file.
#pragma once
#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <vector>

namespace ijepa {

class ImageSource {
 public:
  virtual ~ImageSource() = default;
  virtual std::int64_t size() const = 0;
  /// Path below the folder, one line of UTF-8: names that are none are written as in shards.
  virtual std::string key(std::int64_t image) const = 0;
  virtual int label(std::int64_t image) const = 0;  // index of class_names(), -1: none
  virtual const std::vector<std::string>& class_names() const = 0;
  /// The encoded bytes; any thread. An Error names the image.
  virtual void read(std::int64_t image, std::vector<std::uint8_t>& encoded) const = 0;
  /// Differs when the images, their order or their names do (of a folder: names and sizes).
  virtual std::uint64_t fingerprint() const = 0;
  /// Of a plain folder: those in it that could be classes, with images or without.
  virtual std::vector<std::string> folders() const { return {}; }
  /// Why there are no class names, as the end of a sentence about its path.
  virtual std::string why_no_classes() const { return "has images without a class"; }
  /// Which files it holds besides and passes over, as a sentence; empty: none.
  virtual std::string note() const { return ""; }
};

/// The images of another source, with something about them changed.
class ChangedImages : public ImageSource {
 public:
  std::int64_t size() const override { return images_->size(); }
  std::string key(std::int64_t image) const override { return images_->key(at(image)); }
  int label(std::int64_t image) const override { return images_->label(at(image)); }
  const std::vector<std::string>& class_names() const override { return images_->class_names(); }
  void read(std::int64_t image, std::vector<std::uint8_t>& encoded) const override {
    images_->read(at(image), encoded);
  }
  std::uint64_t fingerprint() const override { return images_->fingerprint(); }
  std::string why_no_classes() const override { return images_->why_no_classes(); }
  std::string note() const override { return images_->note(); }

 protected:
  explicit ChangedImages(std::unique_ptr<ImageSource> images) : images_(std::move(images)) {}
  /// Which of the other source's images this one is.
  virtual std::int64_t at(std::int64_t image) const { return image; }

 private:
  std::unique_ptr<ImageSource> images_;
};

/// Paths below the folder of its images at any depth, by name: find_images(). An Error if it cannot
/// be listed.
std::vector<std::string> image_files(const std::string& folder);

/// A shard set; or else a folder: its images in the order of their paths, at any depth. Where all
/// lie in sub-folders, those are the classes, unless their names say otherwise
/// (are_no_classes()). Or one image file. An Error if there is nothing, or
/// no image in it.
std::unique_ptr<ImageSource> open_images(const std::string& path);

/// One image file, whatever it holds, as a source of this key.
std::unique_ptr<ImageSource> one_image(const std::string& path, const std::string& key);

/// The image of this key, or of this number where no key is the same. An Error if there is none.
std::int64_t find_image(const ImageSource& images, const std::string& key_or_number);

}  // namespace ijepa
