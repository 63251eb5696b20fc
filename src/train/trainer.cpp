#include "ijepa/train/trainer.hpp"

#include <cmath>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <numeric>

#include "ijepa/comm/agree.hpp"
#include "ijepa/core/cores.hpp"
#include "ijepa/device/peak.hpp"
#include "ijepa/train/board_values.hpp"
#include "ijepa/train/checkpoint_file.hpp"
#include "ijepa/train/checkpoint_recipe.hpp"
#include "ijepa/train/memory_plan.hpp"
#include "ijepa/train/non_finite.hpp"
#include "ijepa/train/optimizer.hpp"
#include "ijepa/train/run_folder.hpp"
#include "ijepa/train/run_start.hpp"
#include "ijepa/train/run_state.hpp"
#include "ijepa/train/run_watch.hpp"

namespace ijepa {
namespace {

/// In so many steps nearly all lengths are met that a run ever meets.
constexpr std::int64_t steps_ahead = 4000;
/// The first steps of a process take longer than those that follow.
constexpr std::int64_t steps_until_usual = 3;

}  // namespace

struct Trainer::Logs {
  MetricsLog metrics;
  EventLog events;
  Progress progress;
  std::unique_ptr<Board> board;
};

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
      schedule_(recipe.optim, plan_.steps_per_epoch),
      device_(open_device(recipe, cluster, comm, log, device_files(recipe))),
      arithmetic_(arithmetic_of(*device_, comm)),
      engine_(recipe, plan_.micro_batch, *device_, comm),
      saves_(recipe.run, engine_.saved_tensors(), comm, copy_from(*device_, usable_cores()),
             [this](const SaveOutcome& o, double next_try) { report_save(o, next_try); }),
      deadline_(run_deadline(recipe, comm, log)) {
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
  if (comm_.rank() == 0) {
    start_logs();
    health_monitor_ = make_health_monitor();
    if (recipe_.run.tensorboard)
      logs_->board = open_board(recipe_.run.dir, step_, health_monitor_, log_);
  }
  // What it was started from is in the run folder before its first step, so going on needs no more.
  if (step_ == 0 && !started_from_.empty() && !saves_.has(0)) {
    save();
    saves_.finish(step_);
  }
  if (recipe.eval.test_shards.empty()) return;
  check(static_cast<bool>(make_evaluation), "eval.test_shards is set, but nobody can evaluate.");
  evaluation_ = make_evaluation(recipe, *device_, engine_, comm);
}

Trainer::~Trainer() = default;

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
    const StepPlace place = place_of(step_, plan_.steps_per_epoch, recipe_.optim.global_batch);
    const StepMetrics metrics = train_step(place);
    ++step_;
    if (logs_) report(metrics);
    if (++steps_here_ == steps_until_usual) warn_of_kill_time();
    const auto every = recipe_.run.health_every;
    if (health_monitor_ && every > 0 && (step_ % every == 0 || step_ == plan_.total_steps))
      check_health();
    if (evaluation_is_due()) evaluate();
    // One agreement a step: does any rank have a signal, rank 0's clock an end, does any want a
    // checkpoint, does any write one?
    std::array<double, 3> wishes{static_cast<double>(stop_is_due()),
                                 saves_.wanted(step_) ? 1.0 : 0.0, saves_.busy() ? 1.0 : 0.0};
    comm_.activity().enter(Phase::agreeing, step_);
    comm_.all_reduce(wishes, Reduction::max);
    comm_.activity().enter(Phase::saving, step_);
    saves_.advance(wishes[2] != 0);
    const bool stopped = wishes[0] != 0 && step_ < plan_.total_steps;
    if (stopped || wishes[1] != 0 || step_ == plan_.total_steps) save();
    if (!stopped) continue;
    saves_.finish(step_);
    stop_reason_ = static_cast<StopReason>(wishes[0]);
    if (logs_) logs_->events.write("stopped", {{"step", step_}, {"saved", text_of(stop_reason_)}});
    return Outcome::interrupted;
  }
  saves_.finish(step_);
  comm_.activity().enter(Phase::ending, step_);
  if (last_health_) log_.info("{}", judgement(*last_health_));
  return Outcome::finished;
}

