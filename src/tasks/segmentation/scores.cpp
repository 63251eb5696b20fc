#include "ijepa/tasks/segmentation/scores.hpp"

#include <cmath>
#include <limits>

namespace ijepa {
namespace {

constexpr double nan = std::numeric_limits<double>::quiet_NaN();

std::vector<std::int64_t> as_counts(std::span<const double> numbers) {
  return {numbers.begin(), numbers.end()};
}

}  // namespace

SegmentationScores scores_of(std::span<const std::int64_t> confusion) {
  const auto classes = static_cast<std::size_t>(std::lround(std::sqrt(confusion.size())));
  SegmentationScores out;
  std::int64_t right = 0, all = 0;
  double sum = 0;
  for (std::size_t c = 0; c < classes; ++c) {
    std::int64_t truth = 0, predicted = 0;
    for (std::size_t other = 0; other < classes; ++other) {
      truth += confusion[c * classes + other];
      predicted += confusion[other * classes + c];
    }
    const std::int64_t both = confusion[c * classes + c], either = truth + predicted - both;
    out.iou.push_back(either == 0 ? nan : static_cast<double>(both) / static_cast<double>(either));
    if (either == 0)
      ++out.absent;
    else
      sum += out.iou.back();
    right += both;
    all += truth;
  }
  out.mean_iou = sum / static_cast<double>(static_cast<std::int64_t>(classes) - out.absent);
  out.pixel_accuracy = static_cast<double>(right) / static_cast<double>(all);
  return out;
}

ScoreSum::ScoreSum(std::int64_t classes)
    : numbers_(first_count + static_cast<std::size_t>(classes * classes)) {}

void ScoreSum::add(const PixelResult& batch) {
  const auto scores = scores_of(batch.confusion);
  double iou = 0;
  for (const double value : scores.iou) iou += std::isnan(value) ? 0 : value;
  const bool counts = batch.pixels > 0;  // a batch that is wholly ignored has no figures
  numbers_[0] += batch.loss;
  numbers_[1] += static_cast<double>(batch.pixels);
  numbers_[2] += 1;
  numbers_[3] += counts ? batch.loss / static_cast<double>(batch.pixels) : 0;
  numbers_[4] += counts ? scores.pixel_accuracy : 0;
  numbers_[5] += iou / static_cast<double>(scores.iou.size());
  for (std::size_t i = 0; i < batch.confusion.size(); ++i)
    numbers_[first_count + i] += static_cast<double>(batch.confusion[i]);
}

void ScoreSum::reduce(Communicator& comm) {
  comm.wait(comm.sum_async(numbers_));
}

SegmentationScores ScoreSum::scores() const {
  return scores_of(as_counts(std::span(numbers_).subspan(first_count)));
}

ScoreSum::Compat ScoreSum::compat() const {
  const double divisor = numbers_[2] + 1;
  return {numbers_[3] / divisor, numbers_[4] / divisor, numbers_[5] / divisor};
}

void reduce(PixelResult& inout, Communicator& comm) {
  std::vector<double> numbers{inout.loss, static_cast<double>(inout.pixels)};
  numbers.insert(numbers.end(), inout.confusion.begin(), inout.confusion.end());
  comm.wait(comm.sum_async(numbers));
  inout = {numbers[0], static_cast<std::int64_t>(numbers[1]),
           as_counts(std::span(numbers).subspan(2))};
}

void add(const PixelResult& part, PixelResult& sum) {
  sum.loss += part.loss;
  sum.pixels += part.pixels;
  for (std::size_t i = 0; i < part.confusion.size(); ++i) sum.confusion[i] += part.confusion[i];
}

}  // namespace ijepa
