#include "ijepa/tasks/classification/classify_train.hpp"

#include <algorithm>
#include <chrono>

#include "../work_progress.hpp"
#include "ijepa/comm/agree.hpp"
#include "ijepa/comm/cluster.hpp"
#include "ijepa/core/cores.hpp"
#include "ijepa/core/folder.hpp"
#include "ijepa/data/sampler.hpp"
#include "ijepa/tasks/classification/classifier_weights.hpp"
#include "ijepa/tasks/classification/classify_engine.hpp"
#include "ijepa/tasks/classification/mix_images.hpp"
#include "ijepa/tasks/classification/soft_cross_entropy.hpp"
#include "ijepa/tasks/labelled_images.hpp"
#include "ijepa/tasks/prefetch.hpp"
#include "ijepa/tasks/readable_images.hpp"
#include "ijepa/train/checkpoint.hpp"
#include "ijepa/train/run_start.hpp"

namespace ijepa {
namespace {

const std::vector<Role> with_moments{Role::weight, Role::adam_m, Role::adam_v};

struct PictureBatch {
  std::vector<std::uint8_t> pixels;
  std::vector<std::int32_t> labels;
  std::vector<std::int64_t> positions;
  Matrix<double> targets;  // of training
};

int threads_of(const ClassifySettings& s) {
  return s.data.threads > 0 ? static_cast<int>(s.data.threads) : usable_cores();
}

std::uint64_t unsigned_of(std::int64_t x) {
  return static_cast<std::uint64_t>(x);
}

class Training {
 public:
  Training(ClassifySettings settings, Communicator& comm, const Log& log)
      : settings_(std::move(settings)), comm_(comm), log_(log) {
    on_rank_0(comm, [&] { check_settings(settings_); });
    train_ = open_images_on_all(settings_.data.train, comm, log);
    valid_ = open_images_on_all(settings_.data.valid, comm, log);
    on_rank_0(comm, [&] {
      check_classes(*train_, settings_.data.train);
      check_labels(*valid_, settings_.data.valid);
      prepare_output_folder(settings_.run.out_dir);
    });
    if (settings_.data.skip_bad) {
      leave_out_bad_images(train_);
      leave_out_bad_images(valid_);
      on_rank_0(comm, [&] { write_bad_images(bad_, settings_.run.out_dir); });
    }
    on_all_ranks(comm, [&] {
      valid_ = with_classes_of(*train_, settings_.data.train, std::move(valid_),
                               settings_.data.valid, log);
    });
    open_model();
    const auto& views = settings_.data.views;
    const auto seed = unsigned_of(settings_.run.seed);
    train_views_ = std::make_unique<TaskViews>(*train_, views, seed, threads_of(settings_));
    valid_views_ = std::make_unique<TaskViews>(*valid_, views, seed, threads_of(settings_));
    sampler_ = std::make_unique<Sampler>(train_->size(), seed);
    engine_ = std::make_unique<ClassifyEngine>(settings_.optim, *classifier_, *device_, comm);
  }

  ClassifyResult run() {
    go_on();
    const auto begun = std::ssize(history_), epochs = settings_.optim.epochs;
    WorkProgress progress(comm_.rank() == 0 ? "images" : "",
                          (epochs - begun) * (train_->size() + valid_->size()));
    for (auto epoch = begun; epoch < epochs; ++epoch) {
      run_epoch(epoch, progress);
      keep();
    }
    return {history_,        train_->size(), valid_->size(),  std::ssize(train_->class_names()),
            folder("best_"), folder(""),     std::ssize(bad_)};
  }

 private:
  using Clock = std::chrono::steady_clock;

  void leave_out_bad_images(std::unique_ptr<ImageSource>& images) {
    auto readable = without_bad_images(std::move(images), threads_of(settings_), comm_, log_);
    images = std::move(readable.images);
    bad_.insert(bad_.end(), readable.bad.begin(), readable.bad.end());
  }

  std::string folder(const std::string& prefix) const {
    return settings_.run.out_dir + "/" + prefix + settings_.run.save_name;
  }