StepMetrics Trainer::train_step(const StepPlace& place) {
  const auto start = Clock::now();
  const double waited = loader_->wait_seconds();
  const StepMasks masks = draw_step_masks(recipe_, plan_, place, comm_.rank());
  const StepSums sums = forward_and_backward(place, masks);
  if (sums.finite()) {
    update(place, sums);
  } else {
    skip_step(place, sums);
  }
  const double seconds = std::chrono::duration<double>(Clock::now() - start).count();
  deadline_.stepped_in(seconds);
  return {.epoch = place.epoch + 1,
          .iteration = place.iteration,
          .step = place.step + 1,
          .loss = sums.loss,
          .context_tokens = sums.context_tokens,
          .target_tokens = masks.target_tokens,
          .milliseconds = 1e3 * seconds,
          .learning_rate = schedule_.learning_rate(place.step + 1),
          .weight_decay = schedule_.weight_decay(place.step + 1),
          .momentum = schedule_.momentum(place.step + 1),
          .encoder_gradient = sums.encoder_gradient,
          .predictor_gradient = sums.predictor_gradient,
          .images_per_second = static_cast<double>(recipe_.optim.global_batch) / seconds,
          .data_wait = (loader_->wait_seconds() - waited) / seconds,
          .rank_wait = engine_.exposed_seconds() / seconds,
          .memory_mib = resident_mib()};
}

StepSums Trainer::forward_and_backward(const StepPlace& place, const StepMasks& masks) {
  const std::int64_t count = plan_.micro_batch;
  const std::int64_t first = place.batch_position + comm_.rank() * plan_.rank_batch;
  flops_ = 0;
  step_images_.clear();
  std::vector<std::int64_t> positions(static_cast<std::size_t>(plan_.rank_batch));
  std::iota(positions.begin(), positions.end(), first);
  const auto micro_batch = [&](std::int64_t m, std::span<const std::uint8_t> pixels,
                               const TokenPlan& tokens) {
    const auto own = std::span(positions).subspan(static_cast<std::size_t>(m * count),
                                                  static_cast<std::size_t>(count));
    return MicroBatch{pixels,
                      tokens,
                      {static_cast<std::uint64_t>(recipe_.run.seed),
                       static_cast<std::uint64_t>(place.epoch), own}};
  };
  const auto tokens_of = [&](std::int64_t m) {
    return masks.token_plan(m, count, recipe_.model.encoder.tokens());
  };
  const auto load = [&]() -> std::span<const std::uint8_t> {
    comm_.activity().enter(Phase::loading, place.step);
    const Batch* batch = loader_->next();
    comm_.activity().enter(Phase::computing, place.step);
    step_images_.insert(step_images_.end(), batch->indices.begin(), batch->indices.end());
    return batch->images;
  };
  // Losses that compare the images of a step see all of them before the first one's backward.
  std::vector<std::vector<std::uint8_t>> held;
  for (std::int64_t m = 0; engine_.surveys() && m < plan_.micro_batches; ++m) {
    const auto images = load();
    held.emplace_back(images.begin(), images.end());
    engine_.survey(micro_batch(m, held.back(), tokens_of(m)), part_of(m, plan_.micro_batches));
  }
  for (std::int64_t m = 0; m < plan_.micro_batches; ++m) {
    const TokenPlan tokens = tokens_of(m);
    flops_ +=
        dry_step(engine_.model(), precision_of(recipe_.compute), tokens, Recompute::none).flops;
    const auto pixels = held.empty() ? load() : held[static_cast<std::size_t>(m)];
    engine_.accumulate(micro_batch(m, pixels, tokens), masks.loss_scale,
                       part_of(m, plan_.micro_batches));
  }
  if (masks.dropped_constraints > 0 && logs_)
    logs_->events.write("mask_constraints_dropped",
                        {{"step", place.step}, {"count", masks.dropped_constraints}});
  comm_.activity().enter(Phase::reducing, place.step);
  return engine_.finish(masks.context_tokens);
}

void Trainer::update(const StepPlace& place, const StepSums& sums) {
  non_finite_ = 0;
  const OptimSettings& o = recipe_.optim;
  const std::int64_t s = place.step + 1;
  AdamWStep step = adamw_step({o.beta1, o.beta2, o.eps}, place.step, schedule_.learning_rate(s),
                              schedule_.weight_decay(s), schedule_.momentum(s));
  const double norm = std::hypot(sums.encoder_gradient, sums.predictor_gradient);
  comm_.activity().enter(Phase::updating, place.step);
  if (o.clip_grad > 0 && norm > o.clip_grad) step.gradient_scale = o.clip_grad / norm;
  engine_.update(step);
}

