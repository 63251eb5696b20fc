#include "ijepa/tasks/segmentation/dataset.hpp"

#include <algorithm>

#include "ijepa/comm/agree.hpp"
#include "ijepa/core/parallel.hpp"
#include "ijepa/core/permutation.hpp"
#include "ijepa/tasks/segmentation/augment_pair.hpp"

namespace ijepa {
namespace {

/// read(i) for i in [0, count) on threads, put together.
template <class Read>
PairBatch make_batch(std::int64_t count, Size size, int threads, const Read& read) {
  PairBatch batch{{}, std::vector<IndexImage>(static_cast<std::size_t>(count)), size};
  const auto bytes = static_cast<std::size_t>(PixelBatch{nullptr, 1, size}.bytes_each());
  batch.rgb.resize(static_cast<std::size_t>(count) * bytes);
  parallel_for(static_cast<std::size_t>(count), threads, [&](std::size_t i) {
    LabelledImage pair = read(static_cast<std::int64_t>(i));
    std::ranges::copy(pair.image.rgb, batch.rgb.begin() + static_cast<std::ptrdiff_t>(i * bytes));
    batch.labels[i] = std::move(pair.labels);
  });
  return batch;
}

std::string names_of(const std::vector<ImagePair>& pairs) {
  std::string names;
  for (const auto& pair : pairs) names += pair.image + "\n" + pair.mask + "\n";
  return names;
}

}  // namespace

SegmentationData::SegmentationData(const std::string& images, const std::string& masks,
                                   const Labels& labels, Size size, Communicator& comm)
    : classes_(labels.count()), masks_(labels), size_(size) {
  on_all_ranks(comm, [&] { pairs_ = find_pairs(images, masks); });
  require_equal_on_all_ranks(
      comm, "The list of images in " + images,
      fmt::format("{} pairs, {:016x}", pairs_.size(), std::hash<std::string>()(names_of(pairs_))));
}

std::vector<std::int64_t> SegmentationData::inspect(int threads, Communicator& comm) const {
  const auto ranks = static_cast<std::int64_t>(comm.size()), rank = std::int64_t{comm.rank()};
  const auto kinds = static_cast<std::size_t>(classes_) + 1;
  const auto mine = (size() - rank + ranks - 1) / ranks;
  std::vector<std::vector<double>> counts(static_cast<std::size_t>(std::max(threads, 1)),
                                          std::vector<double>(kinds));
  on_all_ranks(comm, [&] {
    parallel_for(static_cast<std::size_t>(mine), threads, [&](std::size_t i, int thread) {
      const auto pair = read_pair(
          pairs_[static_cast<std::size_t>(rank) + i * static_cast<std::size_t>(ranks)], masks_);
      for (const auto label : pair.labels.index)
        ++counts[static_cast<std::size_t>(thread)][std::min<std::size_t>(label, kinds - 1)];
    });
  });
  std::vector<double> sum(kinds);
  for (const auto& part : counts) std::ranges::transform(sum, part, sum.begin(), std::plus<>());
  comm.all_reduce(sum, Reduction::sum);
  return {sum.begin(), sum.end()};
}

LabelledImage SegmentationData::read(std::int64_t pair) const {
  return resized(read_pair(pairs_.at(static_cast<std::size_t>(pair)), masks_), size_);
}

PairBatch SegmentationData::ordered(std::int64_t first, std::int64_t count, int threads) const {
  return make_batch(count, size_, threads, [&](std::int64_t i) { return read(first + i); });
}

PairBatch SegmentationData::shuffled(std::uint64_t seed, std::int64_t epoch, std::int64_t first,
                                     std::int64_t count, bool augmented, int threads) const {
  const auto n = static_cast<std::uint64_t>(size()), e = static_cast<std::uint64_t>(epoch);
  const Permutation order(n, seed, Purpose::order, e);
  return make_batch(count, size_, threads, [&](std::int64_t i) {
    const auto position = static_cast<std::uint64_t>(first + i);
    LabelledImage pair = read(static_cast<std::int64_t>(order.find(position)));
    Rng rng(seed, Purpose::augment, e, position);
    if (augmented) augment(PairDraw::draw(rng), pair);
    return pair;
  });
}

}  // namespace ijepa
