#include "ijepa/data/slices.hpp"

#include <algorithm>

#include "ijepa/core/error.hpp"

namespace ijepa {
namespace {

void check_ranks(std::int64_t rank, std::int64_t ranks) {
  check(ranks >= 1 && rank >= 0 && rank < ranks, "Rank {} is not one of {} ranks.", rank, ranks);
}

}  // namespace

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