// Every rank has the same sums, so every rank skips, and every rank stops.
void Trainer::skip_step(const StepPlace& place, const StepSums& sums) {
  ++non_finite_;
  try {
    write_non_finite(recipe_.run.dir, {place, sums, comm_.rank(), step_images_}, shards_, engine_);
  } catch (const std::exception& e) {
    log_.warn("step {}: what is not finite could not be written down: {}", place.step, e.what());
  }
  if (logs_) {
    logs_->progress.clear();
    log_.warn("step {}: loss {} and gradient norms {} and {}: the update is skipped.", place.step,
              sums.loss, sums.encoder_gradient, sums.predictor_gradient);
    logs_->events.write("non_finite", {{"step", place.step},
                                       {"epoch", place.epoch},
                                       {"first_position", place.batch_position},
                                       {"loss", sums.loss},
                                       {"encoder_gradient", sums.encoder_gradient},
                                       {"predictor_gradient", sums.predictor_gradient}});
  }
  if (non_finite_ > recipe_.run.nan_limit)
    throw AgreedError(
        fmt::format("Loss or gradients were not finite in {} steps in a row, up to step {}: lower "
                    "optim.lr, set optim.clip_grad, or look at the images named in {}/non_finite. "
                    "The last checkpoint is from before them.",
                    non_finite_, place.step, recipe_.run.dir),
        exit_code::not_finite);
}

void Trainer::report(const StepMetrics& metrics) {
  logs_->metrics.append(metrics);
  last_loss_ = metrics.loss;
  if (logs_->board && (step_ % recipe_.run.log_every == 0 || step_ == plan_.total_steps))
    logs_->board->add(step_, board_values(metrics));
  const double seconds = metrics.milliseconds / 1e3;
  logs_->progress.step(step_, metrics, flops_ / (seconds * peak_flops_));
}

std::string Trainer::summary() const {
  const std::string& run = recipe_.run.dir;
  const std::filesystem::path train = recipe_.data.shards, test = train.parent_path() / "test";
  const bool has_test = !recipe_.data.shards.empty() && std::filesystem::exists(test);
  const bool sliced = step_ == recipe_.optim.max_steps;
  std::string what =
      fmt::format("Finished: {} steps, {:.4g} epochs", step_,
                  static_cast<double>(step_) / static_cast<double>(plan_.steps_per_epoch));
  if (std::isfinite(last_loss_)) what += fmt::format(", loss {:.4f}", last_loss_);
  if (last_health_) what += fmt::format(", rankme {:.1f}", last_health_->rankme);
  return fmt::format(
      "{}. The weights are in {}.\n"
      "What its features are worth:  ijepa-probe --run {} --test {}\n"
      "A page of it to read:         ijepa-plot report {}\n"
      "To train it longer:           the same command with a larger {}",
      what, checkpoint_folder(run, step_), run, has_test ? test.string() : "SHARDS", run,
      sliced ? "optim.max_steps" : "optim.epochs and --extend");
}

void Trainer::check_health() {
  comm_.activity().enter(Phase::checking_health, step_);
  HealthMonitor::Look look = health_monitor_->measure(engine_);
  const Health health = look.health;
  if (logs_->board) show(*logs_->board, step_, std::move(look), *health_monitor_);
  nlohmann::json fields{{"step", step_}, {"images", health.images}, {"width", health.width}};
  for (const auto& figure : health_figures) fields[std::string(figure.name)] = health.*figure.value;
  logs_->events.write("health", fields);
  logs_->progress.clear();
  log_.info("step {}: {}", step_, health_line(health));
  const auto found = warnings(health, last_health_ ? &*last_health_ : nullptr);
  for (const std::string& warning : found) {
    log_.warn("step {}: {}", step_, warning);
    logs_->events.write("collapse_warning", {{"step", step_}, {"text", warning}});
  }
  if (found.empty()) saves_.mark_healthy(step_);
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
  if (logs_) logs_->progress.clear();
  Evaluation::Result result;
  try {
    result = evaluation_->evaluate();
  } catch (const AgreedError& e) {
    if (step_ == 0) throw;
    if (!logs_) return;
    logs_->progress.clear();
    log_.warn("step {}: no evaluation: {} Training goes on.", step_, e.what());
    logs_->events.write("evaluation_failed", {{"step", step_}, {"reason", e.what()}});
    return;
  }
  if (!logs_) return;
  if (step_ > 0) saves_.mark_best(KeepBest::evaluation, step_, result.score);
  nlohmann::json fields{{"step", step_},
                        {"epoch", step_ / plan_.steps_per_epoch},
                        {"seconds", std::chrono::duration<double>(Clock::now() - start).count()}};
  std::string line;
  std::vector<EventValue> shown;
  for (const auto& [name, value] : result.figures) {
    fields[name] = value;
    shown.push_back({"evaluation/" + name, value});
    line += fmt::format(", {} {:.1f} %", name, 100 * value);
  }
  logs_->events.write("evaluation", fields);
  if (logs_->board) logs_->board->add(step_, std::move(shown));
  logs_->progress.clear();
  log_.info("step {}: evaluation{}", step_, line);
}

