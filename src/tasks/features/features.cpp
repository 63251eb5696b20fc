#include "ijepa/tasks/features/features.hpp"

#include <xxhash.h>

#include <algorithm>
#include <atomic>
#include <filesystem>
#include <optional>

#include "../loop/work_progress.hpp"
#include "ijepa/comm/agree.hpp"
#include "ijepa/core/error.hpp"
#include "ijepa/core/file.hpp"

namespace ijepa {
namespace {

constexpr std::int64_t most_batches = 16, ranks_to_share = 64;

class Extraction {
 public:
  Extraction(const Dataset& dataset, const ImageChoice& images, const FeatureMaps& maps,
             const ExtractOptions& options, Communicator& comm, FeatureCache& cache)
      : dataset_(dataset),
        images_(images),
        maps_(maps),
        options_(options),
        comm_(comm),
        cache_(cache) {
    for (const auto& part : feature_parts(std::ssize(images), options.batch))
      if (part.number % comm.size() == comm.rank()) parts_.push_back(part);
  }

  std::vector<LabelledFeatures> run() {
    make_sets();
    const auto open = read_cache();
    const std::int64_t own_images = count_images(open);
    const double all_images = comm_.all_reduce(static_cast<double>(own_images), Reduction::sum);
    WorkProgress progress(comm_, options_.task, "images", static_cast<std::int64_t>(all_images),
                          own_images);
    std::vector<Slice> slices;
    for (const auto& part : open)
      for (std::int64_t at = 0; at < part.part.count; at += options_.batch)
        slices.push_back({std::ssize(slices), 0, part.part.first + at,
                          std::min(options_.batch, part.part.count - at)});
    const auto schedule = [&slices](std::int64_t number) {
      return number < std::ssize(slices) ? std::optional(slices[static_cast<std::size_t>(number)])
                                         : std::nullopt;
    };
    const Activity::Progress watched(comm_.activity(), [this] { return computed_.load(); });
    on_all_ranks(comm_, [&] {
      Loader loader(dataset_, Sampler(images_, 0, {.order = Order::stored}), schedule,
                    reading_options(options_), Log(comm_.rank()));
      for (const auto& part : open) compute(part, loader, progress);
    });
    return std::move(sets_);
  }

 private:
  /// A part of this rank, where its rows begin, and the maps that must compute it.
  struct OpenPart {
    FeaturePart part;
    std::int64_t row = 0;
    std::vector<std::size_t> maps;
  };

  void make_sets() {
    LabelledFeatures share{{}, {}, std::ssize(dataset_.class_names()), {}};
    for (const auto& part : parts_)
      for (auto i = part.first; i < part.first + part.count; ++i) {
        share.places.push_back(i);
        share.labels.push_back(dataset_.label(images_[static_cast<std::size_t>(i)]));
      }
    for (const auto& map : maps_) {
      sets_.push_back(share);
      sets_.back().features = {std::ssize(share.labels), map->width()};
      const auto list = XXH3_64bits(images_.data(), images_.size() * sizeof(images_[0]));
      identities_.push_back(
          {map->identity(),
           fmt::format("{:016x} {} of list {:016x} {}x{} batch {}", dataset_.fingerprint(),
                       images_.size(), list, options_.crop.height, options_.crop.width,
                       options_.batch)});
    }
  }

  std::vector<OpenPart> read_cache() {
    std::vector<OpenPart> open;
    std::int64_t row = 0;
    for (const auto& part : parts_) {
      OpenPart missing{part, row, {}};
      for (std::size_t m = 0; m < maps_.size(); ++m) {
        const auto kept = cache_.read(identities_[m], part, maps_[m]->width());
        if (kept)
          std::ranges::copy(kept->values, sets_[m].features.row(row).data());
        else
          missing.maps.push_back(m);
      }
      if (!missing.maps.empty()) open.push_back(missing);
      row += part.count;
    }
    return open;
  }

  static std::int64_t count_images(const std::vector<OpenPart>& open) {
    std::int64_t images = 0;
    for (const auto& part : open) images += part.part.count;
    return images;
  }

  void compute(const OpenPart& open, Loader& loader, WorkProgress& progress) {
    for (std::int64_t at = 0; at < open.part.count;) {
      const Batch& batch = *loader.next();
      const PixelBatch pixels{batch.images.data(), batch.count(), options_.crop, options_.channels};
      for (const auto m : open.maps)
        maps_[m]->apply(pixels, sets_[m].features.view().slice(open.row + at, batch.count()));
      at += batch.count();
      computed_ += static_cast<std::uint64_t>(batch.count());
      progress.add(batch.count(), loader.wait_seconds());
    }
    for (const auto m : open.maps) keep(open, m);
  }

