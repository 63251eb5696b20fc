#include "ijepa/tasks/probing/probe_images.hpp"

#include "ijepa/comm/agree.hpp"
#include "ijepa/data/names.hpp"
#include "ijepa/tasks/features/labelled.hpp"
#include "ijepa/tasks/images/image_folder.hpp"

namespace ijepa {
namespace {

LabelledFeatures labels_alone(const Dataset& dataset, const ImageChoice& images) {
  LabelledFeatures set{{std::ssize(images), 0}, {}, std::ssize(dataset.class_names()), images};
  for (const auto image : images) set.labels.push_back(dataset.label(image));
  return set;
}

ImageChoice training_images(const ImageChoice& images, const Split& split) {
  ImageChoice chosen;
  for (std::int64_t i = 0; i < split.training_images(); ++i)
    chosen.push_back(images[static_cast<std::size_t>(split.place(i))]);
  return chosen;
}

LoaderOptions augmenting_options(const ExtractOptions& options, std::uint64_t seed,
                                 CropKind crops) {
  auto out = reading_options(options);
  out.view = View::train;
  out.seed = seed;
  out.augment.crop_kind = crops;
  out.augment.scale_min = 0.08;
  out.augment.flip = true;
  return out;
}

}  // namespace

ProbeImages open_probe_images(const ProbeRequest& request, Communicator& comm) {
  const Log log(comm.rank());
  ProbeImages out;
  for (const auto& [path, images] :
       {std::pair(&request.train, &out.train), {&request.test, &out.test}}) {
    *images = open_images_on_all(*path, comm, log);
    on_rank_0(comm, [&, &path = path, &images = images] {
      check_no_image_of(*path, request.results);
      check(!(*images)->class_names().empty(), "{} {}.", utf8_name(*path),
            (*images)->why_no_classes());
    });
    if (request.skip_bad)
      leave_out_bad_images(*images, out.bad, request.threads, request.channels, comm, log);
  }
  on_all_ranks(comm, [&] {
    out.test = with_classes_of(*out.train, request.train, std::move(out.test), request.test, log);
    out.train_images = request.subset.empty()
                           ? sample_images(*out.train, request.most)
                           : choose_images(*out.train, request.subset, request.seed);
    out.test_images = sample_images(*out.test, request.most);
  });
  on_rank_0(comm, [&] {
    check_probe_sets(labels_alone(*out.train, out.train_images),
                     labels_alone(*out.test, out.test_images), *local_communicator());
  });
  return out;
}

AugmentedBatches::AugmentedBatches(const Dataset& dataset, const ImageChoice& images,
                                   const Split& split, const FeatureMaps& maps,
                                   const ExtractOptions& options, std::int64_t batch,
                                   std::uint64_t seed, const Communicator& comm, CropKind crops)
    : FeatureBatches(split.training_images(), batch),
      maps_(maps),
      crop_(options.crop),
      channels_(options.channels) {
  const TrainSchedule schedule{.images = split.training_images(),
                               .global_batch = batch,
                               .micro_batch = options.batch,
                               .rank = comm.rank(),
                               .ranks = comm.size()};
  schedule.check_possible();
  rank_rows_ = schedule.share_end() - schedule.share_begin();
  micro_batches_ = schedule.micro_batches();
  loader_ =
      std::make_unique<Loader>(dataset, Sampler(training_images(images, split), seed), schedule,
                               augmenting_options(options, seed, crops), Log(comm.rank()));
}

const FeatureBatches::Batch& AugmentedBatches::next() {
  features_.features.clear();
  features_.labels.clear();
  for (const auto& map : maps_) features_.features.emplace_back(rank_rows_, map->width());
  for (std::int64_t m = 0; m < micro_batches_; ++m) {
    const auto& batch = *loader_->next();
    const PixelBatch pixels{batch.images.data(), batch.count(), crop_, channels_};
    for (std::size_t i = 0; i < maps_.size(); ++i)
      maps_[i]->apply(
          pixels, features_.features[i].view().slice(std::ssize(features_.labels), batch.count()));
    features_.labels.insert(features_.labels.end(), batch.labels.begin(), batch.labels.end());
  }
  return features_;
}

}  // namespace ijepa