  void open_model() {
    const auto& run = settings_.run;
    checkpoint_ = find_checkpoint(run.run, run.checkpoint, comm_, log_);
    recipe_ = load_checkpoint_recipe(checkpoint_, comm_);
    auto device_recipe = recipe_;
    device_recipe.compute = settings_.compute;
    device_ = open_device(device_recipe, parse_cluster(process_environment()), comm_, log_);
    auto& views = settings_.data.views;
    auto encoder = recipe_.model.encoder;
    views.channels = static_cast<int>(encoder.channels);
    if (views.image_height == 0) {
      views.image_height = encoder.image_height;
      views.image_width = encoder.image_width;
    }
    encoder.drop_path = settings_.optim.drop_path;
    on_all_ranks(comm_, [&] {
      most_ = images_at_once(encoder_at_size(encoder, views.size()));
      if (settings_.optim.micro_batch > 0)
        most_ = std::max<std::int64_t>(2, settings_.optim.micro_batch);
      const Precision precision =
          settings_.compute.precision == DType::bf16 ? Precision::bfloat16() : Precision::float32();
      const ClassifierShape shape{encoder,
                                  views.size(),
                                  std::ssize(train_->class_names()),
                                  {recipe_.data.mean, recipe_.data.std}};
      classifier_ = std::make_unique<Classifier>(
          *device_, shape, run.fine_tune ? Trained::everything : Trained::head, precision,
          settings_.compute.recompute, most_);
    });
    classifier_->head().initialise(unsigned_of(run.seed));
    classifier_->encoder().load(checkpoint_, run.encoder, comm_);
    log_.info("{} training and {} validation images of {} classes, {} x {} pixels; {}",
              train_->size(), valid_->size(), train_->class_names().size(), views.image_height,
              views.image_width, run.fine_tune ? "fine-tuning" : "linear layer alone");
  }

  std::map<std::string, std::string> texts() const {
    return {
        {"training", training_text(settings_)},
        {"images", fmt::format("{:016x} {:016x}", train_->fingerprint(), valid_->fingerprint())},
        {"history", as_csv(history_)}};
  }

  /// Takes up the training in OUT/NAME where it was, if there is one of these settings.
  void go_on() {
    const auto newest = CheckpointStore(folder(""), {}).newest_valid(comm_, log_);
    if (!newest) return;
    const auto meta = load_checkpoint_meta(comm_, *newest);
    on_all_ranks(comm_, [&] {
      const auto mine = texts();
      for (const auto* key : {"training", "images"}) {
        const auto stored = meta.text.find(key);
        check(stored != meta.text.end() && stored->second == mine.at(key),
              "{} holds a training with other {}; choose another --save-name or --out-dir.",
              folder(""), std::string(key) == "training" ? "settings" : "images");
      }
      history_ = parse_history(meta.text.at("history"));
    });
    load_classifier(*newest, *classifier_, with_moments, comm_);
    log_.info("Going on after epoch {} of {}", history_.size(), settings_.optim.epochs);
  }

  PictureBatch training_batch(std::int64_t epoch, const StepShare& share) {
    PictureBatch batch;
    std::vector<std::int64_t> images;
    for (auto p = share.first; p < share.first + share.count; ++p) {
      batch.positions.push_back(p);
      images.push_back(sampler_->index(epoch, p));
      batch.labels.push_back(train_->label(images.back()));
    }
    batch.pixels = train_views_->train(images, epoch, batch.positions);
    batch.targets = smoothed_targets(batch.labels, std::ssize(train_->class_names()),
                                     settings_.optim.label_smoothing);
    const Size size = settings_.data.views.size();
    Rng rng(unsigned_of(settings_.run.seed), Purpose::augment, unsigned_of(epoch),
            unsigned_of(share.step), 2);
    mix_pairs(draw_mix(settings_.data.mixup, settings_.data.cutmix, size, rng), size,
              settings_.data.views.channels, batch.pixels, batch.targets.view());
    return batch;
  }

  ClassifySums train_epoch(std::int64_t epoch, WorkProgress& progress) {
    const auto batch = settings_.optim.batch, images = train_->size();
    const auto steps = (images + batch - 1) / batch;
    const auto shares = epoch_shares(images, batch, most_, comm_.rank(), comm_.size());
    Prefetch<PictureBatch> batches(std::ssize(shares), [&](std::int64_t i) {
      return training_batch(epoch, shares[static_cast<std::size_t>(i)]);
    });
    ClassifySums sums;
    auto share = shares.begin();
    for (std::int64_t step = 0; step < steps; ++step) {
      for (; share != shares.end() && share->step == step; ++share) {
        const auto b = batches.next();
        engine_->learn({b.pixels,
                        b.targets.view(),
                        {unsigned_of(settings_.run.seed), unsigned_of(epoch), b.positions}},
                       b.labels, share->step_images, share->last);
      }
      const auto global = epoch * steps + step;
      const auto done = engine_->finish(global, learning_rate(settings_.optim, global, steps));
      sums.add(done);
      progress.add(static_cast<std::int64_t>(done.images));
    }
    return sums;
  }

