#include "authors_archive.hpp"

#include <charconv>
#include <cmath>
#include <cstring>

#include "ijepa/core/error.hpp"
#include "ijepa/data/shards/shard_set.hpp"
#include "ijepa/train/recipe/schedule.hpp"
#include "pickle_writer.hpp"
#include "torch_archive.hpp"

namespace ijepa {
namespace {

/// A text of the checkpoint as a number, or `otherwise`. An Error for other texts.
double stated(const StoredWeights& weights, const char* key, double otherwise) {
  const auto& text = weights.manifest().meta.text;
  const auto it = text.find(key);
  if (it == text.end()) return otherwise;
  double value = 0;
  const char* end = it->second.data() + it->second.size();
  const auto [stop, error] = std::from_chars(it->second.data(), end, value);
  check(error == std::errc{} && stop == end, "The checkpoint {} says {} = {}, which is no number.",
        weights.folder(), key, it->second);
  return value;
}

/// The same cut to a whole number. An Error for one that no training has.
std::int64_t stated_whole(const StoredWeights& weights, const char* key, double otherwise) {
  const double value = stated(weights, key, otherwise);
  check(std::abs(value) < 1e15, "The checkpoint {} says {} = {}, which no training has.",
        weights.folder(), key, value);
  return static_cast<std::int64_t>(value);
}

class AuthorsArchive {
 public:
  AuthorsArchive(const StoredWeights& weights, std::int64_t steps_per_epoch)
      : weights_(weights),
        step_(weights.manifest().meta.step),
        schedule_(weights.recipe().optim, steps_per_epoch, weights.recipe().loss.pixel_epochs) {
    pickle_.begin_dict();
    for (const char* group : {"encoder", "predictor", "target_encoder"}) add_state_dict(group);
    add_optimizer();
    add_scaler();
    add_progress(steps_per_epoch);
    pickle_.end_dict();
  }

  std::string pickle() { return pickle_.finish(); }
  const std::vector<OutTensor>& tensors() const { return tensors_; }

