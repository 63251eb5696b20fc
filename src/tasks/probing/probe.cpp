#include "ijepa/tasks/probing/probe.hpp"

#include <fmt/ranges.h>

#include <algorithm>
#include <array>
#include <iterator>
#include <memory>
#include <vector>

#include "ijepa/comm/agree.hpp"
#include "ijepa/core/cores.hpp"
#include "ijepa/core/file.hpp"
#include "ijepa/tasks/features/features.hpp"
#include "ijepa/tasks/network/pretrained_encoder.hpp"
#include "ijepa/tasks/probing/baselines.hpp"
#include "ijepa/tasks/probing/probe_images.hpp"
#include "ijepa/train/weights/import.hpp"

namespace ijepa {
namespace {

/// Everything that can be refused before the features are computed, which may take hours.
ProbeImages open_images_of(const ProbeSettings& settings, const PretrainRecipe& recipe,
                           const std::string& out, Communicator& comm) {
  auto images =
      open_probe_images({settings.train, settings.test, settings.subset, settings.linear.seed, 0,
                         out, settings.skip_bad, static_cast<int>(recipe.model.encoder.channels),
                         threads_or_cores(settings.threads)},
                        comm);
  on_rank_0(comm, [&] {
    check_knn_options(settings.knn, std::ssize(images.train_images));
    check_linear_images(std::ssize(images.train_images));
  });
  return images;
}

/// The network as the checkpoint has it and as it was before training, and what needs no network.
class Networks {
 public:
  Networks(const ProbeSettings& settings, const std::string& checkpoint,
           const PretrainRecipe& recipe, Communicator& comm, const Log& log)
      : encoder(checkpoint, settings.encoder, settings.threads, comm, log, settings.precision),
        layers(std::min(settings.layers, encoder.config().depth)),
        untrained_(encoder.device(), encoder.config(), encoder.image_size(), StoreUse::inference,
                   encoder.precision()) {
    untrained_.store().initialise(static_cast<std::uint64_t>(recipe.run.seed));
    const auto& c = encoder.config();
    const auto start = fmt::format(
        "untrained seed {} width {} depth {} heads {} mlp {} patch {} of {}x{} rescale {} "
        "start {}",
        recipe.run.seed, c.width, c.depth, c.heads, c.mlp_hidden, c.patch, c.image_height,
        c.image_width, c.rescale_init, c.start == StartWeights::xavier ? "xavier" : "authors");
    const auto add = [&](const char* name, const PretrainedEncoder& from,
                         const std::string& identity) {
      const auto& n = encoder.normalisation();
      maps.push_back(std::make_unique<EncoderFeatures>(
          name, encoder.device(), from.network(), n, layers,
          fmt::format("{} mean {} std {}", identity, fmt::join(n.mean, " "),
                      fmt::join(n.std, " "))));
    };
    add("trained", encoder.encoder(), encoder.identity());
    add("untrained", untrained_, with_precision(start, encoder.precision()));
    maps.push_back(std::make_unique<PixelFeatures>(encoder.normalisation()));
    maps.push_back(std::make_unique<HistogramFeatures>(encoder.normalisation()));
  }

  std::vector<std::int64_t> layers_of_maps() const { return {layers, layers, 1, 1}; }

  FrozenEncoder encoder;
  std::int64_t layers;

 private:
  PretrainedEncoder untrained_;

