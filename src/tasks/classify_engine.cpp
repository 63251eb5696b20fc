#include "ijepa/tasks/classify_engine.hpp"

#include <array>
#include <cmath>

namespace ijepa {
namespace {

Tensor whole_gradient(const ParamStore& store) {
  return store.gradient({0, store.layout().size()});
}

}  // namespace

std::int64_t rank_of(std::span<const double> logits, std::int32_t label) {
  const auto own = static_cast<std::size_t>(label);
  std::int64_t before = 0;
  for (std::size_t c = 0; c < logits.size(); ++c)
    before += logits[c] > logits[own] || (logits[c] == logits[own] && c < own) ? 1 : 0;
  return before;
}

void ClassifySums::add(MatrixView<const double> logits, std::span<const std::int32_t> labels,
                       std::span<const double> losses) {
  for (std::size_t i = 0; i < labels.size(); ++i) {
    const auto rank = rank_of(logits.row(static_cast<std::int64_t>(i)), labels[i]);
    loss += losses[i];
    top1 += rank < 1 ? 1 : 0;
    top5 += rank < 5 ? 1 : 0;
    images += 1;
  }
}

void ClassifySums::add(const ClassifySums& other) {
  loss += other.loss;
  top1 += other.top1;
  top5 += other.top5;
  images += other.images;
}

void ClassifySums::reduce(Communicator& comm) {
  std::array<double, 4> all{loss, top1, top5, images};
  comm.all_reduce(all, Reduction::sum);
  *this = {all[0], all[1], all[2], all[3]};
}

ClassifyEngine::ClassifyEngine(const ClassifyOptim& optim, Classifier& classifier, Device& device,
                               Communicator& comm)
    : classifier_(classifier),
      device_(device),
      comm_(comm),
      head_optimizer_(device, classifier.head(), {{{0, classifier.head().layout().size()}, 1}},
                      optim),
      head_sync_(comm, whole_gradient(classifier.head())) {
  if (classifier.trained() != Trained::everything) return;
  auto& encoder = classifier.encoder();
  encoder_optimizer_.emplace(
      device, encoder.store(),
      encoder_layer_rates(encoder.layout(), encoder.config().depth, optim.layer_decay), optim);
  encoder_sync_ = std::make_unique<GradSync>(comm, whole_gradient(encoder.store()));
}

void ClassifyEngine::learn(const Examples& examples, std::span<const std::int32_t> labels,
                           std::int64_t step_images, bool last) {
  ReadyCallback head_ready, encoder_ready;
  if (last) {
    head_ready = [this](std::int64_t offset) { head_sync_.ready_down_to(offset); };
    encoder_ready = [this](std::int64_t offset) { encoder_sync_->ready_down_to(offset); };
  }
  const auto learned =
      classifier_.learn(examples, 1 / static_cast<double>(step_images),
                        begun_ ? Write::accumulate : Write::overwrite, head_ready, encoder_ready);
  begun_ = true;
  sums_.add(learned.logits.view(), labels, learned.losses);
}

void ClassifyEngine::clear_gradients() {
  device_.ops().fill_zero(whole_gradient(classifier_.head()));
  if (encoder_sync_) device_.ops().fill_zero(whole_gradient(classifier_.encoder().store()));
}

ClassifySums ClassifyEngine::finish(std::int64_t step, double learning_rate) {
  if (!begun_) clear_gradients();
  head_sync_.finish();
  if (encoder_sync_) encoder_sync_->finish();
  auto sums = sums_;
  sums.reduce(comm_);
  sums_ = {};
  begun_ = false;
  if (!std::isfinite(sums.loss))
    throw AgreedError(fmt::format(
        "The loss of step {} is not a number; start again with a lower learning rate than {:.3g}.",
        step + 1, learning_rate));
  head_optimizer_.update(step, learning_rate);
  if (encoder_optimizer_) encoder_optimizer_->update(step, learning_rate);
  return sums;
}

}  // namespace ijepa
