#include "ijepa/train/recipe/recipe.hpp"

#include <algorithm>

#include "ijepa/core/error.hpp"
#include "ijepa/model/mask_limits.hpp"
#include "ijepa/model/patches_at_once.hpp"
#include "ijepa/train/recipe/schedule.hpp"

namespace ijepa {
namespace {

using Notes = std::vector<std::string>;

/// Takes the sizes left at 0 from the preset; a named size that was changed is refused, so that a
/// name in a log or checkpoint means what it says.
void resolve_sizes(EncoderConfig& encoder) {
  EncoderConfig preset = encoder;
  const bool known = apply_preset(preset, encoder.name);
  struct Row {
    const char* key;
    std::int64_t EncoderConfig::*size;
  };
  for (const Row& row :
       {Row{"width", &EncoderConfig::width}, Row{"depth", &EncoderConfig::depth},
        Row{"heads", &EncoderConfig::heads}, Row{"mlp_hidden", &EncoderConfig::mlp_hidden}}) {
    auto& size = encoder.*row.size;
    if (known && size == 0) size = preset.*row.size;
    if (!known && size == 0 && row.size == &EncoderConfig::mlp_hidden) size = 4 * encoder.width;
    check(size != 0, "model.{} must be given when model.name is \"{}\".", row.key, encoder.name);
    check(!known || size == preset.*row.size,
          "model.{} = {}, but {} has {}; use model.name = \"custom\" for other sizes.", row.key,
          size, encoder.name, preset.*row.size);
  }
}

void check_width(const char* what, std::int64_t width, std::int64_t heads) {
  check(width % heads == 0, "{} = {} must be a multiple of model.heads = {}; nearest: {} or {}.",
        what, width, heads, std::max(heads, width / heads * heads), (width / heads + 1) * heads);
  check(width % 4 == 0, "{} = {} must be a multiple of 4 for the 2-D position embedding.", what,
        width);
}

void check_grid(const EncoderConfig& e) {
  for (const auto& [key, size] :
       {std::pair{"image_height", e.image_height}, std::pair{"image_width", e.image_width}}) {
    check(size % e.patch == 0 && size > 0,
          "model.{} = {} must be a multiple of model.patch = {}; nearest: {} or {}.", key, size,
          e.patch, std::max(e.patch, size / e.patch * e.patch), (size / e.patch + 1) * e.patch);
  }
}

/// More patches than any attention could work on, in numbers that keep the checks of masks short.
void check_tokens(const EncoderConfig& e) {
  constexpr std::int64_t most_tokens = 65536;
  check(e.tokens() <= most_tokens,
        "An image of {} x {} pixels has {} patches of side {}, more than {}; use a larger "
        "model.patch.",
        e.image_height, e.image_width, e.tokens(), e.patch, most_tokens);
}

void resolve_model(ModelSettings& model) {
  resolve_sizes(model.encoder);
  if (model.predictor.mlp_hidden == 0) model.predictor.mlp_hidden = 4 * model.predictor.width;
  check_width("model.width", model.encoder.width, model.encoder.heads);
  check_width("model.predictor.width", model.predictor.width, model.encoder.heads);
  check_grid(model.encoder);
  check_tokens(model.encoder);
}

void resolve_batch(PretrainRecipe& recipe, Notes& notes) {
  const std::int64_t batch = recipe.optim.global_batch, micro = recipe.optim.micro_batch;
  auto& group = recipe.mask.truncate_group;
  if (group > batch) {
    notes.push_back(
        fmt::format("mask.truncate_group = {} is more than optim.global_batch = {}; "
                    "masks are cut to one length over the whole batch.",
                    group, batch));
    group = batch;
  }
  check(batch % group == 0,
        "optim.global_batch = {} must be a multiple of mask.truncate_group = {}, the number of "
        "images whose masks are cut to one length.",
        batch, group);
  check(micro == 0 || batch % micro == 0,
        "optim.global_batch = {} must be a multiple of optim.micro_batch = {}.", batch, micro);
}

void check_loss(const PretrainRecipe& recipe) {
  check(recipe.loss.features > 0 || recipe.loss.pixels > 0,
        "loss.features and loss.pixels are both 0: nothing is left to predict.");
  const double epochs = recipe.optim.ipe_scale * static_cast<double>(recipe.optim.epochs);
  check(recipe.loss.pixel_epochs == 0 || recipe.loss.pixel_epochs < epochs,
        "loss.pixel_epochs = {} leaves none of the {} epochs of optim.epochs and ipe_scale to "
        "predict features in: lower it, or set loss.features = 0 and loss.pixels = 1 for a masked "
        "autoencoder.",
        recipe.loss.pixel_epochs, epochs);
  check(recipe.loss.target_blocks <= recipe.model.encoder.depth,
        "loss.target_blocks = {} is more than the encoder's {} blocks.", recipe.loss.target_blocks,
        recipe.model.encoder.depth);
  check(recipe.loss.features > 0 || recipe.loss.targets == TargetScaling::normalised,
        "loss.targets = \"centred\" is about the features that loss.features = 0 leaves out.");
  check(recipe.loss.features > 0 || recipe.loss.pooled_prediction > 0 ||
            recipe.loss.target_blocks == 1,
        "loss.target_blocks = {} is about targets that loss.features = 0 and "
        "loss.pooled_prediction = 0 leave out.",
        recipe.loss.target_blocks);
  check(!recipe.loss.pooled() || recipe.optim.global_batch * recipe.mask.num_contexts > 1,
        "loss.variance_covariance, centre and pooled_prediction compare the images of a step, but "
        "optim.global_batch = 1.");
}

void check_ordered(const char* low_key, double low, const char* high_key, double high) {
  check(low <= high, "{} = {} is above {} = {}.", low_key, low, high_key, high);
}

void check_channels(const DataSettings& data) {
  for (const auto& [key, values] : {std::pair{"mean", &data.mean}, std::pair{"std", &data.std}})
    check(std::ssize(*values) == data.channels,
          "data.{} has {} value{}, but data.channels = {}; ijepa-shards SHARDS --statistics "
          "--channels {} measures mean and deviation.",
          key, values->size(), values->size() == 1 ? "" : "s", data.channels, data.channels);
}

void check_data(const DataSettings& data) {
  check_channels(data);
  check(data.channels == 3 || (data.augment.colour_strength == 0 && !data.augment.blur),
        "data.colour_strength and data.blur change red, green and blue, but data.channels is {}: "
        "set them to 0 and false.",
        data.channels);
  check(!data.shards.empty(), "data.shards must name a folder of shards; ijepa-shards writes one.");
  check_ordered("data.crop_scale_min", data.augment.scale_min, "data.crop_scale_max",
                data.augment.scale_max);
  check_ordered("data.crop_ratio_min", data.augment.ratio_min, "data.crop_ratio_max",
                data.augment.ratio_max);
}

void check_optim(const OptimSettings& o, Notes& notes) {
  check_ordered("optim.final_lr", o.final_lr, "optim.lr", o.lr);
  check_ordered("optim.start_lr", o.start_lr, "optim.lr", o.lr);
  if (o.warmup_epochs >= static_cast<double>(o.epochs)) {
    notes.push_back(
        fmt::format("optim.warmup_epochs = {} is not less than optim.epochs = {}: the "
                    "learning rate never falls.",
                    o.warmup_epochs, o.epochs));
  }
  if (o.ipe_scale < 1 && o.max_steps == 0) {
    notes.push_back(
        fmt::format("optim.ipe_scale = {} is below 1: the schedules end before the run, "
                    "and after its end the learning rate's cosine rises again.",
                    o.ipe_scale));
  }
}

void check_compute(const ComputeSettings& c) {
  check(c.precision != DType::f64 || c.device != DeviceChoice::cuda,
        "compute.precision = \"float64\" is for checks on the CPU; set compute.device = \"cpu\".");
  check(c.product_algorithms == ProductAlgorithms::first || c.device == DeviceChoice::cuda,
        "compute.product_algorithms = \"measured\" is for GPUs: set compute.device = \"cuda\", or "
        "leave it at \"first\".");
  check(c.residual == DType::f32 || c.precision == DType::bf16 || c.automatic_precision,
        "compute.residual = \"bfloat16\" needs compute.precision = \"bfloat16\", but it is \"{}\".",
        name_of(c.precision));
}

void resolve_keep_best(RunSettings& run, const EvalSettings& eval) {
  const bool evaluated = !eval.test_shards.empty();
  if (run.keep_best == KeepBest::automatic)
    run.keep_best = evaluated ? KeepBest::evaluation : KeepBest::none;
  check(
      run.keep_best != KeepBest::evaluation || evaluated,
      "run.keep_best = \"evaluation\" needs eval.test_shards: without them nothing is evaluated.");
}

void check_run(const RunSettings& run, Notes& notes) {
  check(!run.dir.empty(), "run.dir must name the folder of the run, for example runs/first.");
  check(run.keep_best != KeepBest::rankme || run.health_every > 0,
        "run.keep_best = \"rankme\" needs run.health_every above 0: RankMe is taken there.");
  if (run.checkpoint_steps == 0 && run.checkpoint_minutes == 0) {
    notes.push_back(
        "run.checkpoint_steps and run.checkpoint_minutes are both 0: a checkpoint is "
        "written only at the end and on a signal.");
  }
}

/// The largest divisor of the rank's batch that takes no more patches than suit a batch.
std::int64_t choose_micro_batch(std::int64_t rank_batch, const EncoderConfig& encoder) {
  std::int64_t micro =
      std::clamp<std::int64_t>(patches_at_once(encoder) / encoder.tokens(), 1, rank_batch);
  while (rank_batch % micro != 0) --micro;
  return micro;
}

}  // namespace

ModelSettings::ModelSettings() {
  encoder = {.name = "vit_huge", .width = 0, .depth = 0, .heads = 0, .mlp_hidden = 0, .patch = 14};
  predictor.mlp_hidden = 0;
}

std::vector<std::string> resolve(PretrainRecipe& recipe) {
  Notes notes;
  resolve_model(recipe.model);
  resolve_batch(recipe, notes);
  check_loss(recipe);
  const auto& encoder = recipe.model.encoder;
  check_masks(recipe.mask, {encoder.grid_rows(), encoder.grid_cols()});
  check_data(recipe.data);
  recipe.data.augment.crop_height = static_cast<int>(encoder.image_height);
  recipe.data.augment.crop_width = static_cast<int>(encoder.image_width);
  recipe.data.augment.channels = static_cast<int>(recipe.data.channels);
  recipe.model.encoder.channels = recipe.data.channels;
  check_optim(recipe.optim, notes);
  check_compute(recipe.compute);
  resolve_keep_best(recipe.run, recipe.eval);
  check_run(recipe.run, notes);
  return notes;
}

LoadedRecipe load_recipe(const std::string& file, const std::vector<std::string>& overrides) {
  LoadedRecipe loaded{load_settings<PretrainRecipe>(file, overrides), {}};
  loaded.notes = resolve(loaded.recipe);
  return loaded;
}

std::string recipe_text(PretrainRecipe recipe) {
  return to_toml(fields_of(recipe));
}

std::string setting_text(PretrainRecipe recipe, const std::string& key) {
  return value_of(fields_of(recipe), key);
}

RunPlan plan_run(const PretrainRecipe& recipe, std::int64_t images, std::int64_t ranks) {
  const auto& optim = recipe.optim;
  RunPlan plan;
  plan.steps_per_epoch = images / optim.global_batch;
  check(plan.steps_per_epoch > 0,
        "{} has {} images, fewer than optim.global_batch = {}, so an epoch would have no step; "
        "lower optim.global_batch.",
        recipe.data.shards, images, optim.global_batch);
  check(optim.global_batch % ranks == 0,
        "optim.global_batch = {} must be a multiple of the number of ranks, {}.",
        optim.global_batch, ranks);
  plan.rank_batch = optim.global_batch / ranks;
  plan.micro_batch = optim.micro_batch > 0
                         ? optim.micro_batch
                         : choose_micro_batch(plan.rank_batch, recipe.model.encoder);
  check(plan.rank_batch % plan.micro_batch == 0,
        "A rank's batch, {} (optim.global_batch = {} on {} ranks), must be a multiple of "
        "optim.micro_batch = {}.",
        plan.rank_batch, optim.global_batch, ranks, plan.micro_batch);
  plan.micro_batches = plan.rank_batch / plan.micro_batch;
  plan.total_steps = optim.epochs * plan.steps_per_epoch;
  if (optim.max_steps > 0) plan.total_steps = std::min(plan.total_steps, optim.max_steps);
  const Schedule schedule(optim, plan.steps_per_epoch, recipe.loss.pixel_epochs);
  plan.pixel_steps = schedule.pixel_steps();
  if (plan.pixel_steps > 0 && plan.pixel_steps >= plan.total_steps)
    plan.notes.push_back(fmt::format(
        "The run ends after {} steps, but features are predicted after {} only, those of "
        "loss.pixel_epochs = {}.",
        plan.total_steps, plan.pixel_steps, recipe.loss.pixel_epochs));
  plan.warmup_steps = schedule.warmup_steps();
  if (plan.warmup_steps >= plan.total_steps) {
    plan.notes.push_back(
        fmt::format("The warm-up takes {} steps but the run has {}: the learning "
                    "rate does not reach optim.lr.",
                    plan.warmup_steps, plan.total_steps));
  }
  return plan;
}

}  // namespace ijepa
