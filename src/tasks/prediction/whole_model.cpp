#include "ijepa/tasks/prediction/whole_model.hpp"

#include "ijepa/comm/cluster.hpp"
#include "ijepa/device/null_ops.hpp"
#include "ijepa/model/token_plan.hpp"
#include "ijepa/tasks/pretrained.hpp"
#include "ijepa/tasks/pretrained_parts.hpp"
#include "ijepa/train/run_start.hpp"
#include "ijepa/train/run_state.hpp"

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

}  // namespace

WholeModel::WholeModel(const std::string& checkpoint, int threads, Communicator& comm,
                       const Log& log)
    : recipe_(load_checkpoint_recipe(checkpoint, comm)) {
  auto device_recipe = recipe_;
  if (threads > 0) device_recipe.compute.threads = threads;
  device_ = open_device(device_recipe, parse_cluster(process_environment()), comm, log);
  model_ = std::make_unique<IJepa>(recipe_.model.encoder, recipe_.model.predictor);
  store_ = std::make_unique<ParamStore>(*device_, model_->layout(), Precision::float32(),
                                        StoreUse::inference);
  RunState state(*device_, *store_, {Role::weight, Role::target});
  load_pretrained(checkpoint, state.tensors(), comm);
  state.upload(*store_);
  set_positions(device_->ops(), *store_, load_positions(checkpoint, comm));
  features_ =
      std::make_unique<EncoderFeatures>("target", *device_, *model_, *store_, EncoderChoice::target,
                                        Normalisation{recipe_.data.mean, recipe_.data.std});
}

Grid WholeModel::grid() const {
  const auto& c = model_->encoder().config();
  return {c.grid_rows(), c.grid_cols()};
}

Size WholeModel::image_size() const {
  const auto& c = model_->encoder().config();
  return {static_cast<int>(c.image_height), static_cast<int>(c.image_width)};
}

Expectations WholeModel::expect(const std::vector<std::uint8_t>& rgb, const ImageMasks& masks) {
  const auto plan =
      make_token_plan(std::span(&masks, 1), grid().tokens(), sequences_of(recipe_.model.predictor));
  const Size size = image_size();
  const Normalisation normalisation{recipe_.data.mean, recipe_.data.std};
  const auto run = [&](Ops& ops, Arena& arena, void* pixels, const StepObserver& observer) {
    Pass online{ops, arena, store_->precision(), store_->online()};
    Pass target{ops, arena, store_->precision(), store_->target()};
    const Tensor image = make_tensor(pixels, DType::u8, {1, size.height, size.width, 3});
    model_->evaluate(online, target, {{image, normalisation}, plan}, observer);
  };
  NullOps nothing;
  auto measuring = Arena::measuring();
  run(nothing, measuring, nullptr, {[](Tensor, Tensor) {}, {}});
  if (arena_.bytes() < measuring.peak()) arena_ = Buffer(*device_, measuring.peak());
  if (pixels_.bytes() < rgb.size()) pixels_ = Buffer(*device_, rgb.size());
  Ops& ops = device_->ops();
  ops.upload(rgb.data(), make_tensor(pixels_.data(), DType::u8, {std::ssize(rgb)}));
  Arena arena(arena_.data(), arena_.bytes());
  Expectations e;
  Matrix<float> predictions;
  run(ops, arena, pixels_.data(),
      {[&](Tensor features, Tensor) { e.tokens = on_host(ops, features); },
       [&](Tensor, Tensor predicted) { predictions = on_host(ops, predicted); }});
  sort_into_blocks(plan, predictions, e);
  return e;
}

}  // namespace ijepa
