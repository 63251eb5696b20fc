#include "ijepa/tasks/segmentation/train.hpp"

#include <algorithm>
#include <chrono>
#include <cmath>
#include <filesystem>
#include <future>

#include "../work_progress.hpp"
#include "ijepa/comm/agree.hpp"
#include "ijepa/core/folder.hpp"
#include "ijepa/data/canvas.hpp"
#include "ijepa/data/names.hpp"
#include "ijepa/tasks/segmentation/dataset.hpp"
#include "ijepa/tasks/segmentation/overlay.hpp"
#include "ijepa/train/optimizer.hpp"
#include "mask_report.hpp"
#include "train_report.hpp"
#include "train_state.hpp"

namespace ijepa {
namespace {

namespace fs = std::filesystem;

void check_settings(const SegmentTrainSettings& s) {
  check(s.epochs >= 1 && s.batch >= 1, "{} epochs of batches of {} images are no training.",
        s.epochs, s.batch);
  check(s.learning_rate > 0 && s.weight_decay >= 0,
        "A learning rate of {} and a weight decay of {} do not work.", s.learning_rate,
        s.weight_decay);
}

PairSource source_of(const SegmentTrainSettings& s, const std::string& images,
                     const std::string& masks, const std::string& list) {
  return {images, masks, s.image_suffix, s.mask_suffix, list};
}

SegmentationInfo info_of(const SegmentTrainSettings& s, const Labels& labels,
                         const std::string& checkpoint, Communicator& comm) {
  SegmentationInfo info;
  // An absolute path is found from anywhere.
  info.checkpoint = utf8_name(fs::absolute(checkpoint).lexically_normal().string());
  info.identity = encoder_identity(checkpoint, s.encoder, comm);
  info.encoder = s.encoder;
  info.tokens = s.tokens;
  info.fine_tuned = s.fine_tune;
  info.image_height = s.image.height;
  info.image_width = s.image.width;
  info.seed = s.seed;
  info.labels = labels;
  return info;
}

/// Indices of the first of the best epochs.
std::int64_t best_by_loss(const std::vector<SegmentEpoch>& epochs) {
  return std::ranges::min_element(epochs, {}, [](const auto& e) { return e.valid.loss; }) -
         epochs.begin();
}
std::int64_t best_by_iou(const std::vector<SegmentEpoch>& epochs) {
  return std::ranges::max_element(epochs, {},
                                  [](const auto& e) { return e.valid.scores.mean_iou; }) -
         epochs.begin();
}

class SegmentTrainer {
 public:
  SegmentTrainer(const SegmentTrainSettings& settings, const Labels& labels,
                 SegmentationModel& model, Communicator& comm, const Log& log)
      : settings_(settings),
        labels_(labels),
        model_(model),
        comm_(comm),
        log_(log),
        train_(
            source_of(settings, settings.train_images, settings.train_masks, settings.train_list),
            PairReader(labels, settings.exif), labels.count(), settings.image, comm, log),
        valid_(
            source_of(settings, settings.valid_images, settings.valid_masks, settings.valid_list),
            PairReader(labels, settings.exif), labels.count(), settings.image, comm, log) {
    model_.network().connect(comm);
  }

  SegmentTrainResult run() {
    on_rank_0(comm_,
              [&] { prepare_output_folder(settings_.out + "/validation", model_.bytes_kept()); });
    const TrainingIdentity identity = identity_of(
        settings_, model_.info(),
        {inspect(train_, settings_.train_masks), inspect(valid_, settings_.valid_masks)});
    auto epochs = resume_training(settings_.out, model_, identity, comm_, log_);
    step_ = std::ssize(epochs) * ((train_.size() + settings_.batch - 1) / settings_.batch);
    WorkProgress progress(
        comm_.rank() == 0 ? "images" : "",
        (settings_.epochs - std::ssize(epochs)) * (train_.size() + valid_.size()));
    for (auto e = std::ssize(epochs); e < settings_.epochs; ++e) {
      epochs.push_back(epoch(e, progress));
      log_.info("{}", epoch_line(e, settings_.epochs, epochs.back()));
      keep(epochs);
      // Last, so that an epoch whose weights and pictures are not all there is trained again.
      keep_training(settings_.out, model_, identity, epochs, comm_);
    }
    return {epochs, best_by_loss(epochs), best_by_iou(epochs)};
  }

 private:
  using Clock = std::chrono::steady_clock;

  std::vector<std::int64_t> inspect(const SegmentationData& data, const std::string& masks) const {
    const auto content = data.inspect(model_.threads(), comm_);
    on_rank_0(comm_, [&] {
      report_masks(content, labels_, data, masks, log_);
      check_classes(content, labels_, masks);
    });
    return content.pixels;
  }

  SegmentEpoch epoch(std::int64_t e, WorkProgress& progress) {
    const auto start = Clock::now();
    SegmentEpoch out;
    out.learning_rate = segment_learning_rate(settings_, e);
    out.train = train_epoch(e, out.learning_rate, progress);
    out.valid = validate(progress);
    out.seconds = std::chrono::duration<double>(Clock::now() - start).count();
    return out;
  }

  static EpochScores figures(const ScoreSum& sum) {
    return {sum.loss(), sum.scores(), sum.compat()};
  }

  /// This rank's positions of the batch that begins at `first`.
  PairBatch load(std::int64_t e, std::int64_t first) const {
    const auto count = std::min(settings_.batch, train_.size() - first);
    const auto edge = [&](std::int64_t rank) { return count * rank / comm_.size(); };
    const auto begin = edge(comm_.rank()), end = edge(comm_.rank() + 1);
    return train_.shuffled(static_cast<std::uint64_t>(settings_.seed), e, first + begin,
                           end - begin, settings_.augment, model_.threads());
  }

