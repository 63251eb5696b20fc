#include "ijepa/tasks/features.hpp"

#include <algorithm>
#include <cstring>

#include "ijepa/core/error.hpp"
#include "ijepa/data/loader.hpp"

namespace ijepa {
namespace {

/// Batches of one size go round the ranks, so that what is computed together does not depend on
/// how many there are: matrix products may round differently in a batch of another size.
struct RoundRobin {
  std::int64_t images = 0, batch = 0, rank = 0, ranks = 1;

  std::int64_t rounds() const { return (images + batch * ranks - 1) / (batch * ranks); }
  /// The slice of this rank in a round; empty in the last one where there is nothing left.
  Slice slice(std::int64_t round) const {
    const auto first = std::min(images, (round * ranks + rank) * batch);
    return {round, 0, first, std::min(batch, images - first)};
  }
  std::optional<Slice> operator()(std::int64_t round) const {
    const auto s = slice(round);
    return s.count > 0 ? std::optional(s) : std::nullopt;
  }
};

LoaderOptions loader_options(const ExtractOptions& options) {
  LoaderOptions out;
  out.augment.crop_height = options.crop.height;
  out.augment.crop_width = options.crop.width;
  out.view = View::evaluation;
  out.threads = options.threads;
  out.max_bad_rate = 0;  // a replaced image would be judged under a wrong name
  return out;
}

LabelledFeatures empty_set(const ShardSet& shards, std::int64_t width, int rank) {
  const auto rows = rank == 0 ? shards.size() : 0;
  LabelledFeatures set{{rows, width}, {}, static_cast<std::int64_t>(shards.class_names().size())};
  for (std::int64_t i = 0; i < rows; ++i) set.labels.push_back(shards.label(i));
  return set;
}

std::string as_bytes(const Matrix<float>& x) {
  return {reinterpret_cast<const char*>(x.values.data()), x.values.size() * sizeof(float)};
}

/// The features that `map` gives of this rank's batch, those of all ranks to rank 0's set from row
/// `first` on.
void apply_and_gather(FeatureMap& map, const PixelBatch& batch, std::int64_t first,
                      Communicator& comm, LabelledFeatures& set) {
  Matrix<float> mine(batch.count, map.width());
  if (batch.count > 0) map.apply(batch, mine.view());
  const auto all = comm.gather_all(as_bytes(mine));
  if (comm.rank() != 0) return;
  auto* to = reinterpret_cast<char*>(set.features.row(first).data());
  for (const auto& part : all) {
    std::memcpy(to, part.data(), part.size());
    to += part.size();
  }
}

}  // namespace

std::vector<LabelledFeatures> extract_features(const ShardSet& shards,
                                               const std::vector<std::unique_ptr<FeatureMap>>& maps,
                                               const ExtractOptions& options, Communicator& comm) {
  check(shards.size() > 0, "There are no images to extract features from.");
  check(options.batch >= 1, "Extracting features needs a batch of at least 1, not {}.",
        options.batch);
  std::vector<LabelledFeatures> sets;
  for (const auto& map : maps) sets.push_back(empty_set(shards, map->width(), comm.rank()));
  const RoundRobin schedule{shards.size(), options.batch, comm.rank(), comm.size()};
  Loader loader(shards, Sampler(shards.size(), 0, {.order = Order::stored}), schedule,
                loader_options(options), Log(comm.rank()));
  for (std::int64_t round = 0; round < schedule.rounds(); ++round) {
    PixelBatch batch{nullptr, schedule.slice(round).count, options.crop};
    if (batch.count > 0) batch.rgb = loader.next()->images.data();
    for (std::size_t m = 0; m < maps.size(); ++m)
      apply_and_gather(*maps[m], batch, round * options.batch * comm.size(), comm, sets[m]);
  }
  return sets;
}

}  // namespace ijepa
