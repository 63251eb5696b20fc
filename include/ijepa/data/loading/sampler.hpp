// Sampler: which image stands at which position of an epoch. A pure function of (seed, epoch,
// position) in constant memory, so that resuming is a number and any rank can ask for any position.
// Slices: which of them each batch of a rank holds.
#pragma once
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
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

/// A run of positions in the order of an epoch: what one micro-batch holds.
struct Slice {
  std::int64_t step = 0, epoch = 0;
  std::int64_t first = 0, count = 0;  // positions
  bool operator==(const Slice&) const = default;
};

/// The slice of batch `number` = 0, 1, ...; nothing behind the last one. Must be pure.
using SliceSchedule = std::function<std::optional<Slice>(std::int64_t number)>;

/// Training: every step takes `global_batch` consecutive positions of an epoch, of which each rank
/// owns a contiguous share, cut into micro-batches. What is left of an epoch is dropped.
struct TrainSchedule {
  std::int64_t images = 0, global_batch = 0;
  std::int64_t micro_batch = 0;  // at most; the last one of a step may be shorter
  std::int64_t rank = 0, ranks = 1;

  /// An Error if an epoch has no step, or a rank no image.
  void check_possible() const;
  std::int64_t steps_per_epoch() const { return images / global_batch; }
  std::int64_t share_begin() const { return global_batch * rank / ranks; }
  std::int64_t share_end() const { return global_batch * (rank + 1) / ranks; }
  /// Batches this rank is given a step; batch `number` belongs to step number / micro_batches().
  std::int64_t micro_batches() const;
  std::optional<Slice> operator()(std::int64_t number) const;
};

/// Evaluation: images 0 .. n-1 once, each rank a contiguous share, the last batch shorter.
struct EvaluationSchedule {
  std::int64_t images = 0, batch = 0;
  std::int64_t rank = 0, ranks = 1;

  void check_possible() const;
  std::int64_t share_begin() const { return images * rank / ranks; }
  std::int64_t share_end() const { return images * (rank + 1) / ranks; }
  std::optional<Slice> operator()(std::int64_t number) const;
};

}  // namespace ijepa
