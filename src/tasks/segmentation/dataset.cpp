#include "ijepa/tasks/segmentation/dataset.hpp"

#include <algorithm>

#include "ijepa/comm/agree.hpp"
#include "ijepa/core/parallel.hpp"
#include "ijepa/core/permutation.hpp"
#include "ijepa/tasks/rank_batches.hpp"
#include "ijepa/tasks/segmentation/pairs.hpp"

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

SegmentationData::SegmentationData(const PairSource& source, const PairReader& reader,
                                   std::int64_t classes, Size size, Communicator& comm,
                                   const Log& log)
    : classes_(classes), reader_(reader), size_(size) {
  PairList found;
  on_all_ranks(comm, [&] { found = find_pairs(source); });
  pairs_ = std::move(found.pairs);
  require_equal_on_all_ranks(
      comm, "The list of images in " + source.images,
      fmt::format("{} pairs, {:016x}", pairs_.size(), std::hash<std::string>()(names_of(pairs_))));
  if (comm.rank() == 0 && found.without_mask > 0)
    log.warn("{}: {} of {} images have no mask and are left out; the first is {}", source.images,
             found.without_mask, found.without_mask + this->size(), found.first_without_mask);
}

MaskContent SegmentationData::inspect_own(int threads, int rank, int ranks) const {
  const auto kinds = static_cast<std::size_t>(classes_) + 1;
  std::vector<MaskContent> parts(static_cast<std::size_t>(std::max(threads, 1)));
  for (auto& part : parts) part.pixels.resize(kinds);
  const RankBatches shared(size(), 1, rank, ranks);
  parallel_for(static_cast<std::size_t>(shared.mine()), threads, [&](std::size_t i, int thread) {
    auto& part = parts[static_cast<std::size_t>(thread)];
    const auto number = shared.first(static_cast<std::int64_t>(i));
    const auto pair = reader_.read(this->pair(number), &part.unknown, number);
    part.turned += pair.turned;
    for (const auto label : pair.labels.index)
      ++part.pixels[std::min<std::size_t>(label, kinds - 1)];
  });
  for (std::size_t t = 1; t < parts.size(); ++t) {
    std::ranges::transform(parts[0].pixels, parts[t].pixels, parts[0].pixels.begin(),
                           std::plus<>());
    parts[0].unknown.add(parts[t].unknown);
    parts[0].turned += parts[t].turned;
  }
  return std::move(parts[0]);
}

MaskContent SegmentationData::inspect(int threads, Communicator& comm) const {
  MaskContent own, all;
  on_all_ranks(comm, [&] { own = inspect_own(threads, comm.rank(), comm.size()); });
  std::vector<double> sum(own.pixels.begin(), own.pixels.end());
  sum.push_back(static_cast<double>(own.turned));
  comm.all_reduce(sum, Reduction::sum);
  all.turned = static_cast<std::int64_t>(sum.back());
  sum.pop_back();
  all.pixels.assign(sum.begin(), sum.end());
  constexpr std::size_t sent = 64;
  const auto pixels = comm.gather_all_values(own.unknown.pixels());
  const auto values = comm.gather_all_lists(own.unknown.commonest(sent));
  for (std::size_t rank = 0; rank < values.size(); ++rank)
    all.unknown.add(values[rank], pixels[rank]);
  return all;
}

LabelledImage SegmentationData::read(std::int64_t pair) const {
  return resized(reader_.read(this->pair(pair)), size_);
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
