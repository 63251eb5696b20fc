#include "ijepa/train/fit/explained_step.hpp"

#include <algorithm>
#include <cmath>

#include "ijepa/comm/agree.hpp"
#include "ijepa/train/checkpoint/run_state.hpp"
#include "ijepa/train/fit/repeated_step.hpp"
#include "ijepa/train/fit/replay.hpp"

namespace ijepa {
namespace {

/// The number of the operation at fault on a rank that has found none.
constexpr std::int64_t nowhere = std::numeric_limits<std::int64_t>::max();
/// A replay takes no longer to write on disks that are fit for checkpoints.
constexpr double slowest_bytes_a_second = 1e8;

/// One rank's part of a piece, or of loading.
struct Tried {
  std::optional<Finding> finding;
  std::string problem;
  bool left = false;
};

template <class F>
Tried tried(F&& work) {
  Tried t;
  try {
    t.finding = std::forward<F>(work)();
  } catch (const RepetitionLeft&) {
    t.left = true;
  } catch (...) {
    t.problem = message_of(std::current_exception());
  }
  return t;
}

/// Of all ranks. The rank that came to its fault first is the one to name.
struct Agreed {
  std::string problem;
  bool left = false;
  int first = -1;

  bool ends() const { return first >= 0 || left || !problem.empty(); }
};

Agreed agreed(const Tried& t, Communicator& comm) {
  std::array<double, 3> any{t.finding ? 1.0 : 0.0, t.problem.empty() ? 0.0 : 1.0,
                            t.left ? 1.0 : 0.0};
  comm.all_reduce(any, Reduction::max);
  Agreed a;
  a.left = any[2] != 0;
  if (any[0] != 0) {
    const auto all = comm.gather_all_values(t.finding ? t.finding->operation : nowhere);
    a.first = static_cast<int>(std::ranges::min_element(all) - all.begin());
  }
  if (any[1] != 0) a.problem = joined_problems(comm.gather_all(t.problem));
  return a;
}

class ExplainedStep {
 public:
  ExplainedStep(const ReplayedRun& run, const RankStep& step, const TimeLeft& time,
                Communicator& comm, const Log& log)
      : run_(run), step_(step), time_(time), comm_(comm), log_(log) {}

  Explanation explain(const std::string& obstacle) {
    comm_.activity().enter(Phase::loading, number());
    if (auto end = ended(tried([&] { return load(); }), obstacle)) return *end;
    comm_.activity().enter(Phase::computing, number());
    if (step_.micro_batches() == 1 && pooled()) survey();
    RepeatedStep repeated(run_.engine, step_, comm_.activity(), [&] { return time_.over(); });
    const auto all = pieces();
    for (std::size_t i = 0; i < all.size(); ++i) {
      const Piece& piece = all[i];
      alone_ = i < suspects_;
      const auto here = tried([&] { return repeated.repeat(piece, pixels_of(piece)); });
      if (auto end = ended(here, obstacle)) return *end;
    }
    return {fmt::format("step {}: repeated with every operation checked, all values are finite on "
                        "every rank: the sum of their gradients was not, or the machine computed "
                        "something else the first time.",
                        number()),
            {}};
  }

 private:
  std::int64_t number() const { return step_.place().step; }
  bool pooled() const { return step_.pooled(run_.recipe.loss); }

  /// Decoded and augmented as the step saw them.
  std::optional<Finding> load() {
    const auto loader =
        training_loader(run_.recipe, run_.plan, run_.shards, step_.rank(), number(), Log(1), 1);
    while (const Batch* batch = loader->next()) {
      if (time_.over()) throw RepetitionLeft("left before its end");
      pixels_.insert(pixels_.end(), batch->images.begin(), batch->images.end());
    }
    return {};
  }

  /// The sums that Engine::repeat() takes where losses are pooled.
  void survey() {
    const TokenPlan tokens = step_.token_plan(0);
    run_.engine.survey(step_.micro_batch(0, micros(0, 1), tokens), Part::only);
  }

  std::span<std::uint8_t> micros(std::int64_t first, std::int64_t count) {
    const std::size_t bytes = step_.micro_bytes();
    return std::span(pixels_).subspan(static_cast<std::size_t>(first) * bytes,
                                      static_cast<std::size_t>(count) * bytes);
  }
  std::span<const std::uint8_t> pixels_of(const Piece& piece) {
    const bool one =
        piece.kind == Piece::Kind::look_ahead || piece.kind == Piece::Kind::micro_batch;
    return one ? micros(piece.micro, 1) : std::span<std::uint8_t>();
  }