 public:
  FeatureMaps maps;  // destroyed before what they refer to
};

/// The last layer's channels of each set.
LabelledFeatures last_layer(const LabelledFeatures& set, std::int64_t layers) {
  const auto width = set.features.cols / layers;
  LabelledFeatures out{{set.features.rows, width}, set.labels, set.classes, set.places};
  for (std::int64_t i = 0; i < set.features.rows; ++i)
    std::ranges::copy(set.features.row(i).last(static_cast<std::size_t>(width)),
                      out.features.row(i).begin());
  return out;
}

void write_subset(const ProbeSettings& settings, const ProbeImages& images,
                  const std::string& out) {
  if (settings.subset.empty()) return;
  make_folder(out);
  write_file_atomically(out + "/subset.txt", as_list(*images.train, images.train_images));
}

std::string name_of(TrainViews views) {
  constexpr std::array names{"kept", "augmented", "centred"};
  return names.at(static_cast<std::size_t>(views));
}

ProbeReport heading(const ProbeSettings& settings, const ProbeImages& images,
                    const std::string& checkpoint, const Precision& precision) {
  return {checkpoint,
          name_of(settings.encoder),
          settings.subset,
          name_of(settings.views),
          name_of(precision.compute),
          std::ssize(images.train_images),
          std::ssize(images.test_images),
          images.train->class_names(),
          settings.knn,
          settings.linear,
          {},
          std::ssize(images.bad),
          settings.train,
          settings.test};
}

BatchSource augmented_source(const ProbeImages& images, const FeatureMaps& maps,
                             const ExtractOptions& options, const ProbeSettings& settings,
                             Communicator& comm) {
  const std::uint64_t seed = settings.linear.seed;
  const auto crops = settings.views == TrainViews::centred ? CropKind::centred : CropKind::random;
  return [&, options, seed, crops](const Split& split, std::int64_t batch) {
    std::unique_ptr<FeatureBatches> batches;
    on_all_ranks(comm, [&] {
      batches = std::make_unique<AugmentedBatches>(*images.train, images.train_images, split, maps,
                                                   options, batch, seed, comm, crops);
    });
    return batches;
  };
}

/// k-NN by the last layer.
std::vector<Accuracy> knn_of(const LabelledFeatures& train, const LabelledFeatures& test,
                             std::int64_t layers, const KnnOptions& options, Communicator& comm) {
  return knn_accuracy(last_layer(train, layers), last_layer(test, layers), options, comm);
}

}  // namespace

ProbeReport run_probe(const ProbeSettings& asked, const std::string& checkpoint,
                      const std::string& out, Communicator& comm, const Log& log) {
  const auto recipe = load_checkpoint_recipe(checkpoint, comm);
  auto settings = asked;
  if (settings.train.empty()) settings.train = recipe.data.shards;
  on_rank_0(comm, [&] {
    check(settings.train != imported_shards,
          "{} holds imported weights, which name no training images: give labelled images by "
          "--train.",
          checkpoint);
  });
  const auto images = open_images_of(settings, recipe, out, comm);
  on_rank_0(comm, [&] {
    write_subset(settings, images, out);
    make_folder(out);
    write_bad_images(images.bad, out);
  });

  Networks networks(settings, checkpoint, recipe, comm, log);
  const ExtractOptions options{networks.encoder.image_size(), networks.encoder.batch(),
                               threads_or_cores(settings.threads), networks.encoder.channels()};
  FeatureCache cache(settings.cache, Log(comm.rank()));
  log.info("features of {} training and {} test images", images.train_images.size(),
           images.test_images.size());
  const auto extract = [&](const Dataset& dataset, const ImageChoice& chosen, const char* which) {
    auto own = options;
    own.task = fmt::format("features of {} images", which);
    return extract_features(dataset, chosen, networks.maps, own, comm, cache);
  };
  const auto train = extract(*images.train, images.train_images, "training");
  const auto test = extract(*images.test, images.test_images, "test");

  auto report = heading(settings, images, checkpoint, networks.encoder.precision());
  const auto layers = networks.layers_of_maps();
  log.info("k-NN and linear heads on all features");
  const auto source = settings.views == TrainViews::kept
                          ? BatchSource()
                          : augmented_source(images, networks.maps, options, settings, comm);
  auto linear = linear_probes({train, test, layers}, settings.linear, comm, source);
  for (std::size_t m = 0; m < networks.maps.size(); ++m) {
    const auto& map = *networks.maps[m];
    report.rows.push_back({map.name(), map.width() / layers[m],
                           knn_of(train[m], test[m], layers[m], settings.knn, comm),
                           std::move(linear[m])});
  }
  return report;
}

}  // namespace ijepa
