#include "ijepa/tasks/prediction/train_decoder.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <filesystem>
#include <optional>

#include "../loop/same_training.hpp"
#include "../loop/work_progress.hpp"
#include "decoder_data.hpp"
#include "ijepa/comm/agree.hpp"
#include "ijepa/core/clock.hpp"
#include "ijepa/core/cores.hpp"
#include "ijepa/core/file.hpp"
#include "ijepa/tasks/images/image_folder.hpp"
#include "ijepa/tasks/images/labelled_images.hpp"
#include "ijepa/tasks/network/pretrained.hpp"
#include "ijepa/tasks/prediction/decoder_weights.hpp"
#include "ijepa/train/run/run_lock.hpp"
#include "ijepa/train/run/run_saves.hpp"
#include "ijepa/train/run/run_start.hpp"
#include "ijepa/train/step/step_gradients.hpp"

namespace ijepa {
namespace {

namespace fs = std::filesystem;
constexpr double largest_gradient = 1;  // norm
constexpr AdamWOptions adamw{.beta1 = 0.9, .beta2 = 0.99};

class DecoderTraining {
 public:
  DecoderTraining(const TrainDecoderSettings& settings, const Cluster& cluster,
                  const StopSignal& stop, Communicator& comm, const Log& log)
      : settings_(settings), comm_(comm), stop_(stop), log_(log), recipe_(recipe_of(settings)) {
    on_rank_0(comm, [&] { check_settings(settings, comm.size()); });
    images_ = open_images_on_all(settings.input, comm, log);
    pretrained_ = find_checkpoint(settings.run, settings.checkpoint, comm, log);
    model_ = std::make_unique<WholeModel>(pretrained_, settings.threads, comm, log);
    refuse_other_channels(model_->recipe(), "a decoder draws", pretrained_, comm);
    on_all_ranks(comm, [&] { design(); });
    on_rank_0(comm, [&] {
      check_no_image_of(settings.input, settings.out);
      prepare_output_folder(settings.out);
      check_own_folder(settings.out);
      lock_ = std::make_unique<RunLock>(settings.out, cluster, log);
    });
    if (settings.skip_bad) leave_out_bad_images(images_, bad_, threads(), 3, comm, log);
    on_rank_0(comm, [&] { write_bad_images(bad_, settings.out); });
    on_all_ranks(comm, [&] { choose(); });
    deadline_.emplace(run_deadline(recipe_, comm, log));
  }

  TrainDecoderResult run() {
    const auto newest = CheckpointStore(settings_.out, {}).newest_valid(comm_, log_);
    std::optional<CheckpointMeta> meta;
    if (newest) meta = check_same_training(*newest);
    if (meta && meta->step >= settings_.steps) return result(true);
    data_ = std::make_unique<DecoderData>(
        *model_, *images_, request_, DecoderDraws{card_.shape, seed(), settings_.batch}, comm_);
    log_.info("{} blocks of {} x {} patches out of {} images; a decoder of {} weights",
              data_->blocks(), block_.rows, block_.cols, request_.images.size(), weights());
    begin(newest);
    comm_.activity().set_limits(watch_limits(recipe_, log_));
    try {
      return train();
    } catch (const AgreedError& e) {
      // What is on its way to the disk is from before the failure.
      saves_->settle();
      if (e.code() != exit_code::not_finite) throw;
      throw AgreedError(fmt::format("{} {}", e.what(), what_is_left()), e.code());
    }
  }

 private:
  std::uint64_t seed() const { return static_cast<std::uint64_t>(settings_.seed); }
  int threads() const { return threads_or_cores(settings_.threads); }
  std::int64_t weights() const { return network_->store().layout().count("decoder"); }

  /// Before the output folder or an image is touched.
  void design() {
    block_ = settings_.block.empty() ? usual_block(model_->recipe(), model_->grid())
                                     : parse_block(settings_.block, model_->grid());
    card_ = {decoder_shape(*model_, block_, sizes_of(settings_)), model_->identity(),
             fs::absolute(pretrained_).lexically_normal().string(), settings_.steps};
    check_decoder(card_);
    network_ = std::make_unique<DecoderNetwork>(model_->device(), card_.shape, StoreUse::training);
  }

  void choose() {
    const auto fit = images_that_fit(model_->recipe(), settings_.cache_mib << 20);
    const auto wanted = settings_.images > 0 ? settings_.images : images_->size();
    request_ = {spread_numbers(std::min(wanted, fit), images_->size()), block_, seed(), false,
                threads()};
    if (fit < std::min(wanted, images_->size()))
      log_.info("note: {} MiB (--cache-mib) hold the predictions of {} of {} images",
                settings_.cache_mib, fit, std::min(wanted, images_->size()));
  }