StopReason Trainer::stop_is_due() const {
  if (stop_.received() != 0) return StopReason::signal;
  return deadline_.due(std::chrono::duration<double>(Clock::now() - begin_).count());
}

void Trainer::save() {
  // Skipped steps leave weights as they were, but the run may be on its way to stop because of
  // them.
  if (saves_.has(step_) || (non_finite_ > 0 && step_ < plan_.total_steps)) return;
  if (!engine_.weights_finite())
    throw AgreedError(
        fmt::format("The weights are not finite after step {}: lower optim.lr. They are not saved; "
                    "the last checkpoint is from before.",
                    step_),
        exit_code::not_finite);
  auto texts = checkpoint_texts(recipe_, shards_, arithmetic_);
  texts.merge(texts_of_positions(positions_));
  if (!started_from_.empty()) texts[started_from_key] = started_from_;
  saves_.begin({step_, std::move(texts)});
}

void Trainer::report_save(const SaveOutcome& o, double next_try) {
  if (o.saved()) deadline_.saved_in(o.seconds);
  if (!logs_) return;
  logs_->progress.clear();
  if (!o.saved()) {
    if (next_try > 0)
      log_.warn("{}\nTraining goes on; the next try is in {:.0f} s at the latest.", o.problem,
                std::ceil(next_try));
    logs_->events.write("save_failed", {{"step", o.step}, {"reason", o.problem}});
    return;
  }
  log_.info("step {}: saved {} ({:.1f} MiB in {:.2f} s; training waited {:.3f} s)", o.step,
            o.folder, static_cast<double>(o.bytes) / 1048576.0, o.seconds, o.blocked_seconds);
  logs_->events.write("saved", {{"step", o.step},
                                {"folder", o.folder},
                                {"bytes", o.bytes},
                                {"seconds", o.seconds},
                                {"blocked_seconds", o.blocked_seconds}});
  if (!o.note.empty()) log_.warn("step {} is saved, but: {}", o.step, o.note);
  warn_of_kill_time();
}

/// Once, and before it happens: after some steps a save is guessed, after a save it is known.
void Trainer::warn_of_kill_time() {
  if (!logs_ || warned_of_kill_time_) return;
  const auto warning = kill_time_warning(cluster_, deadline_.stop_seconds());
  if (!warning) return;
  warned_of_kill_time_ = true;
  logs_->progress.clear();
  log_.warn("{}", *warning);
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
  const TrainSchedule schedule{.images = shards_.size(),
                               .global_batch = recipe_.optim.global_batch,
                               .micro_batch = plan_.micro_batch,
                               .rank = comm_.rank(),
                               .ranks = comm_.size()};
  LoaderOptions options = loader_options(recipe_);
  options.first_batch = step_ * plan_.micro_batches;
  loader_ = std::make_unique<Loader>(
      shards_, Sampler(shards_.size(), options.seed, recipe_.data.order), schedule, options, log_);
  images_read_.emplace(comm_.activity(), [loader = loader_.get()] {
    return static_cast<std::uint64_t>(loader->bad_images().read);
  });
}

std::optional<HealthMonitor> Trainer::make_health_monitor() {
  const RunSettings& run = recipe_.run;
  if (run.health_every == 0) return {};
  std::optional<ShardSet> valid;
  if (!recipe_.data.valid_shards.empty()) valid = ShardSet::open(recipe_.data.valid_shards);
  const ShardSet& held_out = valid ? *valid : shards_;
  const std::int64_t images = std::min(run.health_images, held_out.size());
  if (images < 2) return {};
  return HealthMonitor(recipe_, evaluation_pixels(held_out, loader_options(recipe_), images),
                       images, plan_.micro_batch);
}

void Trainer::start_logs() {
  const std::filesystem::path folder = recipe_.run.dir;
  const StepPlace place = place_of(step_, plan_.steps_per_epoch, recipe_.optim.global_batch);
  logs_ = std::make_unique<Logs>(
      Logs{MetricsLog((folder / "metrics.csv").string(),
                      {place.epoch + 1, place.iteration, plan_.steps_per_epoch}, log_),
           EventLog((folder / "events.jsonl").string(), log_),
           Progress({.total_steps = plan_.total_steps,
                     .log_every = recipe_.run.log_every,
                     .display = display_of_stderr()}),
           {}});
  logs_->events.write("start", {{"step", step_},
                                {"total_steps", plan_.total_steps},
                                {"steps_per_epoch", plan_.steps_per_epoch},
                                {"ranks", comm_.size()},
                                {"host", host_name()},
                                {"device", device_->describe()},
                                {"started_from", started_from_},
                                {"images", shards_.size()},
                                {"micro_batch", plan_.micro_batch}});
}

}  // namespace ijepa
