#include "ijepa/tasks/prediction/whole_model.hpp"

#include <xxhash.h>

#include <algorithm>
#include <functional>
#include <map>
#include <numeric>

#include "ijepa/device/host_values.hpp"
#include "ijepa/device/null_ops.hpp"
#include "ijepa/model/token_plan.hpp"
#include "ijepa/tasks/network/pretrained.hpp"
#include "ijepa/tasks/prediction/block_conditions.hpp"
#include "ijepa/train/checkpoint/run_state.hpp"
#include "ijepa/train/step/running_targets.hpp"

namespace ijepa {
namespace {

Matrix<float> on_host(Ops& ops, Tensor t) {
  Matrix<float> out(t.rows(), t.cols());
  ops.download(t, out.values.data());
  ops.synchronize();
  return out;
}

/// Rows of the predictions, block by block: one context, and blocks of one size.
void sort_into_blocks(const TokenPlan& plan, const Matrix<float>& predictions, Expectations& e) {
  const auto size = plan.target_rows.size() / static_cast<std::size_t>(plan.targets);
  for (std::size_t i = 0; i < plan.target_rows.size(); ++i) {
    if (i % size == 0) e.at.emplace_back();
    e.at.back().push_back(plan.target_rows[i]);
  }
  std::int64_t row = 0;
  for (const auto& patches : e.at) {
    Matrix<float> block(std::ssize(patches), predictions.cols);
    const auto from = predictions.view().slice(row, block.rows);
    block.values.assign(from.data, from.data + from.size());
    e.predicted.push_back(std::move(block));
    row += std::ssize(patches);
  }
}

/// The mean prediction of each block of `cells` patches, by the row image * N + patch of the first
/// of them. The blocks of a sequence follow one another.
std::map<std::int32_t, std::vector<float>> means_of_blocks(const TokenPlan& plan,
                                                           const Matrix<float>& predictions,
                                                           std::size_t cells) {
  std::map<std::int32_t, std::vector<float>> means;
  for (std::size_t i = 0; i < plan.target_rows.size(); i += cells) {
    std::vector<double> sum(static_cast<std::size_t>(predictions.cols));
    for (std::size_t k = i; k < i + cells; ++k)
      std::ranges::transform(sum, predictions.row(static_cast<std::int64_t>(k)), sum.begin(),
                             std::plus<>());
    auto& mean = means[plan.target_rows[i]];
    mean.clear();
    for (const double v : sum) mean.push_back(static_cast<float>(v / static_cast<double>(cells)));
  }
  return means;
}

std::int64_t numel(const NamedTensor& t) {
  return std::accumulate(t.shape.begin(), t.shape.end(), std::int64_t{1}, std::multiplies<>());
}

/// What changes predictions and targets beside weights.
std::string what_is_no_weight(const PretrainRecipe& recipe) {
  const auto& e = recipe.model.encoder;
  const auto& p = recipe.model.predictor;
  auto text =
      fmt::format("{} x {} by {}; {} {} {} {}; {} {} {} {}; {} {};", e.image_height, e.image_width,
                  e.patch, e.width, e.depth, e.heads, e.mlp_hidden, p.width, p.depth, p.mlp_hidden,
                  p.joint, static_cast<int>(recipe.loss.targets), recipe.loss.target_blocks);
  for (std::size_t c = 0; c < recipe.data.mean.size(); ++c)
    text += fmt::format(" {} {}", recipe.data.mean[c], recipe.data.std[c]);
  return text;
}

}  // namespace

WholeModel::WholeModel(const std::string& checkpoint, int threads, Communicator& comm,
                       const Log& log)
    : recipe_(load_checkpoint_recipe(checkpoint, comm)) {
  device_ = open_task_device(recipe_.compute, threads, comm, log);
  model_ = std::make_unique<IJepa>(recipe_.model.encoder, recipe_.model.predictor,
                                   LossConfig{.target_blocks = recipe_.loss.target_blocks});
  store_ = std::make_unique<ParamStore>(*device_, model_->layout(), Precision::float32(),
                                        StoreUse::inference);
  RunState state(*device_, *store_, {Role::weight, Role::target});
  load_pretrained(checkpoint, state.tensors(), comm);
  state.upload(*store_);
  positions_ = load_positions(checkpoint, comm);
  set_positions(device_->ops(), *store_, positions_);
  if (recipe_.loss.targets == TargetScaling::centred) load_moments(checkpoint, comm);
}

void WholeModel::load_moments(const std::string& checkpoint, Communicator& comm) {
  RunningTargets moments(*device_, recipe_.model.encoder, DType::f32);
  RunState state(*device_, moments.tensors());
  load_pretrained(checkpoint, state.tensors(), comm);
  state.upload();
  moments.refresh();
  shift_ = download_values(device_->ops(), moments.scale().shift);
  factor_ = download_values(device_->ops(), moments.scale().factor);
}

void WholeModel::centre(Matrix<float>& sources) const {
  if (shift_.empty()) return;
  for (std::size_t i = 0; i < sources.values.size(); ++i)
    sources.values[i] =
        static_cast<float>((static_cast<double>(sources.values[i]) + shift_[i % shift_.size()]) *
                           factor_[i % factor_.size()]);
}

Grid WholeModel::grid() const {
  const auto& c = model_->encoder().config();
  return {c.grid_rows(), c.grid_cols()};
}

Size WholeModel::image_size() const {
  const auto& c = model_->encoder().config();
  return {static_cast<int>(c.image_height), static_cast<int>(c.image_width)};
}

Arena WholeModel::make_room(std::size_t bytes, const std::vector<std::uint8_t>& batch) {
  if (arena_.bytes() < bytes) arena_ = Buffer(*device_, bytes);
  if (pixels_.bytes() < batch.size()) pixels_ = Buffer(*device_, batch.size());
  device_->ops().upload(batch.data(), make_tensor(pixels_.data(), DType::u8, {std::ssize(batch)}));
  return {arena_.data(), arena_.bytes()};
}

Matrix<float> WholeModel::targets(const std::vector<std::uint8_t>& batch, std::int64_t count) {
  const auto run = [&](Ops& ops, Arena& arena, void* pixels) {
    Pass target{ops, arena, store_->precision(), store_->target()};
    const Tensor images = image_tensor(pixels, recipe_.model.encoder, count);
    return model_->target_sources(target, {images, {recipe_.data.mean, recipe_.data.std}});
  };
  NullOps nothing;
  auto measuring = Arena::measuring();
  run(nothing, measuring, nullptr);
  Arena arena = make_room(measuring.peak(), batch);
  auto sources = on_host(device_->ops(), run(device_->ops(), arena, pixels_.data()));
  centre(sources);
  return sources;
}

WholeModel::Evaluated WholeModel::evaluate(const std::vector<std::uint8_t>& batch,
                                           const TokenPlan& plan) {
  const Normalisation normalisation{recipe_.data.mean, recipe_.data.std};
  const auto run = [&](Ops& ops, Arena& arena, void* pixels, const StepObserver& observer) {
    Pass online{ops, arena, store_->precision(), store_->online()};
    Pass target{ops, arena, store_->precision(), store_->target()};
    const Tensor images = image_tensor(pixels, recipe_.model.encoder, plan.images);
    model_->evaluate(online, target, {{images, normalisation}, plan}, observer);
  };
  NullOps nothing;
  auto measuring = Arena::measuring();
  // As it is watched below: the features of all tokens are kept.
  run(nothing, measuring, nullptr, {{}, {}, [](Tensor) {}});
  Arena arena = make_room(measuring.peak(), batch);
  Ops& ops = device_->ops();
  Evaluated e;
  run(ops, arena, pixels_.data(),
      {{},
       [&](Tensor, Tensor predicted) { e.predictions = on_host(ops, predicted); },
       [&](Tensor sources) { e.tokens = on_host(ops, sources); }});
  centre(e.tokens);
  return e;
}

Expectations WholeModel::expect(const std::vector<std::uint8_t>& batch, const ImageMasks& masks) {
  const auto plan =
      make_token_plan(std::span(&masks, 1), grid().tokens(), sequences_of(recipe_.model.predictor));
  auto evaluated = evaluate(batch, plan);
  Expectations e;
  e.tokens = std::move(evaluated.tokens);
  sort_into_blocks(plan, evaluated.predictions, e);
  return e;
}

BlockMeans WholeModel::block_means(const std::vector<std::uint8_t>& batch,
                                   std::span<const ImageMasks> masks) {
  const auto tokens = grid().tokens();
  const auto plan = make_token_plan(masks, tokens, sequences_of(recipe_.model.predictor));
  const auto e = evaluate(batch, plan);
  const auto predicted = means_of_blocks(plan, e.predictions, masks[0].targets[0].size());
  const auto blocks = std::ssize(masks[0].targets);
  BlockMeans means{{std::ssize(masks) * blocks, width()}, {std::ssize(masks) * blocks, width()}};
  for (std::int64_t row = 0; row < means.predicted.rows; ++row) {
    const auto image = row / blocks;
    const auto& patches =
        masks[static_cast<std::size_t>(image)].targets[static_cast<std::size_t>(row % blocks)];
    const auto first = static_cast<std::int32_t>(image * tokens) + patches.front();
    std::ranges::copy(predicted.at(first), means.predicted.row(row).begin());
    std::ranges::copy(mean_target(e.tokens.view().slice(image * tokens, tokens), patches),
                      means.encoded.row(row).begin());
  }
  return means;
}

std::vector<float> WholeModel::mean_target(MatrixView<const float> tokens,
                                           std::span<const std::int32_t> patches) const {
  std::vector<double> sum(static_cast<std::size_t>(tokens.cols));
  for (const auto patch : patches) {
    const auto token = tokens.row(patch);
    if (shift_.empty()) {
      add_normalised(token, sum);
    } else {
      std::ranges::transform(sum, token, sum.begin(), std::plus<>());
    }
  }
  std::vector<float> mean(sum.size());
  const auto count = static_cast<double>(patches.size());
  std::ranges::transform(sum, mean.begin(),
                         [&](double v) { return static_cast<float>(v / count); });
  return mean;
}

std::string WholeModel::identity() const {
  std::uint64_t hash = 0;
  const auto add = [&](const void* data, std::size_t bytes) {
    hash = XXH3_64bits_withSeed(data, bytes, hash);
  };
  for (const Role role : {Role::weight, Role::target})
    for (const NamedTensor& t : device_tensors(*store_, {role})) {
      const auto values = on_host(device_->ops(), make_tensor(t.data, t.dtype, {1, numel(t)}));
      add(values.values.data(), values.values.size() * sizeof(float));
    }
  for (const auto* values : {&positions_.encoder, &positions_.predictor, &shift_, &factor_})
    add(values->data(), values->size() * sizeof(double));
  const auto text = what_is_no_weight(recipe_);
  add(text.data(), text.size());
  return fmt::format("{:016x}", hash);
}

}  // namespace ijepa