  EpochScores train_epoch(std::int64_t e, double learning_rate, WorkProgress& progress) {
    const auto ahead = [&](std::int64_t first) {
      return std::async(std::launch::async, [this, e, first] { return load(e, first); });
    };
    ScoreSum sum(labels_.count());
    auto next = ahead(0);
    for (std::int64_t first = 0; first < train_.size(); first += settings_.batch) {
      const auto batch = next.get();
      if (first + settings_.batch < train_.size()) next = ahead(first + settings_.batch);
      sum.add(step(batch, learning_rate));
      progress.add(std::ssize(batch.labels) * comm_.size());
    }
    return figures(sum);
  }

  PixelResult step(const PairBatch& batch, double learning_rate) {
    double pixels = 0;
    for (const auto& labels : batch.labels)
      pixels += static_cast<double>(
          std::ranges::count_if(labels.index, [](auto l) { return l != ignored_label; }));
    pixels = comm_.all_reduce(pixels, Reduction::sum);
    const float scale = pixels > 0 ? static_cast<float>(1 / pixels) : 0.0F;
    auto result = model_.network().step(batch.pixels(), batch.labels, scale);
    reduce(result, comm_);
    check(std::isfinite(result.loss),
          "The loss is {} in step {}: lower the learning rate (it is {}).", result.loss, step_ + 1,
          learning_rate);
    model_.network().update(adamw_step({}, step_++, learning_rate, settings_.weight_decay, 1));
    return result;
  }

  /// Whole batches go round the ranks, so that figures do not depend on how many there are.
  EpochScores validate(WorkProgress& progress) {
    ScoreSum sum(labels_.count());
    const auto stride = settings_.batch * comm_.size();
    for (auto first = settings_.batch * comm_.rank(); first < valid_.size(); first += stride) {
      const auto count = std::min(settings_.batch, valid_.size() - first);
      const auto batch = valid_.ordered(first, count, model_.threads());
      sum.add(judge(batch));
      progress.add(count * comm_.size());
    }
    sum.reduce(comm_);
    return figures(sum);
  }

  PixelResult judge(const PairBatch& batch) {
    const auto scores = model_.network().infer(batch.pixels());
    const auto each = scores.size() / batch.labels.size();
    PixelResult sum;
    sum.confusion.resize(static_cast<std::size_t>(labels_.count() * labels_.count()));
    for (std::size_t i = 0; i < batch.labels.size(); ++i)
      add(pixel_loss<float>(std::span(scores).subspan(i * each, each),
                            model_.network().scores_grid(), batch.labels[i], 0, {},
                            model_.threads()),
          sum);
    return sum;
  }

  /// Weights, tables and pictures after the last epoch.
  void keep(const std::vector<SegmentEpoch>& epochs) {
    const auto e = std::ssize(epochs) - 1;
    const auto save = [&](const char* name) {
      model_.save(settings_.out + "/" + name, e + 1, comm_);
    };
    if (best_by_loss(epochs) == e) save("best_model_loss");
    if (best_by_iou(epochs) == e) save("best_model_iou");
    save("last_model");
    on_rank_0(comm_, [&] {
      show(e);
      write_train_report(settings_.out, labels_, epochs);
    });
  }

  /// Up to three validation images: the image, with its true labels, with the predicted ones.
  void show(std::int64_t e) {
    const auto count = std::min<std::int64_t>(3, valid_.size());
    std::vector<std::vector<Image>> rows;
    for (std::int64_t i = 0; i < count; ++i) {
      const auto batch = valid_.ordered(i * valid_.size() / count, 1, 1);
      const auto view = batch.pixels().image(0);
      const auto guess = upsampled_classes(model_.network().infer(batch.pixels()),
                                           model_.network().scores_grid(), batch.size, 1);
      const auto palette = labels_.palette();
      rows.push_back({{view.height, view.width, batch.rgb},
                      overlay(view, batch.labels[0], palette, validation_overlay),
                      overlay(view, guess, palette, validation_overlay)});
    }
    write_png(sheet_of(rows), fmt::format("{}/validation/epoch_{:04}.png", settings_.out, e + 1));
  }

  const SegmentTrainSettings& settings_;
  const Labels& labels_;
  SegmentationModel& model_;
  Communicator& comm_;
  const Log& log_;
  SegmentationData train_, valid_;
  std::int64_t step_ = 0;
};

}  // namespace

double segment_learning_rate(const SegmentTrainSettings& settings, std::int64_t epoch) {
  if (!settings.scheduler) return settings.learning_rate;
  const auto drops = std::ranges::count_if(settings.scheduler_epochs,
                                           [&](std::int64_t after) { return epoch >= after; });
  return settings.learning_rate * std::pow(0.1, drops);
}

SegmentTrainResult train_segmentation(const SegmentTrainSettings& settings, Communicator& comm,
                                      const Log& log) {
  on_rank_0(comm, [&] { check_settings(settings); });
  Labels labels;
  on_all_ranks(comm, [&] { labels = load_labels(settings.config); });
  const auto checkpoint = find_checkpoint(settings.run, settings.checkpoint, comm, log);
  const auto recipe = recipe_for_task(checkpoint, settings.threads, settings.device, comm);
  const auto training = settings.fine_tune ? Training::all : Training::head;
  SegmentationModel model(recipe, info_of(settings, labels, checkpoint, comm), training, comm, log);
  if (settings.batch < comm.size())
    log.info("note: a batch of {} images leaves {} of {} ranks without work", settings.batch,
             comm.size() - settings.batch, comm.size());
  return SegmentTrainer(settings, labels, model, comm, log).run();
}

}  // namespace ijepa
