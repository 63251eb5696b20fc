#include "ijepa/tasks/probing/online_evaluation.hpp"

#include <algorithm>

#include "ijepa/core/cores.hpp"
#include "ijepa/tasks/network/encoder_features.hpp"
#include "ijepa/tasks/probing/knn.hpp"
#include "ijepa/tasks/probing/linear_probe.hpp"

namespace ijepa {
namespace {

ProbeRequest request_of(const PretrainRecipe& recipe) {
  const auto& eval = recipe.eval;
  return {eval.train_shards.empty() ? recipe.data.shards : eval.train_shards,
          eval.test_shards,
          {},
          0,
          eval.images,
          recipe.run.dir};
}

}  // namespace

OnlineEvaluation::OnlineEvaluation(const PretrainRecipe& recipe, Device& device, Engine& engine,
                                   Communicator& comm)
    : settings_(recipe.eval), comm_(comm), images_(open_probe_images(request_of(recipe), comm)) {
  const auto& encoder = recipe.model.encoder;
  options_ = {{static_cast<int>(encoder.image_height), static_cast<int>(encoder.image_width)},
              images_at_once(encoder),
              threads_or_cores(recipe.data.threads),
              static_cast<int>(encoder.channels),
              "features for the evaluation"};
  auto features = std::make_unique<EncoderFeatures>(
      "target encoder", device,
      EncoderWeights{engine.model().encoder(), engine.store().precision(), engine.store().target()},
      Normalisation{recipe.data.mean, recipe.data.std});
  features->reserve(options_.batch);
  maps_.push_back(std::move(features));
}

Evaluation::Result OnlineEvaluation::evaluate() {
  FeatureCache none("", Log(comm_.rank()));
  const auto extract = [&](const Dataset& dataset, const ImageChoice& images) {
    return extract_features(dataset, images, maps_, options_, comm_, none)[0];
  };
  const auto train = extract(*images_.train, images_.train_images);
  const auto test = extract(*images_.test, images_.test_images);
  const KnnOptions knn{{std::min<std::int64_t>(20, std::ssize(images_.train_images))}};
  const auto accuracy = knn_accuracy(train, test, knn, comm_)[0];
  Result result{{{"knn_top1", accuracy.top1}, {"knn_top5", accuracy.top5}}, accuracy.top1};
  if (settings_.linear) {
    LinearProbeOptions linear;
    linear.epochs = 30;  // of features that exist: seconds
    const auto head = linear_probe(train, test, linear, comm_).test;
    result.figures.emplace_back("linear_top1", head.top1);
    result.figures.emplace_back("linear_top5", head.top5);
  }
  return result;
}

}  // namespace ijepa
