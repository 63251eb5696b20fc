#include "ijepa/tasks/features/feature_batches.hpp"

#include <algorithm>

namespace ijepa {

KeptBatches::KeptBatches(const std::vector<LabelledFeatures>& sets, const Split& split,
                         std::int64_t batch, std::uint64_t seed)
    : FeatureBatches(split.training_images(), batch), sets_(sets), split_(split), seed_(seed) {}

// A rank asks where its own rows stand in the epoch's order, so nobody sends rows to anybody.
void KeptBatches::begin_epoch(std::int64_t epoch) {
  const Permutation order(static_cast<std::uint64_t>(split_.training_images()), seed_,
                          Purpose::probe, static_cast<std::uint64_t>(epoch + 1));
  rows_.assign(static_cast<std::size_t>(steps_per_epoch()), {});
  const auto& set = sets_.at(0);
  for (std::int64_t row = 0; row < set.features.rows; ++row) {
    const auto number = split_.number(set.place(row));
    if (number < 0) continue;
    const auto position = static_cast<std::int64_t>(order.find(static_cast<std::uint64_t>(number)));
    const auto step = static_cast<std::size_t>(position / batch());
    if (step < rows_.size()) rows_[step].push_back(row);
  }
}

const FeatureBatches::Batch& KeptBatches::next() {
  const auto step = step_++ % steps_per_epoch();
  if (step == 0) begin_epoch((step_ - 1) / steps_per_epoch());
  const auto& rows = rows_[static_cast<std::size_t>(step)];
  batch_rows_.features.clear();
  for (const auto& set : sets_) {
    auto part = gather(set, rows);
    batch_rows_.features.push_back(std::move(part.features));
    batch_rows_.labels = std::move(part.labels);
  }
  return batch_rows_;
}

LabelledFeatures gather(const LabelledFeatures& set, const std::vector<std::int64_t>& rows) {
  LabelledFeatures out{{std::ssize(rows), set.features.cols}, {}, set.classes, {}};
  for (std::size_t i = 0; i < rows.size(); ++i) {
    std::ranges::copy(set.features.row(rows[i]),
                      out.features.row(static_cast<std::int64_t>(i)).begin());
    out.labels.push_back(set.labels[static_cast<std::size_t>(rows[i])]);
    out.places.push_back(set.place(rows[i]));
  }
  return out;
}

}  // namespace ijepa
