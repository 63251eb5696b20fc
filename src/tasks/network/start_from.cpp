#include "ijepa/tasks/network/start_from.hpp"

#include <fmt/ranges.h>

#include <algorithm>
#include <array>
#include <filesystem>

#include "ijepa/comm/agree.hpp"
#include "ijepa/core/path.hpp"
#include "ijepa/tasks/network/pretrained.hpp"
#include "ijepa/train/weights/load.hpp"

namespace ijepa {
namespace {

/// "width 24 (the recipe: 32)" for each size that differs.
class SizeDifferences {
 public:
  void compare(const char* name, std::int64_t there, std::int64_t here) {
    if (there != here) found_.push_back(fmt::format("{} {} (the recipe: {})", name, there, here));
  }
  void refuse_any(const std::string& from, const char* part, const char* advice) const {
    check(found_.empty(), "{} does not fit the recipe: its {} has {}. {}", from, part,
          fmt::join(found_, ", "), advice);
  }

 private:
  std::vector<std::string> found_;
};

class Start {
 public:
  Start(const StartOptions& options, const std::string& weights, const PretrainRecipe& there,
        const std::vector<std::string>& held, const PretrainRecipe& recipe)
      : options_(options), weights_(weights), there_(there), held_(held) {
    choose_encoders();
    choose_predictor(recipe);
    check_encoder(recipe);
    resized_ =
        grid_of(there).rows != grid_of(recipe).rows || grid_of(there).cols != grid_of(recipe).cols;
  }

  /// Those of the weights, for the recipe's grid.
  PositionTables positions(const PositionTables& own, const PretrainRecipe& recipe) const {
    const Grid from = grid_of(there_), to = grid_of(recipe);
    PositionTables tables{
        to, table_for_grid(own.encoder, from, recipe.model.encoder.width, to), {}};
    if (predictor_)
      tables.predictor = table_for_grid(own.predictor, from, recipe.model.predictor.width, to);
    return tables;
  }

  std::string text() const {
    return fmt::format("starts from {}: online encoder from its {}, EMA target from its {}, {}{}",
                       weights_, name_of(online_), name_of(target_),
                       predictor_ ? "predictor from its predictor" : "predictor untrained",
                       resized_ ? "; position tables resized to the recipe's grid" : "");
  }

  /// The run's tensors under the names that they have in the weights.
  std::vector<NamedTensor> wanted(const std::vector<NamedTensor>& run) const {
    std::vector<NamedTensor> tensors;
    for (auto t : run) {
      if (t.group == "encoder")
        t.group = online_;
      else if (t.group == "target_encoder")
        t.group = target_;
      else if (t.group != "predictor" || !predictor_)
        continue;
      tensors.push_back(std::move(t));
    }
    return tensors;
  }

 private:
  static std::string name_of(const std::string& group) {
    return group == "encoder" ? "context encoder" : "target encoder";
  }
  bool holds(const std::string& group) const { return std::ranges::count(held_, group) > 0; }

