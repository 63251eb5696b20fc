#include "ijepa/train/run/run_saves.hpp"

#include <algorithm>
#include <limits>
#include <utility>

#include "ijepa/comm/agree.hpp"
#include "ijepa/core/file.hpp"
#include "ijepa/train/checkpoint/checkpoint_marks.hpp"

namespace ijepa {
namespace {

using Seconds = std::chrono::duration<double>;

const char* name_of(KeepBest figure) {
  if (figure == KeepBest::evaluation) return "evaluation";
  return figure == KeepBest::rankme ? "rankme" : "";
}

CheckpointPolicy policy_of(const RunSettings& run) {
  return {.keep_last = run.keep_last, .keep_every = run.keep_every};
}

}  // namespace

SaveCadence::SaveCadence(const RunSettings& run, Clock::time_point now)
    : steps_(run.checkpoint_steps),
      kept_steps_(run.keep_every),
      interval_(60 * run.checkpoint_minutes),
      first_pause_(run.save_retry_seconds),
      begun_(now) {}

bool SaveCadence::due_by_steps(std::int64_t step) const {
  return (steps_ > 0 && step % steps_ == 0) || (kept_steps_ > 0 && step % kept_steps_ == 0);
}

bool SaveCadence::due_by_time(Clock::time_point now) const {
  if (pause_.count() > 0) return now - failed_ >= pause_;
  return interval_.count() > 0 && now - begun_ >= interval_;
}

void SaveCadence::begun(Clock::time_point now) {
  begun_ = now;
}

Seconds SaveCadence::failed(Clock::time_point now) {
  constexpr Seconds longest{3600};
  failed_ = now;
  pause_ = pause_.count() > 0 ? 2 * pause_ : first_pause_;
  pause_ = std::min(pause_, interval_.count() > 0 ? interval_ : longest);
  return pause_;
}

RunSaves::RunSaves(const RunSettings& run, std::vector<NamedTensor> tensors, Communicator& comm,
                   CopyToHost copy, Report report)
    : cadence_(run, SaveCadence::Clock::now()),
      keep_best_(run.keep_best),
      comm_(comm),
      writer_(run.dir, policy_of(run), std::move(tensors), comm, std::move(copy)),
      report_(std::move(report)),
      best_value_(-std::numeric_limits<double>::infinity()) {
  on_rank_0(comm, [&] {
    prepare_output_folder(run.dir, writer_.checkpoint_bytes());
    const auto best = read_marks(run.dir).best;
    if (best && best->figure == name_of(keep_best_)) best_value_ = best->value;
  });
}

bool RunSaves::has(std::int64_t step) const {
  return saved_step_ == step || (writer_.in_flight() && begun_step_ == step);
}

void RunSaves::mark_best(KeepBest figure, std::int64_t step, double value) {
  if (figure != keep_best_ || !(value > best_value_)) return;
  marked_value_ = value;
  best_step_ = step;
}

bool RunSaves::wanted(std::int64_t step) const {
  if (has(step)) return false;
  if (cadence_.due_by_steps(step)) return true;
  const bool now = comm_.rank() == 0 && cadence_.due_by_time(SaveCadence::Clock::now());
  return best_step_ == step || (now && !writer_.in_flight());
}

void RunSaves::advance(bool any_rank_busy) {
  if (const auto outcome = writer_.advance(any_rank_busy)) ended(*outcome, Then::train);
}

void RunSaves::begin(const CheckpointMeta& meta) {
  settle();
  cadence_.begun(SaveCadence::Clock::now());
  StepVerdict verdict{.healthy_until = healthy_until_, .figure = {}};
  if (best_step_ == meta.step) {
    verdict.figure = name_of(keep_best_);
    verdict.value = marked_value_;
  }
  begun_step_ = meta.step;
  writer_.begin(meta, std::move(verdict));
}

void RunSaves::settle() {
  if (writer_.in_flight()) ended(writer_.finish(), Then::train);
}

void RunSaves::finish(std::int64_t step) {
  if (writer_.in_flight()) ended(writer_.finish(), Then::end);
  if (problem_.empty()) return;
  const std::string former = saved_step_ < 0
                                 ? "There is no checkpoint to go on from"
                                 : fmt::format("The last checkpoint is of step {}", saved_step_);
  throw AgreedError(
      fmt::format("The run ends after step {} without a checkpoint of it. {} {}; the "
                  "same command goes on from there once saving works.",
                  step, problem_, former));
}

void RunSaves::ended(const SaveOutcome& outcome, Then then) {
  problem_ = outcome.problem;
  double next_try = 0;
  if (outcome.saved()) {
    saved_step_ = outcome.step;
    if (best_step_ == outcome.step) best_value_ = std::max(best_value_, marked_value_);
    cadence_.saved();
  } else if (then == Then::train) {
    next_try = cadence_.failed(SaveCadence::Clock::now()).count();
  }
  report_(outcome, next_try);
}

}  // namespace ijepa
