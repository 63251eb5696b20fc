#include "ijepa/data/loading/sampler.hpp"

#include <algorithm>

#include "ijepa/core/error.hpp"
#include "ijepa/core/permutation.hpp"
#include "ijepa/core/rng.hpp"

namespace ijepa {
namespace {

constexpr std::int64_t size_limit = std::int64_t{1} << 40;

Permutation permutation(std::int64_t size, std::uint64_t seed, std::int64_t epoch,
                        std::int64_t stream) {
  return {unsigned_of(size), seed, Purpose::order, unsigned_of(epoch), unsigned_of(stream)};
}

std::int64_t place_in(const Permutation& order, std::int64_t i) {
  return static_cast<std::int64_t>(order(unsigned_of(i)));
}

/// Shuffled runs of `block` images laid one after another; the one short run, if any, may stand
/// anywhere among them.
struct Runs {
  std::int64_t block, missing;  // images a run; images the short run lacks
  std::int64_t short_slot;      // where the short run stands

  std::int64_t begin(std::int64_t slot) const {
    return slot * block - (slot > short_slot ? missing : 0);
  }
  std::int64_t slot_of(std::int64_t position) const {
    return position < begin(short_slot + 1) ? position / block : (position + missing) / block;
  }
};

void check_ranks(std::int64_t rank, std::int64_t ranks) {
  check(ranks >= 1 && rank >= 0 && rank < ranks, "Rank {} is not one of {} ranks.", rank, ranks);
}

}  // namespace

Sampler::Sampler(std::int64_t size, std::uint64_t seed, const OrderConfig& config)
    : size_(size), seed_(seed), config_(config) {
  check(size >= 1 && size < size_limit, "A set of {} images cannot be sampled.", size);
  check(config.block_images >= 1 && config.block_images < size_limit && config.window_blocks >= 1 &&
            config.window_blocks < size_limit,
        "Blocks of {} images in windows of {} blocks: both must be at least 1.",
        config.block_images, config.window_blocks);
  check(config.order != Order::blocks ||
            size / config.block_images / config.window_blocks < Permutation::max_streams - 2,
        "{} images make too many windows of {} blocks of {} images: make blocks larger.", size,
        config.window_blocks, config.block_images);
}

Sampler::Sampler(std::vector<std::int64_t> images, std::uint64_t seed, const OrderConfig& config)
    : Sampler(static_cast<std::int64_t>(images.size()), seed, config) {
  check(std::ranges::min(images) >= 0, "Image {} does not exist.", std::ranges::min(images));
  chosen_ = std::make_shared<const std::vector<std::int64_t>>(std::move(images));
}

std::int64_t Sampler::images_needed() const {
  return chosen_ ? std::ranges::max(*chosen_) + 1 : size_;
}

std::int64_t Sampler::index(std::int64_t epoch, std::int64_t position) const {
  const auto i = place(epoch, position);
  return chosen_ ? (*chosen_)[static_cast<std::size_t>(i)] : i;
}

std::int64_t Sampler::place(std::int64_t epoch, std::int64_t position) const {
  check(position >= 0 && position < size_, "Position {} lies outside an epoch of {} images.",
        position, size_);
  switch (config_.order) {
    case Order::full:
      return place_in(permutation(size_, seed_, epoch, 0), position);
    case Order::blocks:
      return index_in_blocks(epoch, position);
    case Order::stored:
      return position;
  }
  fail("Order {} is unknown.", static_cast<int>(config_.order));
}

// Shuffle the runs; then shuffle the images inside each window of consecutive shuffled runs. Stream
// 0 orders the runs, stream w + 1 the images of window w.
std::int64_t Sampler::index_in_blocks(std::int64_t epoch, std::int64_t position) const {
  const std::int64_t block = std::min(config_.block_images, size_);
  const std::int64_t blocks = (size_ + block - 1) / block;
  const Permutation order = permutation(blocks, seed_, epoch, 0);
  const Runs runs{block, blocks * block - size_,
                  static_cast<std::int64_t>(order.find(unsigned_of(blocks - 1)))};

  const std::int64_t window = runs.slot_of(position) / config_.window_blocks;
  const std::int64_t begin = runs.begin(window * config_.window_blocks);
  const std::int64_t end =
      runs.begin(std::min(blocks, window * config_.window_blocks + config_.window_blocks));
  const std::int64_t mixed =
      begin + place_in(permutation(end - begin, seed_, epoch, window + 1), position - begin);

  const std::int64_t slot = runs.slot_of(mixed);
  return place_in(order, slot) * block + (mixed - runs.begin(slot));
}

void TrainSchedule::check_possible() const {
  check_ranks(rank, ranks);
  check(micro_batch >= 1, "A micro-batch of {} images is not possible.", micro_batch);
  check(global_batch >= ranks, "A global batch of {} images is too small for {} ranks.",
        global_batch, ranks);
  check(images >= global_batch,
        "The data has {} images, fewer than one global batch of {}: lower the batch.", images,
        global_batch);
}

std::int64_t TrainSchedule::micro_batches() const {
  return (share_end() - share_begin() + micro_batch - 1) / micro_batch;
}

std::optional<Slice> TrainSchedule::operator()(std::int64_t number) const {
  const std::int64_t step = number / micro_batches();
  const std::int64_t inside = number % micro_batches() * micro_batch;
  const std::int64_t begin = step % steps_per_epoch() * global_batch + share_begin() + inside;
  const std::int64_t left = share_end() - share_begin() - inside;
  return Slice{step, step / steps_per_epoch(), begin, std::min(micro_batch, left)};
}

void EvaluationSchedule::check_possible() const {
  check_ranks(rank, ranks);
  check(batch >= 1, "A batch of {} images is not possible.", batch);
  check(images >= 0, "A set of {} images is not possible.", images);
}

std::optional<Slice> EvaluationSchedule::operator()(std::int64_t number) const {
  const std::int64_t first = share_begin() + number * batch;
  if (first >= share_end()) return std::nullopt;
  return Slice{number, 0, first, std::min(batch, share_end() - first)};
}

}  // namespace ijepa
