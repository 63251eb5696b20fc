#include "ijepa/tasks/inference/infer.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <iterator>
#include <optional>
#include <string>

#include "../loop/work_progress.hpp"
#include "ijepa/comm/agree.hpp"
#include "ijepa/core/cores.hpp"
#include "ijepa/core/counted.hpp"
#include "ijepa/core/file.hpp"
#include "ijepa/data/images/canvas.hpp"
#include "ijepa/data/images/shown.hpp"
#include "ijepa/data/names.hpp"
#include "ijepa/tasks/features/feature_file.hpp"
#include "ijepa/tasks/images/image_folder.hpp"
#include "ijepa/tasks/images/labelled_images.hpp"
#include "ijepa/train/logs/pca_picture.hpp"

namespace ijepa {
namespace {

/// More are no good as a text table.
constexpr std::int64_t most_csv_images = 100'000;

/// FOLDER/features.csv: key, label, class, then one column a feature.
void write_feature_csv(const std::string& folder, const FeatureManifest& manifest) {
  const auto rows = read_pooled_features(folder, manifest);
  std::string text = "key,label,class";
  const auto out = std::back_inserter(text);
  for (std::int64_t d = 0; d < manifest.width; ++d) fmt::format_to(out, ",f{}", d);
  text += '\n';
  for (std::int64_t i = 0; i < manifest.images; ++i) {
    const auto label = rows.labels[static_cast<std::size_t>(i)];
    fmt::format_to(
        out, "{},{},{}", csv_field(rows.keys[static_cast<std::size_t>(i)]), label,
        label < 0 ? "" : csv_field(manifest.class_names.at(static_cast<std::size_t>(label))));
    for (const float v : rows.pooled.row(i)) fmt::format_to(out, ",{}", v);
    text += '\n';
  }
  write_file_atomically(folder + "/features.csv", text);
}

/// Parts of one folder are of one precision, whichever machine makes the next ones.
TaskPrecision precision_of(const InferSettings& settings, Communicator& comm) {
  if (settings.precision != TaskPrecision::automatic) return settings.precision;
  std::string begun;
  on_rank_0(comm, [&] { begun = encoder_of_parts(settings.out); });
  begun = comm.broadcast_text(begun, 0);
  return begun.empty() ? TaskPrecision::automatic : precision_of_identity(begun);
}

/// Images of one part, or some of them.
struct Part {
  std::int64_t number = 0, first = 0, count = 0;
};

class Inference {
 public:
  Inference(const InferSettings& settings, Communicator& comm, const Log& log)
      : settings_(settings),
        comm_(comm),
        images_(open_images_on_all(settings.input, comm, log)),
        checkpoint_(find_checkpoint(settings.run, settings.checkpoint, comm, log)),
        encoder_(checkpoint_, settings.encoder, settings.threads, comm, log,
                 precision_of(settings, comm)),
        threads_(threads_or_cores(settings.threads)) {
    on_rank_0(comm_, [&] {
      if (!settings.pca.empty()) check_no_image_of(settings.input, settings.out);
      prepare_output_folder(settings.out);
    });
    if (settings.skip_bad)
      leave_out_bad_images(images_, bad_, threads_, encoder_.channels(), comm, log);
    manifest_.bad_images = std::ssize(bad_);
    views_.emplace(encoder_.views(*images_, threads_));
    const Size size = encoder_.image_size();
    const auto part = part_images();
    manifest_.identity = {
        encoder_.identity(),
        fmt::format("{:016x} {}x{} {}{}part {}", images_->fingerprint(), size.height, size.width,
                    settings.pooled ? "pooled " : "", settings.tokens ? "tokens " : "", part)};
    manifest_.checkpoint = checkpoint_;
    manifest_.input = settings.input;
    manifest_.images = images_->size();
    manifest_.width = encoder_.config().width;
    manifest_.tokens = settings.tokens ? encoder_.config().tokens() : 0;
    manifest_.pooled = settings.pooled;
    manifest_.class_names = images_->class_names();
    for (std::int64_t first = 0; first < images_->size(); first += part) {
      parts_.push_back({std::ssize(parts_), first, std::min(part, images_->size() - first)});
      manifest_.parts.push_back(part_name(parts_.back().number));
    }
  }

  FeatureManifest run(const Log& log) {
    std::vector<std::int64_t> chosen;
    on_rank_0(comm_, [&] {
      check(!settings_.csv || manifest_.images <= most_csv_images,
            "{} images are too many for a CSV file (at most {}); the HDF5 parts hold them.",
            manifest_.images, most_csv_images);
      for (const auto& image : settings_.pca) chosen.push_back(find_image(*images_, image));
    });
    compute(open_parts(log));
    comm_.barrier();
    on_rank_0(comm_, [&] {
      write_feature_manifest(settings_.out, manifest_);
      write_bad_images(bad_, settings_.out);
      if (settings_.csv) write_feature_csv(settings_.out, manifest_);
      if (!chosen.empty()) show(chosen);
      if (const auto which = shown_channels(encoder_.channels()); !chosen.empty() && !which.empty())
        log.info("{}/pca.png shows {}.", settings_.out, which);
    });
    return manifest_;
  }

 private:
  std::int64_t bytes_of(std::int64_t images) const {
    const auto rows =
        (settings_.pooled ? 1 : 0) + (settings_.tokens ? encoder_.config().tokens() : 0);
    return images * rows * encoder_.config().width * std::int64_t{sizeof(float)};
  }