  void keep(const OpenPart& open, std::size_t map) {
    if (!cache_.keeps(identities_[map])) return;
    const auto& set = sets_[map];
    FeatureRows rows{open.part.first, {}, {}, {open.part.count, set.features.cols}, {}};
    for (auto r = open.row; r < open.row + open.part.count; ++r) {
      rows.keys.push_back(dataset_.key(images_[static_cast<std::size_t>(set.place(r))]));
      rows.labels.push_back(set.labels[static_cast<std::size_t>(r)]);
    }
    const auto values = set.features.view().slice(open.row, open.part.count);
    std::copy_n(values.data, values.size(), rows.pooled.values.begin());
    cache_.write(identities_[map], open.part, rows);
  }

  const Dataset& dataset_;
  const ImageChoice& images_;
  const FeatureMaps& maps_;
  const ExtractOptions& options_;
  Communicator& comm_;
  FeatureCache& cache_;
  std::vector<FeaturePart> parts_;  // of this rank
  std::vector<FeatureIdentity> identities_;
  std::vector<LabelledFeatures> sets_;
  std::atomic<std::uint64_t> computed_{0};  // images
};

}  // namespace

std::string FeatureCache::path_of(const FeatureIdentity& identity, const FeaturePart& part) const {
  const std::string text = identity.encoder + "\n" + identity.images;
  return fmt::format("{}/{:016x}/{}", folder_, XXH3_64bits(text.data(), text.size()),
                     part_name(part.number));
}

std::optional<Matrix<float>> FeatureCache::read(const FeatureIdentity& identity,
                                                const FeaturePart& part, std::int64_t width) const {
  const auto path = path_of(identity, part);
  if (!keeps(identity) || !std::filesystem::exists(path)) return {};
  try {
    check(images_in_part(path, identity).has_value(), "{} is damaged.", path);
    auto rows = read_feature_part(path);
    check(rows.first == part.first && rows.pooled.rows == part.count && rows.pooled.cols == width,
          "{} holds {} features of {} images from {}, not {} of {} from {}.", path,
          rows.pooled.cols, rows.pooled.rows, rows.first, width, part.count, part.first);
    return std::move(rows.pooled);
  } catch (const Error& e) {
    log_.warn("{} These features are made again.", e.what());
    return {};
  }
}

void FeatureCache::write(const FeatureIdentity& identity, const FeaturePart& part,
                         const FeatureRows& rows) {
  if (!keeps(identity)) return;
  const std::filesystem::path path = path_of(identity, part);
  try {
    make_folder(path.parent_path().string());
    write_feature_part(path, identity, rows);
  } catch (const Error& e) {
    log_.warn("Features are not kept for the next time: {}", e.what());
    folder_.clear();
  }
}

LoaderOptions reading_options(const ExtractOptions& options) {
  LoaderOptions out;
  out.augment.crop_height = options.crop.height;
  out.augment.crop_width = options.crop.width;
  out.augment.channels = options.channels;
  out.view = View::evaluation;
  out.threads = options.threads;
  out.max_bad_rate = 0;  // a replaced image would be judged under a wrong name
  return out;
}

std::vector<FeaturePart> feature_parts(std::int64_t images, std::int64_t batch) {
  const auto size =
      batch * std::clamp<std::int64_t>(images / (batch * ranks_to_share), 1, most_batches);
  std::vector<FeaturePart> parts;
  for (std::int64_t first = 0; first < images; first += size)
    parts.push_back({std::ssize(parts), first, std::min(size, images - first)});
  return parts;
}

std::vector<LabelledFeatures> extract_features(const Dataset& dataset, const ImageChoice& images,
                                               const FeatureMaps& maps,
                                               const ExtractOptions& options, Communicator& comm,
                                               FeatureCache& cache) {
  check(!images.empty(), "There are no images to extract features from.");
  check(options.batch >= 1, "Extracting features needs a batch of at least 1, not {}.",
        options.batch);
  return Extraction(dataset, images, maps, options, comm, cache).run();
}

std::vector<LabelledFeatures> extract_features(const Dataset& dataset, const FeatureMaps& maps,
                                               const ExtractOptions& options, Communicator& comm) {
  FeatureCache none("", Log(comm.rank()));
  return extract_features(dataset, sample_images(dataset), maps, options, comm, none);
}

}  // namespace ijepa