  void choose_encoders() {
    online_ = "encoder";
    target_ = "target_encoder";
    if (options_.encoder == StartEncoder::target || !holds(online_)) online_ = target_;
    if (options_.encoder == StartEncoder::context || !holds(target_)) target_ = "encoder";
    if (options_.encoder == StartEncoder::context) online_ = target_;
    for (const auto& group : {online_, target_})
      check(holds(group), "{} holds no {}, only: {}.", weights_, name_of(group),
            fmt::join(held_, ", "));
  }
  void choose_predictor(const PretrainRecipe& recipe) {
    predictor_ = options_.parts != StartParts::encoder && holds("predictor");
    check(predictor_ || options_.parts != StartParts::both,
          "{} holds no predictor, only: {}. --init-parts encoder starts an untrained one.",
          weights_, fmt::join(held_, ", "));
    if (!predictor_) return;
    const auto &there = there_.model.predictor, &here = recipe.model.predictor;
    SizeDifferences differences;
    differences.compare("width", there.width, here.width);
    differences.compare("depth", there.depth, here.depth);
    differences.compare("MLP", there.mlp_hidden, here.mlp_hidden);
    differences.refuse_any(weights_, "predictor",
                           "Give those sizes in [model.predictor], or --init-parts encoder, which "
                           "starts an untrained predictor.");
  }
  void check_encoder(const PretrainRecipe& recipe) const {
    const auto &there = there_.model.encoder, &here = recipe.model.encoder;
    SizeDifferences differences;
    differences.compare("width", there.width, here.width);
    differences.compare("depth", there.depth, here.depth);
    differences.compare("heads", there.heads, here.heads);
    differences.compare("MLP", there.mlp_hidden, here.mlp_hidden);
    differences.compare("patch", there.patch, here.patch);
    differences.refuse_any(weights_, "encoder", "Give those sizes in [model].");
    check(there.channels == here.channels,
          "{} does not fit the recipe: its encoder takes images of {} channel{}, but data.channels "
          "is {}. Set data.channels, data.mean and data.std to its own.",
          weights_, there.channels, there.channels == 1 ? "" : "s", here.channels);
  }
  static Grid grid_of(const PretrainRecipe& recipe) {
    return {recipe.model.encoder.grid_rows(), recipe.model.encoder.grid_cols()};
  }

  StartOptions options_;
  std::string weights_;
  PretrainRecipe there_;
  std::vector<std::string> held_;
  std::string online_, target_;
  bool predictor_ = false, resized_ = false;
};

/// What a run's checkpoints say; the weights need not be there any more.
std::string said(const StartOptions& options) {
  constexpr std::array parts{"", ", the encoder alone", ", encoder and predictor"};
  constexpr std::array encoders{"", ", its target encoder", ", its context encoder"};
  return real_path(options.from) + parts.at(static_cast<std::size_t>(options.parts)) +
         encoders.at(static_cast<std::size_t>(options.encoder));
}

/// A checkpoint's folder or a file of weights.
std::string weights_named(const std::string& from, Communicator& comm, const Log& log) {
  bool is_run = false;
  on_all_ranks(comm, [&] {
    check(std::filesystem::exists(from), "There are no weights at {}.", from);
    is_run = !list_checkpoints(from).empty();
  });
  return find_checkpoint(is_run ? from : "", is_run ? "" : from, comm, log);
}

}  // namespace

InitialWeights start_from(const StartOptions& options, const PretrainRecipe& recipe,
                          Communicator& comm, const Log& log) {
  if (options.from.empty()) return {};
  InitialWeights start{said(options), {}, {}};
  bool begun = false;
  on_rank_0(comm, [&] { begun = !list_checkpoints(recipe.run.dir).empty(); });
  begun = comm.all_reduce(begun ? 1.0 : 0.0, Reduction::max) != 0;
  if (begun) return start;
  const auto weights = weights_named(options.from, comm, log);
  const WeightHints hints{.heads = recipe.model.encoder.heads};
  const auto there = load_checkpoint_recipe(weights, comm, hints);
  std::unique_ptr<Start> chosen;
  on_all_ranks(comm, [&] {
    chosen =
        std::make_unique<Start>(options, weights, there, groups_of_pretrained(weights), recipe);
  });
  start.positions = chosen->positions(load_positions(weights, comm, hints), recipe);
  log.info("{}", chosen->text());
  if (!is_weight_file(weights) &&
      (there.data.mean != recipe.data.mean || there.data.std != recipe.data.std))
    log.info(
        "note: data.mean and data.std are others than those of the run that made the weights, {} "
        "and {}.",
        fmt::join(there.data.mean, " "), fmt::join(there.data.std, " "));
  start.load = [chosen = std::shared_ptr<Start>(std::move(chosen)), weights, hints,
                &comm](const std::vector<NamedTensor>& run) {
    load_pretrained(weights, chosen->wanted(run), comm, hints);
  };
  return start;
}

}  // namespace ijepa
