#include "ijepa/train/engine.hpp"

#include <algorithm>
#include <cmath>
#include <numeric>

#include "ijepa/train/memory_plan.hpp"
#include "ijepa/train/optimizer.hpp"

namespace ijepa {
namespace {

ParamRange whole(const ParamLayout& layout) {
  return {0, layout.size()};
}

/// A few device numbers as double.
std::vector<double> read_numbers(Ops& ops, Tensor t) {
  std::vector<double> wide(static_cast<std::size_t>(t.numel()));
  std::vector<float> narrow(wide.size());
  const bool is_wide = t.dtype == DType::f64;
  ops.download(t, is_wide ? static_cast<void*>(wide.data()) : static_cast<void*>(narrow.data()));
  ops.synchronize();
  return is_wide ? wide : std::vector<double>(narrow.begin(), narrow.end());
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
      model_(recipe.model.encoder, recipe.model.predictor),
      store_(device, model_.layout(), precision_of(recipe.compute), StoreUse::training),
      most_micros_(std::max<std::int64_t>(
          1, recipe.optim.global_batch / (comm.size() * std::max<std::int64_t>(1, micro_batch)))),
      arena_(device, measure_worst_step(model_, recipe, micro_batch)),
      pixels_(device, static_cast<std::size_t>(micro_batch * recipe.model.encoder.image_height *
                                               recipe.model.encoder.image_width * 3)),
      losses_(device, sizeof(double) * static_cast<std::size_t>(most_micros_)),
      sync_(comm, store_.gradient(whole(model_.layout())),
            {.bucket_bytes = recipe.compute.bucket_mib << 20}) {}

StepInput Engine::input_of(const MicroBatch& batch, double loss_scale) {
  const EncoderConfig& c = model_.encoder().config();
  const Tensor pixels =
      make_tensor(pixels_.data(), DType::u8, {batch.plan.images, c.image_height, c.image_width, 3});
  check(pixels.bytes() == batch.pixels.size() && pixels.bytes() <= pixels_.bytes(),
        "A micro-batch of {} bytes was given where {} images of {} x {} belong.",
        batch.pixels.size(), batch.plan.images, c.image_height, c.image_width);
  ops().upload(batch.pixels.data(), pixels);
  return {{pixels, normalisation_}, batch.plan, loss_scale, batch.drop_path, recompute_};
}

Pass Engine::online_pass(Arena& arena, Write write) {
  return {ops(), arena, store_.precision(), store_.online(), store_.gradients(), write};
}

Pass Engine::target_pass(Arena& arena) {
  return {ops(), arena, store_.precision(), store_.target()};
}

void Engine::accumulate(const MicroBatch& batch, double loss_scale, Part part) {
  const bool first = part == Part::only || part == Part::first;
  const bool last = part == Part::only || part == Part::last;
  Arena arena(arena_.data(), arena_.bytes());
  Pass online = online_pass(arena, first ? Write::overwrite : Write::accumulate);
  Pass target = target_pass(arena);
  if (first) micros_ = 0;
  check(micros_ < most_micros_, "A step has {} micro-batches on this rank, but another one came.",
        most_micros_);
  const Tensor loss = micro_loss(micros_++, 1);
  ops().fill_zero(loss);
  ReadyCallback ready;
  if (last) ready = [this](std::int64_t offset) { sync_.ready_down_to(offset); };
  model_.step(online, target, input_of(batch, loss_scale), loss, {}, ready);
}

/// (count): losses from micro-batch `first` on.
Tensor Engine::micro_loss(std::int64_t first, std::int64_t count) {
  const DType type = store_.precision().param;
  auto* data =
      static_cast<std::byte*>(losses_.data()) + static_cast<std::size_t>(first) * size_of(type);
  return make_tensor(data, type, {count});
}

double Engine::norm_of(Tensor flat) {
  Arena arena(arena_.data(), arena_.bytes());
  const Tensor sum = arena.keep(store_.precision().statistics(), {1});
  ops().fill_zero(sum);
  ops().sum_squares(flat, sum);
  return std::sqrt(read_numbers(ops(), sum)[0]);
}

StepSums Engine::finish(double context_tokens) {
  // First, so that its waiting time is that of all sums: calls of a communicator run in order.
  sync_.finish();
  micro_losses_ = read_numbers(ops(), micro_loss(0, micros_));
  std::array<double, 2> over_ranks{std::accumulate(micro_losses_.begin(), micro_losses_.end(), 0.0),
                                   context_tokens / comm_.size()};
  comm_.all_reduce(over_ranks, Reduction::sum);
  StepSums sums{.loss = over_ranks[0], .context_tokens = over_ranks[1]};
  sums.encoder_gradient = norm_of(store_.gradient(model_.layout().range("encoder")));
  sums.predictor_gradient = norm_of(store_.gradient(model_.layout().range("predictor")));
  return sums;
}

void Engine::update(const AdamWStep& step) {
  optimizer_step(ops(), store_, step);
}

bool Engine::weights_finite() {
  return std::isfinite(norm_of(store_.flat(Role::weight, whole(model_.layout()))));
}

void Engine::evaluate(const MicroBatch& batch, const StepObserver& observer) {
  Arena arena(arena_.data(), arena_.bytes());
  Pass online = online_pass(arena, Write::overwrite);
  Pass target = target_pass(arena);
  model_.evaluate(online, target, input_of(batch, 1), observer);
}

}  // namespace ijepa
