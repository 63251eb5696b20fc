#include "ijepa/tasks/probe.hpp"

#include <algorithm>
#include <iterator>
#include <memory>
#include <vector>

#include "ijepa/comm/agree.hpp"
#include "ijepa/comm/cluster.hpp"
#include "ijepa/core/cores.hpp"
#include "ijepa/tasks/baselines.hpp"
#include "ijepa/tasks/features.hpp"
#include "ijepa/tasks/frozen_encoder.hpp"
#include "ijepa/train/checkpoint.hpp"
#include "ijepa/train/recipe.hpp"
#include "ijepa/train/run_start.hpp"
#include "ijepa/train/run_state.hpp"

namespace ijepa {
namespace {

constexpr std::int64_t tokens_at_once = 8192;

ShardSet open_set(const std::string& folder, Communicator& comm) {
  auto shards = ShardSet::open(folder);
  require_equal_on_all_ranks(comm, "The shard set " + folder,
                             fmt::format("{:016x}", shards.fingerprint()));
  return shards;
}

LabelledFeatures labels_alone(const ShardSet& shards) {
  LabelledFeatures set{{shards.size(), 0}, {}, std::ssize(shards.class_names())};
  for (std::int64_t i = 0; i < shards.size(); ++i) set.labels.push_back(shards.label(i));
  return set;
}

/// Everything that can be refused before the features are computed, which may take hours.
void check_request(const ProbeSettings& settings, const std::string& train_folder) {
  const auto train = ShardSet::open(train_folder), test = ShardSet::open(settings.test);
  check(train.class_names() == test.class_names(),
        "{} and {} have different classes; a probe needs a training and a test set of the same.",
        train_folder, settings.test);
  check_probe_sets(labels_alone(train), labels_alone(test));
  check_knn_options(settings.knn, train.size());
  check_linear_options(settings.linear, train.size());
}

/// The network as it was before training and as the checkpoint has it, and the maps that use them.
class Networks {
 public:
  Networks(const PretrainRecipe& recipe, const ProbeSettings& settings,
           const std::string& checkpoint, Device& device, Communicator& comm)
      : model_(recipe.model.encoder, recipe.model.predictor),
        trained_(device, model_.layout(), Precision::float32(), StoreUse::inference),
        untrained_(device, model_.layout(), Precision::float32(), StoreUse::inference) {
    const auto seed = static_cast<std::uint64_t>(recipe.run.seed);
    untrained_.initialise(seed);
    trained_.initialise(seed);
    const bool target = settings.encoder == EncoderChoice::target;
    RunState state(device, trained_, {target ? Role::target : Role::weight});
    load_checkpoint(comm, checkpoint, state.tensors(), Unused::ignore);
    state.upload(trained_);
    const Normalisation normalisation{recipe.data.mean, recipe.data.std};
    const auto add = [&](const char* name, const ParamStore& store) {
      maps.push_back(std::make_unique<EncoderFeatures>(name, device, model_, store,
                                                       settings.encoder, normalisation));
    };
    add("trained", trained_);
    add("untrained", untrained_);
    maps.push_back(std::make_unique<PixelFeatures>());
    maps.push_back(std::make_unique<HistogramFeatures>());
  }

 private:
  IJepa model_;
  ParamStore trained_, untrained_;

 public:
  std::vector<std::unique_ptr<FeatureMap>> maps;  // destroyed before what they refer to
};

ProbeRow judge(const FeatureMap& map, const LabelledFeatures& train, const LabelledFeatures& test,
               const ProbeSettings& settings, const Log& log) {
  log.info("k-NN and linear head on {} features", map.name());
  return {map.name(), map.width(), knn_accuracy(train, test, settings.knn),
          linear_probe(train, test, settings.linear)};
}

}  // namespace

ProbeReport run_probe(const ProbeSettings& settings, const std::string& checkpoint,
                      Communicator& comm, const Log& log) {
  auto recipe = load_checkpoint_recipe(checkpoint, comm);
  if (settings.threads > 0) recipe.compute.threads = settings.threads;
  const auto train_folder = settings.train.empty() ? recipe.data.shards : settings.train;
  on_rank_0(comm, [&] { check_request(settings, train_folder); });
  const auto train = open_set(train_folder, comm), test = open_set(settings.test, comm);

  const auto device = open_device(recipe, parse_cluster(process_environment()), comm, log);
  Networks networks(recipe, settings, checkpoint, *device, comm);
  const auto& encoder = recipe.model.encoder;
  const ExtractOptions options{
      {static_cast<int>(encoder.image_height), static_cast<int>(encoder.image_width)},
      std::clamp<std::int64_t>(tokens_at_once / encoder.tokens(), 1, 256),
      settings.threads > 0 ? settings.threads : usable_cores()};
  log.info("features of {} training and {} test images", train.size(), test.size());
  const auto train_sets = extract_features(train, networks.maps, options, comm);
  const auto test_sets = extract_features(test, networks.maps, options, comm);

  ProbeReport report{checkpoint,  name_of(settings.encoder),       train.size(),
                     test.size(), std::ssize(train.class_names()), settings.knn,
                     {}};
  on_rank_0(comm, [&] {
    for (std::size_t m = 0; m < networks.maps.size(); ++m)
      report.rows.push_back(judge(*networks.maps[m], train_sets[m], test_sets[m], settings, log));
  });
  return report;
}

}  // namespace ijepa
