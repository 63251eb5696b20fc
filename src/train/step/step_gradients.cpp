#include "ijepa/train/step/step_gradients.hpp"

#include <algorithm>
#include <cmath>
#include <utility>

#include "ijepa/core/clock.hpp"
#include "ijepa/device/host_values.hpp"

namespace ijepa {
namespace {

std::vector<std::int64_t> bucket_starts(Tensor gradient, const GradSyncOptions& options) {
  const auto element = static_cast<std::int64_t>(size_of(gradient.dtype));
  check(options.bucket_bytes >= element && options.first_bucket_bytes >= element,
        "Gradient buckets of {} and {} bytes hold no element.", options.first_bucket_bytes,
        options.bucket_bytes);
  std::vector<std::int64_t> starts;
  std::int64_t size = options.first_bucket_bytes / element;
  for (std::int64_t end = gradient.numel(); end > 0; end = starts.back()) {
    starts.push_back(std::max<std::int64_t>(0, end - size));
    size = options.bucket_bytes / element;
  }
  return starts;
}

Tensor whole(const ParamStore& store) {
  return store.gradient({0, store.layout().size()});
}

std::vector<Tensor> parts_of(const std::vector<const ParamStore*>& stores) {
  std::vector<Tensor> parts;
  for (const auto* store : stores)
    for (const ParamRange& range : store->parts()) parts.push_back(store->gradient(range));
  return parts;
}

}  // namespace

AdamWStep adamw_step(const AdamWOptions& options, std::int64_t step, double learning_rate,
                     double weight_decay, double ema_momentum) {
  const auto s = static_cast<double>(step + 1);
  return {.learning_rate = learning_rate,
          .weight_decay = weight_decay,
          .beta1 = options.beta1,
          .beta2 = options.beta2,
          .epsilon = options.epsilon,
          .bias1 = 1 - std::pow(options.beta1, s),
          .bias2 = 1 - std::pow(options.beta2, s),
          .ema_momentum = ema_momentum};
}

AdamWStep adamw_step(const OptimSettings& optim, const Schedule& schedule, std::int64_t step,
                     double gradient_norm) {
  const std::int64_t s = step + 1;
  AdamWStep now = adamw_step({optim.beta1, optim.beta2, optim.eps}, step, schedule.learning_rate(s),
                             schedule.weight_decay(s), schedule.momentum(s));
  if (optim.clip_grad > 0) now.gradient_scale = clipping(gradient_norm, optim.clip_grad);
  return now;
}

double clipping(double norm, double most) {
  return norm > most ? most / norm : 1;
}

void optimizer_step(Ops& ops, const ParamStore& store, const AdamWStep& step) {
  for (const ParamRange range : store.parts()) ops.adamw_ema(store.optimizer_range(range), step);
}

GradSync::GradSync(BucketReducer& reducer, Tensor gradient, const GradSyncOptions& options)
    : reducer_(reducer),
      gradient_(gradient),
      starts_(bucket_starts(gradient, options)),
      ready_(gradient.numel()) {
  check(gradient.rank == 1 && (gradient.dtype == DType::f32 || gradient.dtype == DType::f64),
        "The flat gradient must be float32 or float64 (n), not {}.", describe(gradient));
}

void GradSync::ready_down_to(std::int64_t offset) {
  check(offset >= 0 && offset <= ready_,
        "The ready offset of the gradient went from {} to {}: it must fall to 0.", ready_, offset);
  ready_ = offset;
  for (; sent_ < starts_.size() && starts_[sent_] >= offset; ++sent_) {
    const std::int64_t begin = starts_[sent_];
    const std::int64_t end = sent_ == 0 ? gradient_.numel() : starts_[sent_ - 1];
    auto* data = static_cast<std::byte*>(gradient_.data) +
                 static_cast<std::size_t>(begin) * size_of(gradient_.dtype);
    reducer_.sum_async(make_tensor(data, gradient_.dtype, {end - begin}));
  }
}

void GradSync::finish() {
  ready_down_to(0);
  const auto start = Clock::now();
  reducer_.join();
  exposed_seconds_ = seconds_since(start);
  sent_ = 0;
  ready_ = gradient_.numel();
}

StepGradients::StepGradients(Device& device, Communicator& comm,
                             std::vector<const ParamStore*> stores,
                             const StepGradientsOptions& options)
    : device_(device),
      stores_(std::move(stores)),
      parts_(parts_of(stores_)),
      most_losses_(options.most_losses),
      scalars_(device, (parts_.size() + most_losses_) * sizeof(double)),
      reducer_(make_bucket_reducer(comm, device)) {
  for (const auto* store : stores_)
    syncs_.push_back(std::make_unique<GradSync>(*reducer_, whole(*store), options.sync));
}

void StepGradients::begin() {
  begun_ = false;
  told_losses_ = 0;
}

Write StepGradients::next_micro_batch() {
  return std::exchange(begun_, true) ? Write::accumulate : Write::overwrite;
}

Tensor StepGradients::next_loss(Ops& on) {
  check(told_losses_ < most_losses_,
        "A step has {} micro-batches on this rank, but another one came.", most_losses_);
  const Tensor loss = scalar(parts_.size() + told_losses_++);
  on.fill_zero(loss);
  return loss;
}

ReadyCallback StepGradients::ready(std::size_t store, bool last) {
  if (!last || store >= syncs_.size()) return {};
  return [sync = syncs_[store].get()](std::int64_t offset) { sync->ready_down_to(offset); };
}

// The host waits once, for the sums over ranks and all that follows them: a rank that waited for
// its device before it had told it everything would hold up the others' sums.
void StepGradients::finish() {
  if (!begun_)
    for (const auto* store : stores_) device_.ops().fill_zero(whole(*store));
  for (const auto& sync : syncs_) sync->finish();
  sum_squares(device_.ops());
  norms_ = read_scalars(parts_.size() + told_losses_);
  reducer_->settle();
  const auto first_loss = norms_.begin() + std::ssize(parts_);
  losses_.assign(first_loss, norms_.end());
  norms_.erase(first_loss, norms_.end());
  for (double& norm : norms_) norm = std::sqrt(norm);
  begin();
}

void StepGradients::sum_squares(Ops& on) {
  for (std::size_t i = 0; i < parts_.size(); ++i) {
    on.fill_zero(scalar(i));
    on.sum_squares(parts_[i], scalar(i));
  }
}

double StepGradients::norm_of(Tensor flat) {
  device_.ops().fill_zero(scalar(0));
  device_.ops().sum_squares(flat, scalar(0));
  return std::sqrt(read_scalars(1)[0]);
}

double StepGradients::norm() const {
  double all = 0;
  for (const double norm : norms_) all = std::hypot(all, norm);
  return all;
}

double StepGradients::exposed_seconds() const {
  double seconds = 0;
  for (const auto& sync : syncs_) seconds += sync->exposed_seconds();
  return seconds;
}

double StepGradients::checked_norm(double loss, std::int64_t step, double option_rate) const {
  if (!std::isfinite(loss) || !std::isfinite(norm()))
    throw AgreedError(
        fmt::format("Loss or gradient of step {} is not a number; start again with a lower --lr "
                    "than {:.3g}.",
                    step + 1, option_rate),
        exit_code::not_finite);
  return norm();
}

void StepGradients::update(const AdamWStep& step) {
  for (const auto* store : stores_) optimizer_step(device_.ops(), *store, step);
}

Tensor StepGradients::scalar(std::size_t index) const {
  const DType type = stores_.front()->precision().statistics();
  auto* data = static_cast<std::byte*>(scalars_.data()) + index * size_of(type);
  return make_tensor(data, type, {1});
}

std::vector<double> StepGradients::read_scalars(std::size_t count) {
  Tensor all = scalar(0);
  all.shape[0] = static_cast<std::int64_t>(count);
  return download_values(device_.ops(), all);
}

}  // namespace ijepa