  TrainingIdentity identity() const {
    DecoderCard anywhere = card_;
    anywhere.checkpoint.clear();
    const auto& s = settings_;
    return {
        {"settings", as_json(anywhere) + fmt::format("batch {}, rate {}, average {}, seed {}",
                                                     s.batch, s.learning_rate, s.average, s.seed)},
        {"images", fmt::format("{:016x} {}", images_->fingerprint(), request_.images.size())}};
  }

  CheckpointMeta check_same_training(const std::string& newest) {
    auto meta = load_checkpoint_meta(comm_, newest);
    on_all_ranks(comm_, [&] {
      check(meta.text.contains(decoder_card_key),
            "The folder {} holds no decoder but another run: choose another by --out.",
            settings_.out);
      const auto theirs = parse_decoder_card(meta.text.at(decoder_card_key), newest);
      check(theirs.identity == card_.identity,
            "The decoder in {} learns from the network at {}, not from {}, whose weights are "
            "others: go on with --checkpoint {}, or choose another folder by --out.",
            settings_.out, theirs.checkpoint, pretrained_, theirs.checkpoint);
      require_same_training(meta, identity(), settings_.out, "--out");
      history_ = DecoderHistory::parse(meta.text["history"]);
    });
    step_ = meta.step;
    return meta;
  }

  /// Fresh weights, or those of the newest checkpoint.
  void begin(const std::optional<std::string>& newest) {
    arithmetic_ = arithmetic_of(model_->device(), comm_);
    if (newest) {
      RunState state(model_->device(), network_->tensors());
      const auto meta = load_checkpoint(comm_, *newest, state.tensors());
      state.upload();
      network_->load_statistics();
      const auto other = other_arithmetic(meta, arithmetic_, *newest);
      if (!other.empty() && comm_.rank() == 0) log_.warn("{}", other);
      log_.info("Resumed from {}: {} of {} steps are done.", *newest, step_, settings_.steps);
    } else {
      network_->initialise(seed());
      network_->statistics() = data_->statistics(*model_, *network_, comm_);
      network_->store_statistics();
    }
    data_->tell(network_->statistics());
    gradients_.emplace(model_->device(), comm_, std::vector<const ParamStore*>{&network_->store()});
    saves_ = std::make_unique<RunSaves>(
        recipe_.run, network_->tensors(), comm_, copy_from(model_->device(), usable_cores()),
        [this](const SaveOutcome& o, double next_try) { report_save(o, next_try); });
    if (newest) saves_->resumed_from(step_);
  }

  TrainDecoderResult train() {
    auto batches = data_->batches(step_, settings_.steps, comm_);
    WorkProgress progress(comm_, "training of the decoder", "steps", settings_.steps - step_);
    while (step_ < settings_.steps) {
      if (lock_) lock_->check_held();
      train_step(batches);
      ++step_;
      progress.add(1, batches.wait_seconds());
      const bool last = step_ == settings_.steps;
      // As in pretraining: one agreement a step on whether to stop, to save, and who still writes.
      std::array<double, 3> wishes{last ? 0.0 : static_cast<double>(stop_is_due()),
                                   saves_->wanted(step_) ? 1.0 : 0.0, saves_->busy() ? 1.0 : 0.0};
      comm_.activity().enter(Phase::agreeing, step_);
      comm_.all_reduce(wishes, Reduction::max);
      comm_.activity().enter(Phase::saving, step_);
      saves_->advance(wishes[2] != 0);
      if (last) history_.close();
      if (last || wishes[0] != 0 || wishes[1] != 0) save();
      if (wishes[0] == 0) continue;
      saves_->finish(step_);
      reason_ = static_cast<StopReason>(wishes[0]);
      return result(false);
    }
    saves_->finish(step_);
    comm_.activity().enter(Phase::ending, step_);
    return result(true);
  }

  StopReason stop_is_due() const {
    return stop_.received() != 0 ? StopReason::signal : deadline_->due(seconds_since(begin_));
  }

  void train_step(BatchPool<DecoderBatch>& batches) {
    const auto start = Clock::now();
    comm_.activity().enter(Phase::loading, step_);
    const DecoderBatch* batch = nullptr;
    on_all_ranks(comm_, [&] { batch = batches.next(); });
    const auto [loss, pixelwise] = learn(*batch);
    const double seconds = seconds_since(start);
    deadline_->stepped_in(seconds);
    if (history_.add(step_ + 1, {step_ + 1, loss, pixelwise,
                                 decoder_learning_rate(settings_, step_), seconds}))
      report();
  }

