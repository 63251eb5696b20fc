#include "ijepa/model/ijepa.hpp"

#include "ijepa/model/positions.hpp"

namespace ijepa {
namespace {

constexpr double target_epsilon = 1e-5;

std::vector<BranchScales> drop_path(Pass& p, double rate, std::int64_t depth, StackId id,
                                    const StepInput& input,
                                    std::span<const std::int32_t> sequence_image) {
  return draw_drop_path(p, rate, depth, id, input.drop_path, sequence_image);
}

// h = norm2(norm(encoder(image)))[target rows]: norms act on rows, so the second one follows the
// choice of rows, in the loss itself. It has no affine part and epsilon 1e-5 (the default of the
// framework). Whoever watches gets the targets as a tensor.
void show_targets(Pass& target, const TargetRows& rows, const StepObserver& observer) {
  const DType type = target.precision.param;
  const std::int64_t count = rows.rows.numel(), width = rows.features.cols();
  const std::size_t mark = target.arena.mark();
  Tensor gathered = target.arena.keep(target.precision.residual, {count, width});
  target.ops.gather_rows(rows.features, rows.rows, gathered);
  Tensor targets = target.arena.keep(type, {count, width});
  Tensor mean = target.arena.keep(type, {count}), rstd = target.arena.keep(type, {count});
  target.ops.layer_norm_forward({.sum = gathered}, {}, {}, rows.epsilon, targets, mean, rstd);
  observer.targets(rows.features, targets);
  target.arena.release(mark);
}

}  // namespace

IJepa::IJepa(const EncoderConfig& encoder, const PredictorConfig& predictor, const LossConfig& loss)
    : loss_(loss), pixel_loss_{.pixels = 1, .features = 0} {
  const Grid grid{encoder.grid_rows(), encoder.grid_cols()};
  layout_.start_matrices(start_of_matrices(encoder));
  layout_.begin_group("encoder");
  encoder_ = std::make_unique<Encoder>(layout_, encoder, stored_positions(grid, encoder.width));
  layout_.begin_group("predictor");
  predictor_ = std::make_unique<Predictor>(layout_, predictor, encoder,
                                           stored_positions(grid, predictor.width));
  if (loss.pooled()) pooled_ = std::make_unique<PooledTerms>(layout_, loss, encoder.width);
  if (loss.needs_pixel_head()) pixels_ = std::make_unique<PixelHead>(layout_, encoder, predictor);
}

void IJepa::make_targets(Pass& target, const StepInput& input, const StepObserver& observer,
                         Forward& f) const {
  const LossConfig& loss = loss_of(input);
  const bool watched = observer.targets || observer.sources, pooled = loss.pooled_prediction > 0;
  const bool centred = loss.targets == TargetScaling::centred;
  if (loss.features == 0 && !pooled && !watched) return;
  if (!watched && !pooled && !centred && loss.target_blocks == 1) {  // nobody reads other rows
    f.targets.features = encoder_->infer_rows(target, input.images, f.rows.wanted_rows);
    f.targets.rows = f.rows.target_numbers;
    return;
  }
  const auto show = [&](Tensor features) {
    if (observer.targets)
      show_targets(target, {features, f.targets.rows, f.targets.epsilon}, observer);
  };
  f.targets.features = target_sources(target, input.images, show);
  if (observer.sources) observer.sources(f.targets.features);
  if (!centred) return;
  check(!input.target_scale.shift.empty(), "Centred targets came without their moments.");
  f.targets.shift = input.target_scale.shift;
  f.targets.factor = input.target_scale.factor;
}

IJepa::Forward IJepa::forward(Pass& online, Pass& target, const StepInput& input,
                              const StepObserver& observer) const {
  const TokenPlan& plan = input.plan;
  const PredictorConfig& pc = predictor_->config();
  Forward f;
  f.rows = upload_plan(online, plan);
  f.targets = {{}, f.rows.target_rows, target_epsilon};
  make_targets(target, input, observer, f);
  f.context = encode(online, input, f);
  f.predictions = predictor_->forward(
      online, f.context, plan, f.rows,
      drop_path(online, pc.drop_path, pc.depth, StackId::predictor, input, plan.predictor_image),
      input.recompute, f.predictor);
  if (observer.predictions) observer.predictions(f.context, f.predictions);
  return f;
}

Tensor IJepa::encode(Pass& online, const StepInput& input, Forward& f) const {
  const TokenPlan& plan = input.plan;
  const EncoderConfig& c = encoder_->config();
  return encoder_->forward(
      online, input.images, f.rows.context_rows,
      {plan.context_groups, f.rows.context_sequence_of_row},
      drop_path(online, c.drop_path, c.depth, StackId::encoder, input, plan.context_image),
      input.recompute, f.encoder);
}

PooledSums IJepa::pooled_sums(Pass& online, Pass& target, const StepInput& input) const {
  const std::size_t mark = online.arena.mark();
  Forward f;
  f.rows = upload_plan(online, input.plan);
  const bool predicts = loss_.pooled_prediction > 0;
  const Tensor features = predicts ? target_sources(target, input.images) : Tensor{};
  f.context = encode(online, input, f);
  PooledTerms::Saved saved;
  auto sums = pooled_->forward(online, f.context, features, input.plan, saved);
  online.arena.release(mark);
  return sums;
}

void IJepa::evaluate(Pass& online, Pass& target, const StepInput& input,
                     const StepObserver& observer) const {
  const std::size_t mark = online.arena.mark();
  forward(online, target, input, observer);
  online.arena.release(mark);
}

void IJepa::step(Pass& online, Pass& target, const StepInput& input, Tensor loss_accum,
                 const StepObserver& observer, const ReadyCallback& ready) const {
  Arena& arena = online.arena;
  const std::size_t mark = arena.mark();
  Forward f = forward(online, target, input, observer);
  Arena::ScratchScope scope(arena);
  Tensor dmeans;
  const bool pooled = loss_of(input).pooled();
  if (pooled) {
    PooledTerms::Saved saved;
    auto sums = pooled_->forward(online, f.context, f.targets.features, input.plan, saved);
    if (input.complete) input.complete(sums);
    dmeans = pooled_->backward(online, sums, loss_accum, saved);
  } else if (pooled_) {
    pooled_->leave_out(online);
  }
  const Tensor dcontext = arena.scratch(f.context.dtype, {f.context.rows(), f.context.cols()});
  predictor_backward(online, input, f, dcontext, loss_accum, ready);
  if (pooled) PooledTerms::spread(online, dmeans, f.rows, dcontext);
  encoder_->backward(online, dcontext, input.recompute, f.encoder, ready);
  if (!f.targets.shift.empty()) {
    const auto sums = target_sums(target, f.targets.features, f.targets.shift);
    if (input.told_target_sums) input.told_target_sums(sums);
  }
  arena.release(mark);
}

void IJepa::predictor_backward(Pass& online, const StepInput& input, Forward& f, Tensor dcontext,
                               Tensor loss_accum, const ReadyCallback& ready) const {
  Arena::ScratchScope scope(online.arena);
  const auto like = [&](Tensor t) { return online.arena.scratch(t.dtype, {t.rows(), t.cols()}); };
  const Tensor dpredictions = like(f.predictions), normed = f.predictor.normed;
  const LossConfig& loss = loss_of(input);
  if (loss.features > 0) {
    online.ops.smooth_l1(f.predictions, f.targets, loss.features * input.loss_scale, loss_accum,
                         dpredictions);
  } else {
    online.ops.fill_zero(dpredictions);
  }
  Tensor dnormed;
  if (loss.pixels > 0) {
    dnormed = like(normed);
    pixels_->step(online, input.images, normed, f.rows.target_rows,
                  loss.pixels * input.pixel_loss_scale(encoder_->config()), loss_accum, dnormed);
  } else if (pixels_) {
    pixels_->leave_out(online);
  }
  predictor_->backward(online, dpredictions, dnormed, f.rows, dcontext, input.recompute,
                       f.predictor, ready);
}

}  // namespace ijepa
