#include "ijepa/train/fit/repeated_step.hpp"

#include <numeric>

namespace ijepa {

RankStep::RankStep(const PretrainRecipe& recipe, const RunPlan& plan, std::int64_t step, int rank)
    : seed_(static_cast<std::uint64_t>(recipe.run.seed)),
      rank_(rank),
      image_tokens_(recipe.model.encoder.tokens()),
      micro_batch_(plan.micro_batch),
      micro_batches_(plan.micro_batches),
      micro_bytes_(image_tensor(nullptr, recipe.model.encoder, plan.micro_batch).bytes()),
      place_(place_of(step, plan.steps_per_epoch, recipe.optim.global_batch)),
      masks_(draw_step_masks(recipe, plan, place_, rank)),
      positions_(static_cast<std::size_t>(plan.rank_batch)) {
  std::iota(positions_.begin(), positions_.end(), place_.batch_position + rank * plan.rank_batch);
}

TokenPlan RankStep::token_plan(std::int64_t micro) const {
  return masks_.token_plan(micro, micro_batch_, image_tokens_);
}

MicroBatch RankStep::micro_batch(std::int64_t micro, std::span<const std::uint8_t> pixels,
                                 const TokenPlan& tokens) const {
  const auto own = std::span(positions_)
                       .subspan(static_cast<std::size_t>(micro * micro_batch_),
                                static_cast<std::size_t>(micro_batch_));
  return {pixels, tokens, {seed_, static_cast<std::uint64_t>(place_.epoch), own}};
}

/// Forwards every call until it is to leave: an operation is short, a piece of a large network is
/// not.
class RepeatedStep::LeavingOps final : public Ops {
 public:
  LeavingOps(Ops& inner, std::function<bool()> leave) : inner_(inner), leave_(std::move(leave)) {}

  void synchronize() override { inner_.synchronize(); }

 private:
  void perform(const Operation& operation) override {
    if (leave_ && leave_()) throw RepetitionLeft("left before its end");
    operation.run_on(inner_);
  }

  Ops& inner_;
  std::function<bool()> leave_;
};

std::vector<Piece> pieces_of(const RankStep& step, bool pooled, std::int64_t first,
                             std::int64_t micros) {
  std::vector<Piece> pieces;
  const auto add = [&](Piece::Kind kind) {
    for (std::int64_t i = 0; i < micros; ++i)
      pieces.push_back({kind, first + i, part_of(i, micros)});
  };
  if (pooled && step.micro_batches() > 1) add(Piece::Kind::look_ahead);
  add(Piece::Kind::micro_batch);
  if (micros == step.micro_batches()) pieces.push_back({.kind = Piece::Kind::norms});
  return pieces;
}

RepeatedStep::RepeatedStep(Engine& engine, const RankStep& step, Activity& activity,
                           std::function<bool()> leave)
    : engine_(engine),
      step_(step),
      ops_(std::make_unique<LeavingOps>(engine.ops(), std::move(leave))),
      parts_(*ops_, [this](const Tensor& t) { return engine_.store().layer_of(t); }),
      norms_(*ops_),
      progress_(activity, [this] { return static_cast<std::uint64_t>(operations()); }) {}

RepeatedStep::~RepeatedStep() = default;

void RepeatedStep::compute(const Piece& piece, std::span<const std::uint8_t> pixels) {
  if (piece.kind == Piece::Kind::idle) return;
  if (piece.kind == Piece::Kind::norms) return engine_.repeat_norms(norms_);
  parts_.leave_layers();
  const TokenPlan tokens = step_.token_plan(piece.micro);
  const MicroBatch batch = step_.micro_batch(piece.micro, pixels, tokens);
  if (piece.kind == Piece::Kind::look_ahead) return engine_.repeat_survey(parts_, batch);
  engine_.repeat(parts_, batch, step_.masks().loss_scale, piece.part);
}

std::optional<Finding> RepeatedStep::repeat(const Piece& piece,
                                            std::span<const std::uint8_t> pixels) {
  try {
    compute(piece, pixels);
  } catch (const NotFinite& e) {
    return Finding{step_.rank(), piece, operations(), e.what()};
  }
  return {};
}

std::optional<Finding> find_not_finite(Engine& engine, const RankStep& step,
                                       std::span<const std::uint8_t> pixels, Activity& activity,
                                       std::int64_t first) {
  RepeatedStep repeated(engine, step, activity);
  const std::size_t bytes = step.micro_bytes();
  const auto micros = static_cast<std::int64_t>(pixels.size() / bytes);
  for (const Piece& piece : pieces_of(step, step.pooled(engine.model().loss()), first, micros)) {
    const auto at = piece.kind == Piece::Kind::norms ? 0 : piece.micro - first;
    if (auto finding =
            repeated.repeat(piece, pixels.subspan(static_cast<std::size_t>(at) * bytes, bytes)))
      return finding;
  }
  return {};
}

std::string sentence_of(const Finding& f, const RankStep& step) {
  return fmt::format(
      "step {}: the first value that is not finite is of rank {}, {}. {}", step.place().step,
      f.rank,
      f.piece.kind == Piece::Kind::norms
          ? "the norms of its gradients"
          : fmt::format("micro-batch {} of {}", f.piece.micro + 1, step.micro_batches()),
      f.text);
}

}  // namespace ijepa
