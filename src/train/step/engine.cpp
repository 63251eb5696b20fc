#include "ijepa/train/step/engine.hpp"

#include <algorithm>
#include <cmath>
#include <numeric>

#include "ijepa/comm/agree.hpp"
#include "ijepa/train/checkpoint/run_state.hpp"
#include "ijepa/train/step/memory_plan.hpp"

namespace ijepa {
namespace {

std::size_t image_bytes(const EncoderConfig& c, std::int64_t images) {
  return image_tensor(nullptr, c, images).bytes();
}

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
      gradients_(device, comm, {&store_},
                 {.sync = {.bucket_bytes = recipe.compute.bucket_mib << 20},
                  .most_losses = most_micros_}) {
  if (recipe.loss.targets == TargetScaling::centred)
    targets_.emplace(device, recipe.model.encoder, store_.precision().statistics());
  if (recipe.optim.optimizer == MatrixOptimizer::muon)
    muon_.emplace(store_, recipe.optim.muon_momentum);
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
  step(ops(), input, part, gradients_.ready(0, ends(part)));
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
  if (begins(part)) gradients_.begin();
  Arena arena(arena_.data(), arena_.bytes());
  Pass online = online_pass(on, arena, gradients_.next_micro_batch());
  Pass target = target_pass(on, arena);
  model_.step(online, target, input, gradients_.next_loss(on), {}, ready);
}

StepSums Engine::finish(double context_tokens) {
  gradients_.finish();
  if (targets_) targets_->sum_over_ranks(comm_);
  const auto& losses = gradients_.losses();
  std::array<double, 2> over_ranks{std::accumulate(losses.begin(), losses.end(), 0.0),
                                   context_tokens / comm_.size()};
  comm_.all_reduce(over_ranks, Reduction::sum);
  return {.loss = over_ranks[0],
          .context_tokens = over_ranks[1],
          .encoder_gradient = gradients_.norms().at(0),
          .predictor_gradient = gradients_.norms().at(1)};
}

void Engine::update(const AdamWStep& step) {
  if (muon_) {
    Arena arena(arena_.data(), arena_.bytes());
    muon_->update(ops(), arena, step);
  } else {
    gradients_.update(step);
  }
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
  return std::isfinite(gradients_.norm_of(store_.flat(Role::weight, {0, store_.layout().size()})));
}

void Engine::evaluate(const MicroBatch& batch, const StepObserver& observer) {
  Arena arena(arena_.data(), arena_.bytes());
  Pass online = online_pass(ops(), arena, Write::overwrite);
  Pass target = target_pass(ops(), arena);
  model_.evaluate(online, target, input_of(ops(), batch, 1), observer);
}

}  // namespace ijepa
