#include "ijepa/train/step/step_gradients.hpp"

#include <cmath>
#include <utility>

#include "ijepa/device/host_values.hpp"

namespace ijepa {
namespace {

ParamRange whole(const ParamStore& store) {
  return {0, store.layout().size()};
}

}  // namespace

StepGradients::StepGradients(Device& device, Communicator& comm,
                             std::vector<const ParamStore*> stores)
    : device_(device),
      stores_(std::move(stores)),
      reducer_(make_bucket_reducer(comm, device)),
      square_(device, sizeof(double)) {
  for (const auto* store : stores_)
    syncs_.push_back(std::make_unique<GradSync>(*reducer_, store->gradient(whole(*store))));
}

Write StepGradients::next_micro_batch() {
  return std::exchange(begun_, true) ? Write::accumulate : Write::overwrite;
}

ReadyCallback StepGradients::ready(std::size_t store, bool last) {
  if (!last || store >= syncs_.size()) return {};
  return [sync = syncs_[store].get()](std::int64_t offset) { sync->ready_down_to(offset); };
}

void StepGradients::finish() {
  if (!std::exchange(begun_, false))
    for (const auto* store : stores_) device_.ops().fill_zero(store->gradient(whole(*store)));
  for (const auto& sync : syncs_) sync->finish();
  device_.ops().synchronize();
  reducer_->settle();
}

double StepGradients::checked_norm(double loss, std::int64_t step, double option_rate) {
  const DType type = stores_.front()->precision().statistics();
  const Tensor square = make_tensor(square_.data(), type, {1});
  device_.ops().fill_zero(square);
  for (const auto* store : stores_)
    device_.ops().sum_squares(store->gradient(whole(*store)), square);
  const double norm = std::sqrt(download_values(device_.ops(), square)[0]);
  if (!std::isfinite(loss) || !std::isfinite(norm))
    throw AgreedError(
        fmt::format("Loss or gradient of step {} is not a number; start again with a lower --lr "
                    "than {:.3g}.",
                    step + 1, option_rate),
        exit_code::not_finite);
  return norm;
}

void StepGradients::update(const AdamWStep& step) {
  for (const auto* store : stores_) {
    auto range = store->optimizer_range(whole(*store));
    range.target = range.target_working = {};
    device_.ops().adamw_ema(range, step);
  }
}

}  // namespace ijepa
