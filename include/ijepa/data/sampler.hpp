// Sampler: which image stands at which position of an epoch. A pure function of (seed, epoch,
// position) in constant memory, so that resuming is a number and any rank can ask for any position.
#pragma once
#include <cstdint>
#include <memory>
#include <vector>

namespace ijepa {

enum class Order : std::uint8_t {
  full,    // a true permutation: small reads anywhere
  blocks,  // runs of images in storage order, shuffled, then mixed inside windows of several runs
  stored,  // as stored, every epoch alike
};

struct OrderConfig {
  Order order = Order::full;
  std::int64_t block_images = 1024;  // in one run of storage; order `blocks` only
  std::int64_t window_blocks = 64;   // runs whose images are mixed; order `blocks` only
};

class Sampler {
 public:
  /// Error: no images, or a block or window without any.
  Sampler(std::int64_t size, std::uint64_t seed, const OrderConfig& config = {});
  /// Of some images of a set; their order in the list is the stored one.
  Sampler(std::vector<std::int64_t> images, std::uint64_t seed, const OrderConfig& config = {});

  std::int64_t size() const { return size_; }
  /// Images that a set must have at least: one more than the highest index.
  std::int64_t images_needed() const;

  /// The image at `position` in [0, size()) of the order of `epoch`. Each epoch holds each image
  /// once; what does not fill a last batch is another part of the set every epoch.
  std::int64_t index(std::int64_t epoch, std::int64_t position) const;

 private:
  std::int64_t place(std::int64_t epoch, std::int64_t position) const;
  std::int64_t index_in_blocks(std::int64_t epoch, std::int64_t position) const;

  std::int64_t size_;
  std::uint64_t seed_;
  OrderConfig config_;
  std::shared_ptr<const std::vector<std::int64_t>> chosen_;  // null: every image
};

}  // namespace ijepa