  /// A multiple of the batch, so that batches do not depend on what a run has still to do.
  std::int64_t part_images() const {
    constexpr std::int64_t part_bytes = std::int64_t{256} << 20, most_images = 8192;
    const auto fitting = part_bytes / bytes_of(1);
    const auto wanted =
        settings_.part_images > 0 ? settings_.part_images : std::min(most_images, fitting);
    return std::max<std::int64_t>(wanted / encoder_.batch(), 1) * encoder_.batch();
  }

  std::string path_of(const Part& part) const {
    return settings_.out + "/" + part_name(part.number);
  }

  /// This rank's share of the parts that are not there yet.
  std::vector<Part> open_parts(const Log& log) {
    std::string missing(parts_.size(), '0');
    on_rank_0(comm_, [&] {
      for (const auto& part : parts_)
        if (images_in_part(path_of(part), manifest_.identity) != part.count)
          missing[static_cast<std::size_t>(part.number)] = '1';
      std::int64_t images = 0;
      for (const auto& part : parts_)
        if (missing[static_cast<std::size_t>(part.number)] == '1') images += part.count;
      prepare_output_folder(settings_.out, bytes_of(images));
    });
    missing = comm_.broadcast_text(missing, 0);
    std::vector<Part> mine;
    std::int64_t open = 0;
    for (const auto& part : parts_) {
      if (missing[static_cast<std::size_t>(part.number)] == '0') continue;
      open_images_ += part.count;
      if (open++ % comm_.size() == comm_.rank()) mine.push_back(part);
    }
    log.info("{} in {}; {} to be made", counted(manifest_.images, "image"),
             counted(std::ssize(parts_), "part"), open);
    return mine;
  }

  void compute(const std::vector<Part>& mine) {
    std::int64_t own_images = 0;
    for (const auto& part : mine) own_images += part.count;
    WorkProgress progress(comm_, "features", "images", open_images_, own_images);
    std::vector<Part> batches;
    for (const auto& part : mine)
      for (std::int64_t at = 0; at < part.count; at += encoder_.batch())
        batches.push_back(
            {part.number, part.first + at, std::min(encoder_.batch(), part.count - at)});
    auto ahead = views_->evaluate_ahead(std::ssize(batches), [&](std::int64_t i) {
      const auto& batch = batches[static_cast<std::size_t>(i)];
      return image_run(batch.first, batch.count);
    });
    for (const auto& part : mine)
      write_feature_part(path_of(part), manifest_.identity, rows_of(part, ahead, progress));
  }

  FeatureRows rows_of(const Part& part, BatchPool<ViewBatch>& ahead, WorkProgress& progress) {
    const auto tokens = encoder_.config().tokens(), width = encoder_.config().width;
    FeatureRows rows{part.first, {}, {}, {part.count, width}, {}};
    if (settings_.tokens) rows.tokens = {part.count * tokens, width};
    for (std::int64_t at = 0; at < part.count;) {
      const auto& batch = *ahead.next();
      const auto count = std::ssize(batch.images);
      encoder_.features().apply(
          {batch.pixels.data(), count, encoder_.image_size(), encoder_.channels()},
          rows.pooled.view().slice(at, count));
      if (settings_.tokens)
        std::ranges::copy(encoder_.features().tokens().values,
                          rows.tokens.row(at * tokens).begin());
      progress.add(count, ahead.wait_seconds());
      at += count;
    }
    for (auto i = part.first; i < part.first + part.count; ++i) {
      rows.keys.push_back(images_->key(i));
      rows.labels.push_back(images_->label(i));
    }
    if (!settings_.pooled) rows.pooled = {};
    return rows;
  }

  void show(const std::vector<std::int64_t>& chosen) {
    const Size size = encoder_.image_size();
    const auto& config = encoder_.config();
    std::vector<Image> pictures;
    std::vector<std::string> names;
    Matrix<float> tokens(std::ssize(chosen) * config.tokens(), config.width);
    Matrix<float> pooled(1, config.width);
    for (std::size_t i = 0; i < chosen.size(); ++i) {
      const auto pixels = views_->evaluate(chosen[i], 1);
      pictures.push_back(shown(pixels.data(), size, encoder_.channels()));
      names.push_back(images_->key(chosen[i]));
      encoder_.features().apply({pixels.data(), 1, size, encoder_.channels()}, pooled.view());
      std::ranges::copy(encoder_.features().tokens().values,
                        tokens.row(static_cast<std::int64_t>(i) * config.tokens()).begin());
    }
    write_png(pca_sheet(pictures, names, tokens, {config.grid_rows(), config.grid_cols()}),
              settings_.out + "/pca.png");
  }

  const InferSettings& settings_;
  Communicator& comm_;
  std::unique_ptr<Dataset> images_;
  std::vector<BadImage> bad_;
  std::string checkpoint_;
  FrozenEncoder encoder_;
  int threads_;
  std::optional<TaskViews> views_;
  FeatureManifest manifest_;
  std::vector<Part> parts_;
  std::int64_t open_images_ = 0;  // of the parts that are to be made, by all ranks
};

}  // namespace

FeatureManifest infer_features(const InferSettings& settings, Communicator& comm, const Log& log) {
  on_rank_0(comm, [&] {
    check(settings.pooled || settings.tokens, "There is nothing to keep of the features.");
    check(!settings.csv || settings.pooled, "A CSV file holds pooled features.");
  });
  return Inference(settings, comm, log).run(log);
}

}  // namespace ijepa