  /// Means over the crops of all ranks: the loss, and pixelwise_loss().
  std::array<double, 2> learn(const DecoderBatch& batch) {
    comm_.activity().enter(Phase::computing, step_);
    const double scale = 1 / static_cast<double>(settings_.batch * card_.shape.model.crop_size());
    std::array<double, 2> sums{};
    gradients_->next_micro_batch();  // the only one
    sums[0] = network_->learn(batch.examples(), scale, gradients_->ready(0));
    for (const FlowDraw& draw : batch.draws)
      sums[1] += scale * pixelwise_loss(network_->statistics().crop_variance, draw.time);
    comm_.activity().enter(Phase::reducing, step_);
    gradients_->finish();
    comm_.all_reduce(sums, Reduction::sum);
    update(gradients_->checked_norm(sums[0], step_, settings_.learning_rate));
    return sums;
  }

  // The average is of few steps at first, so that start weights do not stay in it for long.
  void update(double gradient_norm) {
    comm_.activity().enter(Phase::updating, step_);
    const auto s = static_cast<double>(step_);
    AdamWStep now = adamw_step(adamw, step_, decoder_learning_rate(settings_, step_), 0,
                               std::min(settings_.average, (1 + s) / (10 + s)));
    now.gradient_scale = clipping(gradient_norm, largest_gradient);
    network_->update(now);
  }

  void report() {
    constexpr std::int64_t rows_a_line = 5;
    if (std::ssize(history_.rows()) % rows_a_line != 0) return;
    const auto& row = history_.rows().back();
    log_.info("step {} of {}: loss {:.4f}, {:.3f} of what each pixel alone gives; {:.3f} s a step",
              row.step, settings_.steps, row.loss, row.loss / row.pixelwise, row.seconds);
  }

  void save() {
    if (saves_->has(step_)) return;
    auto all = identity();
    all[decoder_card_key] = as_json(card_);
    all["history"] = history_.text();
    all["arithmetic"] = arithmetic_;
    saves_->begin({step_, std::move(all)});
    if (comm_.rank() == 0) show_history();
  }

  /// A table or a picture that cannot be written costs no weights: the checkpoint has the history.
  void show_history() {
    try {
      write_history(history_, settings_.out);
    } catch (const Error& e) {
      log_.warn("{} The training goes on.", e.what());
    }
  }

  std::string what_is_left() const {
    if (saves_->saved_step() < 0) return "No checkpoint had been written.";
    return fmt::format(
        "{} keeps the checkpoint of step {}, from which no other --lr goes on: name another folder "
        "by --out.",
        settings_.out, saves_->saved_step());
  }

  void report_save(const SaveOutcome& o, double next_try) {
    if (o.saved()) deadline_->saved_in(o.seconds);
    if (comm_.rank() != 0) return;
    if (!o.saved() && next_try > 0)
      log_.warn("{}\nTraining goes on; the next try is in {:.0f} s at the latest.", o.problem,
                std::ceil(next_try));
    if (!o.note.empty()) log_.warn("step {} is saved, but: {}", o.step, o.note);
  }

  TrainDecoderResult result(bool finished) const {
    TrainDecoderResult r{finished,
                         reason_,
                         step_,
                         data_ ? data_->blocks() : 0,
                         {},
                         checkpoint_folder(settings_.out, step_),
                         std::ssize(bad_)};
    if (!history_.rows().empty()) r.last = history_.rows().back();
    return r;
  }

  const TrainDecoderSettings& settings_;
  Communicator& comm_;
  const StopSignal& stop_;
  const Log& log_;
  PretrainRecipe recipe_;  // of this training: when it saves, and what the watch allows
  Clock::time_point begin_ = Clock::now();
  std::unique_ptr<Dataset> images_;
  std::vector<BadImage> bad_;
  std::string pretrained_;  // the checkpoint
  std::unique_ptr<WholeModel> model_;
  std::unique_ptr<RunLock> lock_;  // rank 0
  std::optional<Deadline> deadline_;
  BlockSize block_;
  ConditionRequest request_;
  DecoderCard card_;
  std::unique_ptr<DecoderNetwork> network_;  // destroyed before the model and its device
  std::unique_ptr<DecoderData> data_;
  std::string arithmetic_;
  std::optional<StepGradients> gradients_;
  std::unique_ptr<RunSaves> saves_;
  DecoderHistory history_;
  StopReason reason_ = StopReason::none;
  std::int64_t step_ = 0;
};

}  // namespace

TrainDecoderResult train_decoder(const TrainDecoderSettings& settings, const Cluster& cluster,
                                 const StopSignal& stop, Communicator& comm, const Log& log) {
  return DecoderTraining(settings, cluster, stop, comm, log).run();
}

}  // namespace ijepa
