#include "ijepa/train/step/engine.hpp"

#include <algorithm>
#include <cmath>
#include <numeric>

#include "ijepa/comm/agree.hpp"
#include "ijepa/device/host_values.hpp"
#include "ijepa/train/checkpoint/run_state.hpp"
#include "ijepa/train/step/memory_plan.hpp"
#include "ijepa/train/step/optimizer.hpp"

namespace ijepa {
namespace {

ParamRange whole(const ParamLayout& layout) {
  return {0, layout.size()};
}

std::size_t image_bytes(const EncoderConfig& c, std::int64_t images) {
  return image_tensor(nullptr, c, images).bytes();
}

// What a step leaves on the device for the host to read; behind them the losses of micro-batches.
constexpr std::size_t encoder_scalar = 0, predictor_scalar = 1, first_loss_scalar = 2;

bool begins(Part part) {
  return part == Part::only || part == Part::first;
}
bool ends(Part part) {
  return part == Part::only || part == Part::last;
}

/// The device, once all ranks know that a micro-batch fits into theirs.
Device& with_room(Device& device, Communicator& comm, const IJepa& model,
                  const PretrainRecipe& recipe, std::int64_t micro_batch) {
  if (device.memory_is_host()) return device;
  on_all_ranks(comm, [&] {
    expect_room(model, recipe, micro_batch, recipe.optim.global_batch / comm.size(),
                device.free_memory().value());
  });
  return device;
}

}  // namespace

bool StepSums::finite() const {
  return std::isfinite(loss) && std::isfinite(encoder_gradient) &&
         std::isfinite(predictor_gradient);
}

Part part_of(std::int64_t micro, std::int64_t micros) {
  if (micros == 1) return Part::only;
  if (micro == 0) return Part::first;
  return micro == micros - 1 ? Part::last : Part::middle;
}

Engine::Engine(const PretrainRecipe& recipe, std::int64_t micro_batch, Device& device,
               Communicator& comm)
    : device_(device),
      comm_(comm),
      normalisation_{recipe.data.mean, recipe.data.std},
      recompute_(recipe.compute.recompute),
      model_(recipe.model.encoder, recipe.model.predictor, recipe.loss),
      store_(with_room(device, comm, model_, recipe, micro_batch), model_.layout(),
             precision_of(recipe.compute), StoreUse::training),
      most_micros_(static_cast<std::size_t>(std::max<std::int64_t>(
          1, recipe.optim.global_batch / (comm.size() * std::max<std::int64_t>(1, micro_batch))))),
      arena_(device, measure_worst_step(model_, recipe, micro_batch)),
      pixels_(device, image_bytes(recipe.model.encoder, micro_batch)),
      next_pixels_(device, image_bytes(recipe.model.encoder, micro_batch)),
      scalars_(device, (first_loss_scalar + most_micros_) * sizeof(double)),
      reducer_(make_bucket_reducer(comm, device)),
      sync_(*reducer_, store_.gradient(whole(model_.layout())),
            {.bucket_bytes = recipe.compute.bucket_mib << 20}) {
  if (recipe.loss.targets == TargetScaling::centred)
    targets_.emplace(device, recipe.model.encoder, store_.precision().statistics());
}

StepInput Engine::input_of(Ops& on, const MicroBatch& batch, double loss_scale) {
  const EncoderConfig& c = model_.encoder().config();
  std::swap(pixels_, next_pixels_);
  const Tensor pixels = image_tensor(pixels_.data(), c, batch.plan.images);
  check(pixels.bytes() == batch.pixels.size() && pixels.bytes() <= pixels_.bytes(),
        "A micro-batch of {} bytes was given where {} images of {} x {} and {} channels belong.",
        batch.pixels.size(), batch.plan.images, c.image_height, c.image_width, c.channels);
  on.upload_input(batch.pixels.data(), pixels);
  return {.images = {pixels, normalisation_},
          .plan = batch.plan,
          .loss_scale = loss_scale,
          .drop_path = batch.drop_path,
          .recompute = recompute_,
          .target_scale = target_scale()};
}

Pass Engine::online_pass(Ops& on, Arena& arena, Write write) {
  return {on, arena, store_.precision(), store_.online(), store_.gradients(), write};
}

Pass Engine::target_pass(Ops& on, Arena& arena) {
  return {on, arena, store_.precision(), store_.target()};
}

void Engine::sum_over_ranks(PooledSums& sums) {
  const auto flat = sums.flat();
  comm_.wait(comm_.all_reduce_sum_async(
      make_tensor(flat.data(), DType::f64, {static_cast<std::int64_t>(flat.size())})));
}

PooledSums Engine::pooled_sums(Ops& on, const MicroBatch& batch) {
  Arena arena(arena_.data(), arena_.bytes());
  Pass online = online_pass(on, arena, Write::overwrite);
  Pass target = target_pass(on, arena);
  return model_.pooled_sums(online, target, input_of(on, batch, 0));
}

void Engine::survey(const MicroBatch& batch, Part part) {
  if (!model_.loss().pooled()) return;
  PooledSums sums = pooled_sums(ops(), batch);
  if (begins(part)) {
    surveyed_ = std::move(sums);
  } else {
    std::ranges::transform(surveyed_->flat(), sums.flat(), surveyed_->flat().begin(),
                           std::plus<>());
  }
  if (ends(part)) sum_over_ranks(*surveyed_);
}

void Engine::accumulate(const MicroBatch& batch, double loss_scale, Part part) {
  StepInput input = input_of(ops(), batch, loss_scale);
  input.complete = [this, part](PooledSums& sums) {
    if (part == Part::only) {
      sum_over_ranks(sums);
    } else {
      sums = *surveyed_;
    }
  };
  if (targets_) {
    if (begins(part)) targets_->forget();
    input.told_target_sums = [this](const std::vector<double>& sums) { targets_->add(sums); };
  }
  ReadyCallback ready;
  if (ends(part)) ready = [this](std::int64_t offset) { sync_.ready_down_to(offset); };
  step(ops(), input, part, ready);
}

void Engine::repeat_survey(Ops& checked, const MicroBatch& batch) {
  pooled_sums(checked, batch);
}

void Engine::repeat(Ops& checked, const MicroBatch& batch, double loss_scale, Part part) {
  StepInput input = input_of(checked, batch, loss_scale);
  input.complete = [this](PooledSums& sums) { sums = *surveyed_; };
  step(checked, input, part, {});
}

void Engine::step(Ops& on, const StepInput& input, Part part, const ReadyCallback& ready) {
  Arena arena(arena_.data(), arena_.bytes());
  Pass online = online_pass(on, arena, begins(part) ? Write::overwrite : Write::accumulate);
  Pass target = target_pass(on, arena);
  if (begins(part)) micros_ = 0;
  check(micros_ < most_micros_, "A step has {} micro-batches on this rank, but another one came.",
        most_micros_);
  const Tensor loss = scalar(first_loss_scalar + micros_++);
  on.fill_zero(loss);
  model_.step(online, target, input, loss, {}, ready);
}

Tensor Engine::scalar(std::size_t index) const {
  const DType type = store_.precision().statistics();
  auto* data = static_cast<std::byte*>(scalars_.data()) + index * size_of(type);
  return make_tensor(data, type, {1});
}

void Engine::sum_squares(Ops& on, Tensor flat, Tensor result) {
  on.fill_zero(result);
  on.sum_squares(flat, result);
}

void Engine::sum_gradient_squares(Ops& on) {
  sum_squares(on, store_.gradient(model_.layout().range("encoder")), scalar(encoder_scalar));
  sum_squares(on, store_.gradient(model_.layout().after("encoder")), scalar(predictor_scalar));
}

void Engine::repeat_norms(Ops& checked) {
  sum_gradient_squares(checked);
}

std::vector<double> Engine::read_scalars(std::size_t count) {
  const Tensor all = make_tensor(scalars_.data(), store_.precision().statistics(),
                                 {static_cast<std::int64_t>(count)});
  return download_values(ops(), all);
}

double Engine::gradient_norm(ParamRange range) {
  sum_squares(ops(), store_.gradient(range), scalar(encoder_scalar));
  return std::sqrt(read_scalars(encoder_scalar + 1)[encoder_scalar]);
}

// The host waits once, for the sums over ranks and all that follows them: a rank that waited for
// its device before it had told it everything would hold up the others' sums.
StepSums Engine::finish(double context_tokens) {
  sync_.finish();
  sum_gradient_squares(ops());
  const auto read = read_scalars(first_loss_scalar + micros_);
  reducer_->settle();
  if (targets_) targets_->sum_over_ranks(comm_);
  micro_losses_.assign(read.begin() + first_loss_scalar, read.end());
  std::array<double, 2> over_ranks{std::accumulate(micro_losses_.begin(), micro_losses_.end(), 0.0),
                                   context_tokens / comm_.size()};
  comm_.all_reduce(over_ranks, Reduction::sum);
  return {.loss = over_ranks[0],
          .context_tokens = over_ranks[1],
          .encoder_gradient = std::sqrt(read[encoder_scalar]),
          .predictor_gradient = std::sqrt(read[predictor_scalar])};
}

void Engine::update(const AdamWStep& step) {
  optimizer_step(ops(), store_, step);
  if (targets_) targets_->update();
}

std::vector<NamedTensor> Engine::saved_tensors() const {
  return tensors_of({Role::weight, Role::target, Role::adam_m, Role::adam_v});
}

std::vector<NamedTensor> Engine::weight_tensors() const {
  return tensors_of({Role::weight, Role::target});
}

std::vector<NamedTensor> Engine::tensors_of(const std::vector<Role>& roles) const {
  auto tensors = device_tensors(store_, roles);
  if (!targets_) return tensors;
  const auto moments = targets_->tensors();
  tensors.insert(tensors.end(), moments.begin(), moments.end());
  return tensors;
}

void Engine::refresh() {
  store_.refresh_working_copies();
  if (targets_) targets_->refresh();
}

bool Engine::weights_finite() {
  sum_squares(ops(), store_.flat(Role::weight, whole(model_.layout())), scalar(0));
  return std::isfinite(read_scalars(1)[0]);
}

void Engine::evaluate(const MicroBatch& batch, const StepObserver& observer) {
  Arena arena(arena_.data(), arena_.bytes());
  Pass online = online_pass(ops(), arena, Write::overwrite);
  Pass target = target_pass(ops(), arena);
  model_.evaluate(online, target, input_of(ops(), batch, 1), observer);
}

}  // namespace ijepa
