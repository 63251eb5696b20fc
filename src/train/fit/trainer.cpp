#include "ijepa/train/fit/trainer.hpp"

#include <cmath>
#include <nlohmann/json.hpp>

#include "ijepa/comm/agree.hpp"
#include "ijepa/core/clock.hpp"
#include "ijepa/core/cores.hpp"
#include "ijepa/device/peak.hpp"
#include "ijepa/train/checkpoint/checkpoint_recipe.hpp"
#include "ijepa/train/checkpoint/run_state.hpp"
#include "ijepa/train/fit/dry_run.hpp"
#include "ijepa/train/run/run_data.hpp"
#include "ijepa/train/run/run_start.hpp"
#include "ijepa/train/step/memory_plan.hpp"
#include "ijepa/train/step/step_gradients.hpp"

namespace ijepa {
namespace {

/// In so many steps nearly all lengths are met that a run ever meets.
constexpr std::int64_t steps_ahead = 4000;
/// The first steps of a process take longer than those that follow.
constexpr std::int64_t steps_until_usual = 3;

}  // namespace

Trainer::Trainer(const PretrainRecipe& recipe, const Cluster& cluster, Communicator& comm,
                 const StopSignal& stop, const Log& log, const EvaluationFactory& make_evaluation,
                 const InitialWeights& start)
    : recipe_(recipe),
      cluster_(cluster),
      comm_(comm),
      stop_(stop),
      log_(log),
      lock_(take_run_folder(recipe, cluster, comm, log)),
      shards_(open_shards(recipe, comm, stop, log)),
      plan_(agree_on_plan(recipe, shards_, comm, log)),
      schedule_(recipe.optim, plan_.steps_per_epoch, recipe.loss.pixel_epochs),
      device_(open_device(recipe.compute, cluster, comm, log, device_files(recipe))),
      arithmetic_(arithmetic_of(*device_, comm)),
      engine_(recipe, plan_.micro_batch, *device_, comm),
      saves_(recipe.run, engine_.saved_tensors(), comm, copy_from(*device_, usable_cores()),
             [this](const SaveOutcome& o, double next_try) { report_save(o, next_try); }),
      deadline_(run_deadline(recipe, comm, log)),
      skipped_(recipe, comm, log),
      step_flops_(engine_.model(), precision_of(recipe.compute)) {
  // All float32 buffers at 100 MB/s.
  deadline_.expect_save(16.0 * static_cast<double>(engine_.model().layout().size()) / 1e8);
  const double peak = measure_gflops(*device_, recipe.compute.precision);
  peak_flops_ = 1e9 * peak;
  if (comm.rank() == 0 && recipe.compute.precision == DType::bf16 && device_->memory_is_host())
    if (const auto slow = slow_bfloat16(measure_gflops(*device_, DType::f32), peak); !slow.empty())
      log.warn("{}", slow);
  restore(start);
  set_positions(device_->ops(), engine_.store(), positions_);
  ahead_.emplace(recipe_, plan_, comm_.rank(), step_, steps_ahead, *device_);
  start_loader();
  if (comm_.rank() == 0) start_logs();
  // What it was started from is in the run folder before its first step, so going on needs no more.
  if (step_ == 0 && !started_from_.empty() && !saves_.has(0)) {
    save();
    saves_.finish(step_);
  }
  if (recipe.eval.test_shards.empty()) return;
  check(static_cast<bool>(make_evaluation), "eval.test_shards is set, but nobody can evaluate.");
  evaluation_ = make_evaluation(recipe, *device_, engine_, comm);
}

Outcome Trainer::run() {
  try {
    return train();
  } catch (const AgreedError&) {
    // What is on its way to the disk is from before the failure.
    saves_.settle();
    throw;
  }
}

Outcome Trainer::train() {
  // Of a network that knows nothing; and what is wrong with the images is said now.
  if (evaluation_ && step_ == 0) evaluate();
  while (step_ < plan_.total_steps) {
    if (lock_) lock_->check_held();
    const StepMetrics metrics = train_step();
    ++step_;
    report(metrics);
    if (health_is_due()) check_health();
    if (evaluation_is_due()) evaluate();
    if (save_or_stop()) return Outcome::interrupted;
  }
  saves_.finish(step_);
  comm_.activity().enter(Phase::ending, step_);
  if (last_health_)
    log_.info("{}", judgement(*last_health_,
                              recipe_.loss.features > 0 ? Predicts::features : Predicts::pixels));
  return Outcome::finished;
}

// One agreement a step: does any rank have a signal, rank 0's clock an end, does any want a
// checkpoint, does any write one?
bool Trainer::save_or_stop() {
  std::array<double, 3> wishes{static_cast<double>(stop_is_due()), saves_.wanted(step_) ? 1.0 : 0.0,
                               saves_.busy() ? 1.0 : 0.0};
  comm_.activity().enter(Phase::agreeing, step_);
  comm_.all_reduce(wishes, Reduction::max);
  comm_.activity().enter(Phase::saving, step_);
  saves_.advance(wishes[2] != 0);
  const bool stopped = wishes[0] != 0 && step_ < plan_.total_steps;
  if (stopped || wishes[1] != 0 || step_ == plan_.total_steps) save();
  if (!stopped) return false;
  saves_.finish(step_);
  stop_reason_ = static_cast<StopReason>(wishes[0]);
  if (run_log_) run_log_->event("stopped", {{"step", step_}, {"saved", text_of(stop_reason_)}});
  return true;
}

StepMetrics Trainer::train_step() {
  const auto start = Clock::now();
  const RankStep step(recipe_, plan_, step_, comm_.rank());
  const double waited = loader_->wait_seconds();
  const StepSums sums = forward_and_backward(step);
  if (sums.finite()) update(step.place(), sums);
  const double seconds = seconds_since(start);
  deadline_.stepped_in(seconds);
  if (!sums.finite()) skip(step, sums);
  const std::int64_t done = step.place().step + 1;
  return {.epoch = step.place().epoch + 1,
          .iteration = step.place().iteration,
          .step = done,
          .loss = sums.loss,
          .context_tokens = sums.context_tokens,
          .target_tokens = step.masks().target_tokens,
          .milliseconds = 1e3 * seconds,
          .learning_rate = schedule_.learning_rate(done),
          .weight_decay = schedule_.weight_decay(done),
          .momentum = schedule_.momentum(done),
          .encoder_gradient = sums.encoder_gradient,
          .predictor_gradient = sums.predictor_gradient,
          .images_per_second = static_cast<double>(recipe_.optim.global_batch) / seconds,
          .data_wait = (loader_->wait_seconds() - waited) / seconds,
          .rank_wait = engine_.exposed_seconds() / seconds,
          .memory_mib = resident_mib()};
}

StepSums Trainer::forward_and_backward(const RankStep& step) {
  flops_ = 0;
  step_images_.clear();
  const auto held = survey(step);
  for (std::int64_t m = 0; m < step.micro_batches(); ++m) {
    const TokenPlan tokens = step.token_plan(m);
    if (run_log_) flops_ += step_flops_.of(tokens);
    const auto pixels = held.empty() ? load(step) : held[static_cast<std::size_t>(m)];
    engine_.accumulate(step.micro_batch(m, pixels, tokens), step.masks().loss_scale, step.part(m));
  }
  if (step.masks().dropped_constraints > 0 && run_log_)
    run_log_->event("mask_constraints_dropped",
                    {{"step", step.place().step}, {"count", step.masks().dropped_constraints}});
  comm_.activity().enter(Phase::reducing, step.place().step);
  return engine_.finish(step.masks().context_tokens);
}

std::span<const std::uint8_t> Trainer::load(const RankStep& step) {
  comm_.activity().enter(Phase::loading, step.place().step);
  const Batch* batch = loader_->next();
  comm_.activity().enter(Phase::computing, step.place().step);
  step_images_.insert(step_images_.end(), batch->indices.begin(), batch->indices.end());
  return batch->images;
}

// Losses that compare the images of a step see all of them before the first one's backward.
std::vector<std::vector<std::uint8_t>> Trainer::survey(const RankStep& step) {
  std::vector<std::vector<std::uint8_t>> held;
  const bool surveys = engine_.surveys() && step.pooled(recipe_.loss);
  for (std::int64_t m = 0; surveys && m < step.micro_batches(); ++m) {
    const auto pixels = load(step);
    held.emplace_back(pixels.begin(), pixels.end());
    const TokenPlan tokens = step.token_plan(m);
    engine_.survey(step.micro_batch(m, held.back(), tokens), step.part(m));
  }
  return held;
}

void Trainer::update(const StepPlace& place, const StepSums& sums) {
  skipped_.end_row();
  comm_.activity().enter(Phase::updating, place.step);
  const double norm = std::hypot(sums.encoder_gradient, sums.predictor_gradient);
  engine_.update(adamw_step(recipe_.optim, schedule_, place.step, norm));
}

void Trainer::skip(const RankStep& step, const StepSums& sums) {
  skipped_.skip({recipe_, plan_, shards_, *device_, engine_, texts()}, step, sums, step_images_,
                time_left(), run_log_ ? &*run_log_ : nullptr);
}

// By rank 0's clock, as in save_or_stop(), and the same on all ranks.
TimeLeft Trainer::time_left() const {
  double seconds = deadline_.seconds_left(seconds_since(begin_));
  comm_.broadcast(std::as_writable_bytes(std::span(&seconds, 1)), 0);
  return TimeLeft(seconds, [this] { return stop_.received() != 0; });
}

void Trainer::report(const StepMetrics& metrics) {
  last_loss_ = metrics.loss;
  if (run_log_) run_log_->step(step_, metrics, flops_ / (metrics.milliseconds / 1e3 * peak_flops_));
  if (++steps_here_ == steps_until_usual) warn_of_kill_time();
}

bool Trainer::health_is_due() const {
  const auto every = recipe_.run.health_every;
  return health_monitor_ && every > 0 && (step_ % every == 0 || step_ == plan_.total_steps);
}

void Trainer::check_health() {
  comm_.activity().enter(Phase::checking_health, step_);
  HealthMonitor::Look look = health_monitor_->measure(engine_);
  const Health health = look.health;
  if (run_log_->health(step_, std::move(look), *health_monitor_, last_health_))
    saves_.mark_healthy(step_);
  saves_.mark_best(KeepBest::rankme, step_, health.rankme);
  last_health_ = health;
}

bool Trainer::evaluation_is_due() const {
  const auto steps = recipe_.eval.every_epochs * plan_.steps_per_epoch;
  return evaluation_ && (step_ % steps == 0 || step_ == plan_.total_steps);
}

void Trainer::evaluate() {
  comm_.activity().enter(Phase::evaluating, step_);
  const auto start = Clock::now();
  if (run_log_) run_log_->clear();
  Evaluation::Result result;
  try {
    result = evaluation_->evaluate();
  } catch (const AgreedError& e) {
    if (step_ == 0) throw;
    if (run_log_) run_log_->evaluation_failed(step_, e.what());
    return;
  }
  if (!run_log_) return;
  if (step_ > 0) saves_.mark_best(KeepBest::evaluation, step_, result.score);
  run_log_->evaluation(step_, result, seconds_since(start));
}

StopReason Trainer::stop_is_due() const {
  if (stop_.received() != 0) return StopReason::signal;
  return deadline_.due(seconds_since(begin_));
}

void Trainer::save() {
  // Skipped steps leave weights as they were, but the run may be on its way to stop because of
  // them.
  if (saves_.has(step_) || (skipped_.in_row() > 0 && step_ < plan_.total_steps)) return;
  if (!engine_.weights_finite())
    throw AgreedError(
        fmt::format("The weights are not finite after step {}: lower optim.lr. They are not saved; "
                    "the last checkpoint is from before.",
                    step_),
        exit_code::not_finite);
  saves_.begin({step_, texts()});
}

std::map<std::string, std::string> Trainer::texts() const {
  auto texts = checkpoint_texts(recipe_, shards_, arithmetic_);
  texts.merge(texts_of_positions(positions_));
  if (!started_from_.empty()) texts[started_from_key] = started_from_;
  return texts;
}

void Trainer::report_save(const SaveOutcome& outcome, double next_try) {
  if (outcome.saved()) deadline_.saved_in(outcome.seconds);
  if (!run_log_) return;
  run_log_->save(outcome, next_try);
  if (outcome.saved()) warn_of_kill_time();
}

/// Once, and before it happens: after some steps a save is guessed, after a save it is known.
void Trainer::warn_of_kill_time() {
  if (!run_log_ || warned_of_kill_time_) return;
  const auto warning = kill_time_warning(cluster_, deadline_.stop_seconds());
  if (!warning) return;
  warned_of_kill_time_ = true;
  run_log_->warn("{}", *warning);
}

void Trainer::begin(const InitialWeights& start) {
  engine_.store().initialise(static_cast<std::uint64_t>(recipe_.run.seed));
  if (start.said.empty()) return;
  RunState state(*device_, engine_.store(), {Role::weight, Role::target});
  state.download();
  start.load(state.tensors());
  state.upload(engine_.store());
  started_from_ = start.said;
  positions_ = start.positions;
}

void Trainer::restore(const InitialWeights& start) {
  const auto folder = CheckpointStore(recipe_.run.dir, {}).newest_valid(comm_, log_);
  if (!folder) return begin(start);
  RunState state(*device_, engine_.saved_tensors());
  const CheckpointMeta meta = load_checkpoint(comm_, *folder, state.tensors());
  on_all_ranks(comm_, [&] {
    check_same_run(meta, recipe_, shards_, *folder);
    check_same_start(meta, start, *folder);
    positions_ = positions_of_checkpoint(meta, *folder);
  });
  const std::string other = other_arithmetic(meta, arithmetic_, *folder);
  if (!other.empty() && comm_.rank() == 0) log_.warn("{}", other);
  if (const auto said = meta.text.find(started_from_key); said != meta.text.end())
    started_from_ = said->second;
  state.upload();
  engine_.refresh();
  step_ = meta.step;
  saves_.resumed_from(step_);
  log_.info("Resumed from {}: {} of {} steps are done.", *folder, step_, plan_.total_steps);
}

void Trainer::start_loader() {
  loader_ = training_loader(recipe_, plan_, shards_, comm_.rank(), step_, log_);
  images_read_.emplace(comm_.activity(), [loader = loader_.get()] {
    return static_cast<std::uint64_t>(loader->bad_images().read);
  });
}

/// Operations of a step of features for each of a step of pixels, where such are still to come.
double Trainer::feature_cost() const {
  if (step_ >= plan_.pixel_steps) return 1;
  const auto flops = [&](std::int64_t step) {
    return mean_step_flops(engine_.model(), recipe_, plan_, comm_.size(), step);
  };
  return flops(plan_.pixel_steps) / flops(step_);
}

void Trainer::start_logs() {
  health_monitor_ = health_monitor_of(recipe_, shards_, plan_);
  run_log_.emplace(recipe_, plan_, step_, feature_cost(), health_monitor_, log_);
  run_log_->event("start", {{"step", step_},
                            {"total_steps", plan_.total_steps},
                            {"steps_per_epoch", plan_.steps_per_epoch},
                            {"pixel_steps", plan_.pixel_steps},
                            {"ranks", comm_.size()},
                            {"host", host_name()},
                            {"device", device_->describe()},
                            {"started_from", started_from_},
                            {"images", shards_.size()},
                            {"micro_batch", plan_.micro_batch}});
}

}  // namespace ijepa
