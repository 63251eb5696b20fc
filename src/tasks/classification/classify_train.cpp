#include "ijepa/tasks/classification/classify_train.hpp"

#include <algorithm>
#include <optional>
#include <utility>

#include "../loop/epochs.hpp"
#include "../loop/same_training.hpp"
#include "ijepa/comm/agree.hpp"
#include "ijepa/core/cores.hpp"
#include "ijepa/core/file.hpp"
#include "ijepa/data/loading/sampler.hpp"
#include "ijepa/tasks/classification/classifier_weights.hpp"
#include "ijepa/tasks/classification/finetune_optimizer.hpp"
#include "ijepa/tasks/classification/mix_images.hpp"
#include "ijepa/tasks/classification/soft_cross_entropy.hpp"
#include "ijepa/tasks/images/image_folder.hpp"
#include "ijepa/tasks/images/labelled_images.hpp"
#include "ijepa/tasks/network/pretrained.hpp"
#include "ijepa/train/step/step_gradients.hpp"

namespace ijepa {
namespace {

const std::vector<Role> with_moments{Role::weight, Role::adam_m, Role::adam_v};

struct PictureBatch {
  std::optional<std::int64_t> epoch;  // of training
  std::int64_t step = 0;
  std::vector<std::int64_t> images, positions;
  std::vector<std::uint8_t> pixels;
  std::vector<std::int32_t> labels;
  Matrix<double> targets;  // of training
};

int threads_of(const ClassifySettings& s) {
  return threads_or_cores(s.data.threads);
}

class Training : public EpochTask<PictureBatch> {
 public:
  Training(ClassifySettings settings, Communicator& comm, const Log& log)
      : settings_(std::move(settings)), comm_(comm), log_(log) {
    on_rank_0(comm, [&] { check_settings(settings_); });
    train_ = open_images_on_all(settings_.data.train, comm, log);
    valid_ = open_images_on_all(settings_.data.valid, comm, log);
    on_rank_0(comm, [&] {
      check_classes(*train_, settings_.data.train);
      check_labels(*valid_, settings_.data.valid);
      for (const auto& images : {settings_.data.train, settings_.data.valid})
        check_no_image_of(images, settings_.run.out_dir);
      prepare_output_folder(settings_.run.out_dir);
    });
    checkpoint_ = find_checkpoint(settings_.run.run, settings_.run.checkpoint, comm, log);
    recipe_ = load_checkpoint_recipe(checkpoint_, comm);
    settings_.data.views.channels = static_cast<int>(recipe_.model.encoder.channels);
    if (settings_.data.skip_bad) {
      for (auto* images : {&train_, &valid_})
        leave_out_bad_images(*images, bad_, threads_of(settings_), settings_.data.views.channels,
                             comm, log);
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
    shared_ = {train_->size(), settings_.optim.batch, most_, 2};  // pairs of images are mixed
    open_optimizers();
  }

  ClassifyResult run() {
    const auto& optim = settings_.optim;
    const EpochPlan plan{optim.epochs, shared_, valid_->size(), most_, threads_of(settings_)};
    Epochs<PictureBatch>(*this, plan, comm_, log_).run();
    return {history_,        train_->size(), valid_->size(),  std::ssize(train_->class_names()),
            folder("best_"), folder(""),     std::ssize(bad_)};
  }

 private:
  std::string folder(const std::string& prefix) const {
    return settings_.run.out_dir + "/" + prefix + settings_.run.save_name;
  }

  void open_model() {
    const auto& run = settings_.run;
    device_ = open_task_device(settings_.compute, 0, comm_, log_);
    auto& views = settings_.data.views;
    auto encoder = recipe_.model.encoder;
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
    on_rank_0(comm_, [&] { prepare_output_folder(run.out_dir, bytes_kept()); });
    log_.info("{} training and {} validation images of {} classes, {} x {} pixels; {}",
              train_->size(), valid_->size(), train_->class_names().size(), views.image_height,
              views.image_width, run.fine_tune ? "fine-tuning" : "linear layer alone");
  }

  void open_optimizers() {
    const auto& optim = settings_.optim;
    auto& encoder = classifier_->encoder();
    const auto& head = classifier_->head();
    gradients_.emplace(*device_, comm_, stores_of(classifier_->trained(), head, &encoder));
    optimizers_.emplace_back(*device_, head, std::vector<LayerRate>{{{0, head.layout().size()}, 1}},
                             optim);
    if (settings_.run.fine_tune)
      optimizers_.emplace_back(
          *device_, encoder.store(),
          encoder_layer_rates(encoder.layout(), encoder.config().depth, optim.layer_decay), optim);
  }

  /// Of the newest weights with their moments and of the best weights.
  std::int64_t bytes_kept() {
    constexpr std::int64_t element = sizeof(float);
    const auto head = classifier_->head().layout().size();
    const auto encoder = classifier_->encoder().store().layout().size();
    const auto learned = head + (settings_.run.fine_tune ? encoder : 0);
    return element * (2 * (head + encoder) + 2 * learned);
  }

  TrainingIdentity identity() const {
    return {
        {"training", training_text(settings_)},
        {"images", fmt::format("{:016x} {:016x}", train_->fingerprint(), valid_->fingerprint())}};
  }

  std::int64_t begin() override {
    const auto newest =
        newest_of_training(folder(""), identity(), "--save-name or --out-dir", comm_, log_);
    if (!newest) return 0;
    on_all_ranks(comm_, [&] { history_ = parse_history(newest->meta.text.at("history")); });
    load_classifier(newest->folder, *classifier_, with_moments, comm_);
    return std::ssize(history_);
  }

  void open(PictureBatch& batch, std::int64_t epoch, const StepShare& share) override {
    batch.epoch = epoch;
    batch.step = share.step;
    batch.positions = image_run(share.first, share.count);
    batch.images.clear();
    for (const auto p : batch.positions) batch.images.push_back(sampler_->index(epoch, p));
    make_room(batch, *train_);
  }

  void open_valid(PictureBatch& batch, std::int64_t first, std::int64_t count) override {
    batch.epoch.reset();
    batch.images = image_run(first, count);
    make_room(batch, *valid_);
  }

  void make_room(PictureBatch& batch, const Dataset& images) const {
    batch.labels.clear();
    for (const auto image : batch.images) batch.labels.push_back(images.label(image));
    batch.pixels.resize(batch.images.size() * train_views_->image_bytes());
  }

  void fill(PictureBatch& batch, std::int64_t i, int thread) override {
    const auto at = static_cast<std::size_t>(i);
    auto* out = batch.pixels.data() + at * train_views_->image_bytes();
    if (batch.epoch)
      train_views_->train(batch.images[at], *batch.epoch, batch.positions[at], out, thread);
    else
      valid_views_->evaluate(batch.images[at], out, thread);
  }

  void complete(PictureBatch& batch) override {
    if (!batch.epoch) return;
    batch.targets = smoothed_targets(batch.labels, std::ssize(train_->class_names()),
                                     settings_.optim.label_smoothing);
    const Size size = settings_.data.views.size();
    Rng rng(unsigned_of(settings_.run.seed), Purpose::augment, unsigned_of(*batch.epoch),
            unsigned_of(batch.step), 2);
    mix_pairs(draw_mix(settings_.data.mixup, settings_.data.cutmix, size, rng), size,
              settings_.data.views.channels, batch.pixels, batch.targets.view());
  }

  void learn(const PictureBatch& batch, std::int64_t epoch, const StepShare& share) override {
    if (share.count == 0) return;
    const auto learned = classifier_->learn(
        {batch.pixels,
         batch.targets.view(),
         {unsigned_of(settings_.run.seed), unsigned_of(epoch), batch.positions}},
        1 / static_cast<double>(share.step_images), gradients_->next_micro_batch(),
        gradients_->ready(0, share.last), gradients_->ready(1, share.last));
    learned_.add(learned.logits.view(), batch.labels, learned.losses);
  }

  void finish(std::int64_t step) override {
    const double rate = learning_rate(settings_.optim, step, shared_.steps());
    gradients_->finish();
    auto all = std::exchange(learned_, {});
    all.reduce(comm_);
    gradients_->checked_norm(all.loss, step, settings_.optim.learning_rate);
    for (auto& optimizer : optimizers_) optimizer.update(step, rate);
    train_sums_.add(all);
  }

  void judge(const PictureBatch& batch) override {
    const auto logits = classifier_->logits(batch.pixels);
    const auto targets = smoothed_targets(batch.labels, logits.cols, 0);
    auto gradient = logits;
    valid_sums_.add(logits.view(), batch.labels,
                    soft_cross_entropy(gradient.view(), targets.view(), 1));
  }

  void add_row(std::int64_t epoch, double seconds) {
    const auto train = std::exchange(train_sums_, {});
    auto valid = std::exchange(valid_sums_, {});
    valid.reduce(comm_);
    const auto steps = shared_.steps();
    const EpochRow row{epoch + 1,
                       train.loss / train.images,
                       train.top1 / train.images,
                       valid.loss / valid.images,
                       valid.top1 / valid.images,
                       valid.top5 / valid.images,
                       learning_rate(settings_.optim, (epoch + 1) * steps - 1, steps),
                       seconds};
    history_.push_back(row);
    log_.info(
        "epoch {} of {}: training loss {:.4f}, top-1 {:.2f} %; validation loss {:.4f}, top-1 "
        "{:.2f} %, top-5 {:.2f} %; rate {:.3g}; {:.1f} s",
        row.epoch, settings_.optim.epochs, row.train_loss, 100 * row.train_top1, row.valid_loss,
        100 * row.valid_top1, 100 * row.valid_top5, row.learning_rate, row.seconds);
  }

  void keep(std::int64_t epoch, double seconds) override {
    add_row(epoch, seconds);
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
    auto texts = identity();
    texts["history"] = as_csv(history_);
    if (best_row(history_)->epoch == row.epoch)
      save_classifier(folder("best_"), *classifier_, card, recipe_, {Role::weight}, texts, comm_);
    save_classifier(folder(""), *classifier_, card, recipe_, with_moments, texts, comm_);
    on_rank_0(comm_, [&] { write_history(history_, folder("")); });
  }

  ClassifySettings settings_;
  Communicator& comm_;
  const Log& log_;
  std::vector<BadImage> bad_;
  std::unique_ptr<Dataset> train_, valid_;
  std::string checkpoint_;
  PretrainRecipe recipe_;  // of pretraining
  std::unique_ptr<Device> device_;
  std::int64_t most_ = 2;  // images of a micro-batch
  EpochImages shared_;
  std::unique_ptr<Classifier> classifier_;
  std::unique_ptr<TaskViews> train_views_, valid_views_;
  std::unique_ptr<Sampler> sampler_;
  std::optional<StepGradients> gradients_;
  std::vector<FinetuneOptimizer> optimizers_;  // of the head and, where it learns, the encoder
  ClassifySums train_sums_, valid_sums_;       // of an epoch
  ClassifySums learned_;                       // by this rank in this step
  ClassifyHistory history_;
};

}  // namespace

ClassifyResult train_classifier(const ClassifySettings& settings, Communicator& comm,
                                const Log& log) {
  return Training(settings, comm, log).run();
}

}  // namespace ijepa
