#include "ijepa/tasks/segmentation/train.hpp"

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <utility>

#include "../loop/epochs.hpp"
#include "ijepa/comm/agree.hpp"
#include "ijepa/core/file.hpp"
#include "ijepa/data/images/canvas.hpp"
#include "ijepa/data/names.hpp"
#include "ijepa/drawing/sheet.hpp"
#include "ijepa/tasks/images/image_folder.hpp"
#include "ijepa/tasks/network/pretrained.hpp"
#include "ijepa/tasks/segmentation/dataset.hpp"
#include "ijepa/tasks/segmentation/overlay.hpp"
#include "ijepa/train/step/step_gradients.hpp"
#include "train_report.hpp"
#include "train_state.hpp"

namespace ijepa {
namespace {

namespace fs = std::filesystem;

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

class SegmentTrainer : public EpochTask<PairBatch> {
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
            PairReader(labels, settings.exif), labels.count(), settings.image, comm, log),
        gradients_(model.device(), comm,
                   stores_of(model.network().trained(), model.network().head().store(),
                             model.network().encoder())),
        shared_{train_.size(), settings.batch, settings.batch} {}

  SegmentTrainResult run() {
    on_rank_0(comm_, [&] {
      for (const auto& pictures : {settings_.train_images, settings_.train_masks,
                                   settings_.valid_images, settings_.valid_masks})
        check_no_image_of(pictures, settings_.out);
      prepare_output_folder(settings_.out + "/validation", model_.bytes_kept());
    });
    identity_ = identity_of(
        settings_, model_.info(),
        {inspect(train_, settings_.train_masks), inspect(valid_, settings_.valid_masks)});
    const EpochPlan plan{settings_.epochs, shared_, valid_.size(), settings_.batch,
                         model_.threads()};
    Epochs<PairBatch>(*this, plan, comm_, log_).run();
    return {epochs_, best_by_loss(epochs_), best_by_iou(epochs_)};
  }

 private:
  std::vector<std::int64_t> inspect(const SegmentationData& data, const std::string& masks) const {
    const auto content = data.inspect(model_.threads(), comm_);
    on_rank_0(comm_, [&] {
      report_masks(content, labels_, data, masks, log_);
      check_classes(content, labels_, masks);
    });
    return content.pixels;
  }

  std::string training_folder() const { return settings_.out + "/training"; }

  std::int64_t begin() override {
    const auto newest = newest_of_training(training_folder(), identity_, "--out-dir", comm_, log_);
    if (!newest) {
      on_rank_0(comm_, [&] {
        check(!fs::exists(settings_.out + "/epochs.csv"),
              "The folder {} holds the results of a training that cannot go on: choose another by "
              "--out-dir.",
              settings_.out);
      });
      return 0;
    }
    on_all_ranks(comm_,
                 [&] { epochs_ = epochs_of(newest->meta.text.at("epochs"), newest->folder); });
    model_.load_training(newest->folder, comm_);
    return std::ssize(epochs_);
  }

  void open(PairBatch& batch, std::int64_t epoch, const StepShare& share) override {
    train_.open(batch, static_cast<std::uint64_t>(settings_.seed), epoch, share.first, share.count,
                settings_.augment);
  }

  void open_valid(PairBatch& batch, std::int64_t first, std::int64_t count) override {
    valid_.open(batch, first, count);
  }

  void fill(PairBatch& batch, std::int64_t i, int) override { batch.data->fill(batch, i); }

  /// The loss is a mean over the pixels of all ranks that count.
  void learn(const PairBatch& batch, std::int64_t, const StepShare&) override {
    double pixels = 0;
    for (const auto& labels : batch.labels)
      pixels += static_cast<double>(
          std::ranges::count_if(labels.index, [](auto l) { return l != ignored_label; }));
    pixels = comm_.all_reduce(pixels, Reduction::sum);
    const float scale = pixels > 0 ? static_cast<float>(1 / pixels) : 0.0F;
    learned_ = batch.labels.empty()
                   ? model_.network().no_pixels()
                   : model_.network().learn(batch.pixels(), batch.labels, scale,
                                            gradients_.next_micro_batch(), gradients_.ready(0),
                                            gradients_.ready(1));
  }

  void finish(std::int64_t step) override {
    const double rate = segment_learning_rate(settings_, step / shared_.steps());
    gradients_.finish();
    reduce(learned_, comm_);
    gradients_.checked_norm(learned_.loss, step, settings_.learning_rate);
    gradients_.update(adamw_step({}, step, rate, settings_.weight_decay, 1));
    train_sum_.add(learned_);
  }