 private:
  void add(OutTensor tensor) {
    pickle_.tensor(tensor.tensor, std::to_string(tensors_.size()));
    tensors_.push_back(std::move(tensor));
  }
  void add_state_dict(const std::string& group) {
    pickle_.text(group);
    pickle_.begin_dict();
    for (auto& tensor : weights_.group(group, {NameStyle::plain, "module."})) {
      pickle_.text(tensor.tensor.name);
      add(std::move(tensor));
    }
    pickle_.end_dict();
  }
  void add_optimizer() {
    const auto groups = authors_optimizer_groups(weights_.layout());
    pickle_.text("opt");
    pickle_.begin_dict();
    pickle_.text("state");
    pickle_.begin_dict();
    std::int64_t number = 0;
    for (const auto& group : groups)
      for (const auto& param : group) add_moments(number++, param);
    pickle_.end_dict();
    pickle_.text("param_groups");
    pickle_.begin_list();
    number = 0;
    for (std::size_t g = 0; g < groups.size(); ++g) {
      add_param_group(number, std::ssize(groups[g]), g < 2);
      number += std::ssize(groups[g]);
    }
    pickle_.end_list();
    pickle_.end_dict();
  }
  void add_moments(std::int64_t number, const OptimizerParam& param) {
    if (param.info == nullptr) return;
    pickle_.integer(number);
    pickle_.begin_dict();
    const auto steps = static_cast<float>(step_);
    pickle_.text("step");
    add({{"step", Element::f32, {}},
         [steps](std::span<std::byte> out) { std::memcpy(out.data(), &steps, out.size()); }});
    for (const auto& [key, role] : {std::pair{"exp_avg", "_adam_m"}, {"exp_avg_sq", "_adam_v"}}) {
      pickle_.text(key);
      add(weights_.tensor(param.group + role, param.info->name, {key}).front());
    }
    pickle_.end_dict();
  }
  void add_param_group(std::int64_t first, std::int64_t count, bool decays) {
    const auto& optim = weights_.recipe().optim;
    pickle_.begin_dict();
    if (!decays) {
      pickle_.text("WD_exclude");
      pickle_.boolean(true);
    }
    add_real("lr", stated(weights_, "lr", schedule_.learning_rate(step_)));
    pickle_.text("betas");
    pickle_.begin_tuple();
    pickle_.real(optim.beta1);
    pickle_.real(optim.beta2);
    pickle_.end_tuple();
    add_real("eps", optim.eps);
    if (decays)
      add_real("weight_decay", stated(weights_, "weight_decay", schedule_.weight_decay(step_)));
    else
      add_integer("weight_decay", 0);
    for (const char* off : {"amsgrad", "maximize", "capturable"}) {
      pickle_.text(off);
      pickle_.boolean(false);
    }
    pickle_.text("foreach");
    pickle_.none();
    pickle_.text("params");
    pickle_.begin_list();
    for (auto i = first; i < first + count; ++i) pickle_.integer(i);
    pickle_.end_list();
    pickle_.end_dict();
  }
  /// bfloat16 runs there have a gradient scaler, which bfloat16 does not need: its start state,
  /// unless one was imported.
  void add_scaler() {
    pickle_.text("scaler");
    const bool imported = weights_.manifest().meta.text.contains("scaler_scale");
    if (!imported && weights_.recipe().compute.precision != DType::bf16) return pickle_.none();
    pickle_.begin_dict();
    add_real("scale", stated(weights_, "scaler_scale", 65536));
    add_real("growth_factor", stated(weights_, "scaler_growth_factor", 2));
    add_real("backoff_factor", stated(weights_, "scaler_backoff_factor", 0.5));
    add_integer("growth_interval", stated_whole(weights_, "scaler_growth_interval", 2000));
    add_integer("_growth_tracker", stated_whole(weights_, "scaler_growth_tracker", 0));
    pickle_.end_dict();
  }
  void add_progress(std::int64_t steps_per_epoch) {
    const auto begun = (step_ + steps_per_epoch - 1) / steps_per_epoch;
    add_integer("epoch", stated_whole(weights_, "epoch", static_cast<double>(begun)));
    add_real("loss", stated(weights_, "loss", 0));
    const auto batch = static_cast<double>(weights_.recipe().optim.global_batch);
    add_integer("batch_size", stated_whole(weights_, "batch_size", batch));
    add_integer("world_size", stated_whole(weights_, "world_size", 1));
    add_real("lr", stated(weights_, "lr", schedule_.learning_rate(step_)));
  }
  void add_real(const char* key, double value) {
    pickle_.text(key);
    pickle_.real(value);
  }
  void add_integer(const char* key, std::int64_t value) {
    pickle_.text(key);
    pickle_.integer(value);
  }

  const StoredWeights& weights_;
  std::int64_t step_;
  Schedule schedule_;
  PickleWriter pickle_;
  std::vector<OutTensor> tensors_;
};

std::int64_t steps_per_epoch(const StoredWeights& weights, const ExportOptions& options) {
  if (options.steps_per_epoch > 0) return options.steps_per_epoch;
  const auto step = weights.manifest().meta.step;
  const auto epoch = stated_whole(weights, "epoch", 0);
  if (epoch > 0 && step > 0 && step % epoch == 0) return step / epoch;
  const auto& recipe = weights.recipe();
  try {
    const auto images = ShardSet::open(recipe.data.shards).size();
    if (images >= recipe.optim.global_batch) return images / recipe.optim.global_batch;
  } catch (const Error&) {
    // The shards may be on another machine.
  }
  fail(
      "How many steps an epoch had is not in {}, and its shards, {}, are not here: give "
      "--steps-per-epoch.",
      weights.folder(), recipe.data.shards);
}

}  // namespace

ExportResult write_authors_archive(const StoredWeights& weights, const ExportOptions& options) {
  for (const char* group : {"encoder", "predictor", "target_encoder", "encoder_adam_m",
                            "encoder_adam_v", "predictor_adam_m", "predictor_adam_v"})
    check(weights.holds(group),
          "{} holds no {}, which the authors' layout needs; choose --format huggingface, timm or "
          "hdf5.",
          weights.folder(), group);
  AuthorsArchive archive(weights, steps_per_epoch(weights, options));
  write_torch_archive(options.out, archive.pickle(), archive.tensors(), weights.description());
  ExportResult result{std::ssize(archive.tensors()),
                      0,
                      "context encoder, predictor, target encoder, optimizer",
                      {}};
  for (const auto& t : archive.tensors()) result.bytes += t.tensor.bytes();
  return result;
}

}  // namespace ijepa
