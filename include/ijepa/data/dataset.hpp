// Dataset: the images that a program goes through, in a fixed order: a shard set, the images of a
// plain folder or one file. Order, share of a rank, views and prefetch are layers over it.
#pragma once
#include <cstdint>
#include <string>
#include <vector>

namespace ijepa {

class Dataset {
 public:
  virtual ~Dataset() = default;
  virtual std::int64_t size() const = 0;
  /// Path below the folder, one line of UTF-8: names that are none are written as in shards.
  virtual std::string key(std::int64_t image) const = 0;
  virtual int label(std::int64_t image) const = 0;  // index of class_names(), -1: none
  virtual const std::vector<std::string>& class_names() const = 0;
  /// The encoded bytes; any thread. An Error says why not; where() says whose.
  virtual void read(std::int64_t image, std::vector<std::uint8_t>& encoded) const = 0;
  /// For a sentence about an image: "image a/b.png".
  virtual std::string where(std::int64_t image) const { return "image " + key(image); }
  /// Differs when the images, their order or their names do (of a folder: names, sizes and a sample
  /// of the bytes).
  virtual std::uint64_t fingerprint() const = 0;
  /// Whether the order was drawn, so that the first images are a sample of all.
  virtual bool is_shuffled() const { return false; }
  /// Of a plain folder: those in it that could be classes, with images or without.
  virtual std::vector<std::string> folders() const { return {}; }
  /// Why there are no class names, as the end of a sentence about its path.
  virtual std::string why_no_classes() const { return "has images without a class"; }
  /// Which files it holds besides and passes over, as a sentence; empty: none.
  virtual std::string note() const { return ""; }
};

}  // namespace ijepa