  void judge(const PairBatch& batch) override {
    valid_sum_.add(model_.network().judge(batch.pixels(), batch.labels));
  }

  EpochScores figures(ScoreSum& sum) const {
    const auto all = std::exchange(sum, ScoreSum(labels_.count()));
    return {all.loss(), all.scores(), all.compat()};
  }

  void keep(std::int64_t e, double seconds) override {
    valid_sum_.reduce(comm_);
    epochs_.push_back(
        {segment_learning_rate(settings_, e), seconds, figures(train_sum_), figures(valid_sum_)});
    log_.info("{}", epoch_line(e, settings_.epochs, epochs_.back()));
    const auto save = [&](const char* name) {
      model_.save(settings_.out + "/" + name, e + 1, comm_);
    };
    if (best_by_loss(epochs_) == e) save("best_model_loss");
    if (best_by_iou(epochs_) == e) save("best_model_iou");
    save("last_model");
    on_rank_0(comm_, [&] {
      show(e);
      write_train_report(settings_.out, labels_, epochs_);
    });
    auto texts = identity_;
    texts["epochs"] = text_of(epochs_);
    model_.save_training(training_folder(), {e + 1, std::move(texts)}, comm_);
  }

  /// Up to three validation images: the image, with its true labels, with the predicted ones.
  void show(std::int64_t e) {
    const auto count = std::min<std::int64_t>(3, valid_.size());
    const auto palette = labels_.palette();
    Sheet sheet{.title = fmt::format("Validation after epoch {}", e + 1),
                .columns = {{"image"}, {"true labels"}, {"predicted labels"}}};
    for (std::int64_t i = 0; i < count; ++i) {
      const auto batch = valid_.batch(i * valid_.size() / count, 1);
      const auto view = batch.pixels().image(0);
      const auto guess = upsampled_classes(model_.network().infer(batch.pixels()),
                                           model_.network().scores_grid(), batch.size, 1);
      sheet.side = std::max(view.height, view.width);
      auto& cells = sheet.rows.emplace_back().cells;
      cells.push_back({{view.height, view.width, batch.rgb}});
      cells.push_back({overlay(view, batch.labels[0], palette, validation_overlay)});
      cells.push_back({overlay(view, guess, palette, validation_overlay)});
    }
    for (std::size_t c = 0; c < palette.size(); ++c)
      sheet.keys.push_back({palette[c], labels_.classes[c].name});
    write_png(drawn(sheet), fmt::format("{}/validation/epoch_{:04}.png", settings_.out, e + 1));
  }

  const SegmentTrainSettings& settings_;
  const Labels& labels_;
  SegmentationModel& model_;
  Communicator& comm_;
  const Log& log_;
  SegmentationData train_, valid_;
  StepGradients gradients_;
  EpochImages shared_;
  TrainingIdentity identity_;
  std::vector<SegmentEpoch> epochs_;
  ScoreSum train_sum_{labels_.count()}, valid_sum_{labels_.count()};  // of an epoch
  PixelResult learned_;                                               // by this rank in this step
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
  Labels labels;
  on_all_ranks(comm, [&] { labels = load_labels(settings.config); });
  on_rank_0(comm, [&] {
    check(!settings.fine_tune || settings.precision == TaskPrecision::float32,
          "--fine-tune trains the encoder in float32: leave out --precision.");
    check(
        settings.tokens != TokenSource::patches || settings.precision == TaskPrecision::float32,
        "--tokens patches has no encoder, and the head learns in float32: leave out --precision.");
  });
  const auto checkpoint = find_checkpoint(settings.run, settings.checkpoint, comm, log);
  const auto recipe = recipe_for_task(checkpoint, settings.threads, settings.device, comm);
  const auto trained = settings.fine_tune ? Trained::everything : Trained::head;
  const auto precision = choose_precision(settings.precision, recipe.compute, comm, log);
  SegmentationModel model(recipe, info_of(settings, labels, checkpoint, comm), trained, precision,
                          comm, log);
  if (settings.batch < comm.size())
    log.info("note: a batch of {} images leaves {} of {} ranks without work", settings.batch,
             comm.size() - settings.batch, comm.size());
  return SegmentTrainer(settings, labels, model, comm, log).run();
}

}  // namespace ijepa