  /// Batches go round the ranks; which images are computed together does not depend on how many.
  ClassifySums validate(WorkProgress& progress) {
    const auto images = valid_->size(), batches = (images + most_ - 1) / most_;
    const auto mine = (batches - comm_.rank() + comm_.size() - 1) / comm_.size();
    Prefetch<PictureBatch> ahead(mine, [&](std::int64_t i) {
      PictureBatch batch;
      const auto first = (i * comm_.size() + comm_.rank()) * most_;
      for (auto image = first; image < std::min(images, first + most_); ++image) {
        batch.positions.push_back(image);
        batch.labels.push_back(valid_->label(image));
      }
      batch.pixels = valid_views_->evaluate(batch.positions);
      return batch;
    });
    ClassifySums sums;
    for (std::int64_t i = 0; i < mine; ++i) {
      const auto batch = ahead.next();
      const auto logits = classifier_->logits(batch.pixels);
      const auto targets = smoothed_targets(batch.labels, logits.cols, 0);
      auto gradient = logits;
      sums.add(logits.view(), batch.labels, soft_cross_entropy(gradient.view(), targets.view(), 1));
    }
    sums.reduce(comm_);
    progress.add(images);
    return sums;
  }

  void run_epoch(std::int64_t epoch, WorkProgress& progress) {
    const auto start = Clock::now();
    const auto batch = settings_.optim.batch, steps = (train_->size() + batch - 1) / batch;
    const auto train = train_epoch(epoch, progress), valid = validate(progress);
    const EpochRow row{epoch + 1,
                       train.loss / train.images,
                       train.top1 / train.images,
                       valid.loss / valid.images,
                       valid.top1 / valid.images,
                       valid.top5 / valid.images,
                       learning_rate(settings_.optim, (epoch + 1) * steps - 1, steps),
                       std::chrono::duration<double>(Clock::now() - start).count()};
    history_.push_back(row);
    log_.info(
        "epoch {} of {}: training loss {:.4f}, top-1 {:.2f} %; validation loss {:.4f}, top-1 "
        "{:.2f} %, top-5 {:.2f} %; rate {:.3g}; {:.1f} s",
        row.epoch, settings_.optim.epochs, row.train_loss, 100 * row.train_top1, row.valid_loss,
        100 * row.valid_top1, 100 * row.valid_top5, row.learning_rate, row.seconds);
  }

  /// The best weights before the last ones: a kill between the two repeats this epoch.
  void keep() {
    const auto& row = history_.back();
    const auto& names = train_->class_names();
    const ClassifierCard card{names,
                              settings_.data.views.transform,
                              settings_.data.views.size(),
                              classifier_->shape().normalisation,
                              name_of(settings_.run.encoder),
                              checkpoint_,
                              settings_.run.fine_tune,
                              row.epoch,
                              row.valid_loss,
                              row.valid_top1};
    if (best_row(history_)->epoch == row.epoch)
      save_classifier(folder("best_"), *classifier_, card, recipe_, {Role::weight}, texts(), comm_);
    save_classifier(folder(""), *classifier_, card, recipe_, with_moments, texts(), comm_);
    on_rank_0(comm_, [&] { write_history(history_, folder("")); });
  }

  ClassifySettings settings_;
  Communicator& comm_;
  const Log& log_;
  std::vector<BadImage> bad_;
  std::unique_ptr<ImageSource> train_, valid_;
  std::string checkpoint_;
  PretrainRecipe recipe_;  // of pretraining
  std::unique_ptr<Device> device_;
  std::int64_t most_ = 2;  // images of a micro-batch
  std::unique_ptr<Classifier> classifier_;
  std::unique_ptr<TaskViews> train_views_, valid_views_;
  std::unique_ptr<Sampler> sampler_;
  std::unique_ptr<ClassifyEngine> engine_;
  ClassifyHistory history_;
};

}  // namespace

ClassifyResult train_classifier(const ClassifySettings& settings, Communicator& comm,
                                const Log& log) {
  return Training(settings, comm, log).run();
}

}  // namespace ijepa