  /// As many on every rank. Pooled losses say nothing of the micro-batch that they are of.
  std::vector<Piece> pieces() {
    std::vector<Piece> pieces;
    const auto& losses = run_.engine.micro_losses();
    for (std::size_t m = 0; !pooled() && m < losses.size(); ++m)
      if (!std::isfinite(losses[m]))
        pieces.push_back({Piece::Kind::micro_batch, static_cast<std::int64_t>(m), Part::only});
    pieces.resize(static_cast<std::size_t>(
        comm_.all_reduce(static_cast<double>(pieces.size()), Reduction::max)));
    suspects_ = pieces.size();
    const auto whole = pieces_of(step_, pooled(), 0, step_.micro_batches());
    pieces.insert(pieces.end(), whole.begin(), whole.end());
    return pieces;
  }

  /// What is said where this is the end of it.
  std::optional<Explanation> ended(const Tried& here, const std::string& obstacle) {
    const Agreed all = agreed(here, comm_);
    if (!all.ends()) return {};
    if (all.first >= 0) return explained(here.finding, all.first, obstacle);
    const char* why = all.problem.empty() ? "the run is to stop before that is done." : "";
    return Explanation{
        fmt::format("step {} could not be repeated: {}{}", number(), why, all.problem), {}};
  }

  /// What the rank `first` found, and the micro-batches that repeat it.
  Explanation explained(const std::optional<Finding>& finding, int first,
                        const std::string& obstacle) {
    Explanation e{comm_.broadcast_text(finding ? sentence_of(*finding, step_) : "", first), {}};
    std::int64_t micro = step_.micro_batches() - 1;
    if (finding && finding->piece.kind != Piece::Kind::norms) micro = finding->piece.micro;
    comm_.broadcast(std::as_writable_bytes(std::span(&micro, 1)), first);
    const std::int64_t from = alone_ ? micro : 0;
    keep(from, micro + 1 - from, first, obstacle, e);
    return e;
  }

  /// The explanation's file, written by the rank `first`.
  void keep(std::int64_t from, std::int64_t count, int first, std::string problem,
            Explanation& inout) {
    const auto pixels = micros(from, count);
    const EncoderConfig& encoder = run_.recipe.model.encoder;
    const auto pooled_sums =
        run_.engine.surveyed() ? run_.engine.surveyed()->flat() : std::span<double>();
    const auto tensors = [&](std::vector<NamedTensor> weights) {
      return replay_tensors(std::move(weights), encoder, pixels, pooled_sums);
    };
    const auto bytes = static_cast<double>(bytes_of(tensors(run_.engine.weight_tensors())));
    if (problem.empty() && time_.seconds() < bytes / slowest_bytes_a_second)
      problem = "the run is to stop before it would be written.";
    problem = comm_.broadcast_text(problem, 0);
    const std::string path = replay_path(run_.recipe.run.dir, number());
    if (problem.empty()) {
      comm_.activity().enter(Phase::saving, number());
      log_.info("step {}: what repeats it goes to {}, {:.1f} MiB.", number(), path,
                bytes / 1048576.0);
      if (comm_.rank() == first)
        problem = tried([&] { return write(path, from, count, tensors); }).problem;
      problem = comm_.broadcast_text(problem, first);
    }
    if (problem.empty()) {
      inout.file = path;
    } else {
      inout.said += " It is not kept for --replay: " + problem;
    }
  }

  template <class F>
  std::optional<Finding> write(const std::string& path, std::int64_t from, std::int64_t count,
                               const F& tensors) {
    RunState weights(run_.device, run_.engine.weight_tensors());
    weights.download();
    const std::int64_t images = run_.plan.micro_batch;
    write_replay(
        path,
        {number(), comm_.rank(), comm_.size(), run_.shards.size(), from * images, count * images},
        run_.texts, tensors(weights.tensors()));
    return {};
  }

  const ReplayedRun& run_;
  const RankStep& step_;
  const TimeLeft& time_;
  Communicator& comm_;
  const Log& log_;
  std::vector<std::uint8_t> pixels_;
  std::size_t suspects_ = 0;  // pieces of micro-batches whose own loss was not finite, the first
  bool alone_ = false;        // whether the piece at hand is one
};

}  // namespace

Explanation explain_step(const ReplayedRun& run, const RankStep& step, const TimeLeft& time,
                         const std::string& obstacle, Communicator& comm, const Log& log) {
  return ExplainedStep(run, step, time, comm, log).explain(obstacle);
}

}  // namespace ijepa
