// The fields of a recipe: keys, ranges and help texts, which also make docs/configuration.md.
#include <algorithm>
#include <iterator>

#include "ijepa/core/pixel_type.hpp"
#include "ijepa/train/recipe/recipe.hpp"

namespace ijepa {
namespace {

// Sizes beyond these are typing errors; they keep products of sizes far from overflow.
constexpr double most_pixels = 16384, widest = 65536, most_images = 1 << 24, most_steps = 1e12;

}  // namespace

// Static rather than in the unnamed namespace, where Fields::section could not find them by the
// type of their argument.
static void describe(PredictorConfig& p, Fields& f) {
  f("width", p.width, between(4, widest), "Width P; a multiple of 4 and of the encoder's heads.");
  f("depth", p.depth, between(1, 1000), "Blocks.");
  f("mlp_hidden", p.mlp_hidden, between(0, widest),
    "Hidden width of the MLPs; 0: four times the width.");
  f("drop_path", p.drop_path, below(1),
    "Rate of dropped branches in the last block, rising linearly from 0.");
  f("joint", p.joint,
    "Predict all target blocks of an image in one sequence, where they see one another's places: "
    "less work, since the context is in it once. The published runs had a sequence a block.");
}

static void describe(ModelSettings& m, Fields& f) {
  auto& e = m.encoder;
  std::vector<std::pair<std::string, std::string>> names;
  for (const char* name :
       {"vit_tiny", "vit_small", "vit_base", "vit_large", "vit_huge", "vit_giant", "custom"})
    names.emplace_back(name, name);
  f.choice("name", e.name, names,
           "Encoder size; `custom` takes width, depth and heads from the next keys.");
  f("width", e.width, between(0, widest),
    "Width D; a multiple of 4 and of the heads. 0: as the named size.");
  f("depth", e.depth, between(0, 1000), "Blocks. 0: as the named size.");
  f("heads", e.heads, between(0, 1024),
    "Attention heads, of encoder and predictor. 0: as the named size.");
  f("mlp_hidden", e.mlp_hidden, between(0, widest),
    "Hidden width of the MLPs. 0: as the named size, or four times the width.");
  f("patch", e.patch, between(1, 1024), "Side of a patch in pixels.");
  f("image_height", e.image_height, between(1, most_pixels),
    "Height of a training crop in pixels; a multiple of the patch.");
  f("image_width", e.image_width, between(1, most_pixels),
    "Width of a training crop in pixels; a multiple of the patch.");
  f("drop_path", e.drop_path, below(1),
    "Rate of dropped branches in the last block, rising linearly from 0. The target encoder never "
    "drops.");
  f.choice("init", e.start, {{"authors", StartWeights::authors}, {"xavier", StartWeights::xavier}},
           "Start of the weight matrices of encoder and predictor. `authors`: normal of deviation "
           "0.02, as in the published runs. `xavier`: uniform within +-sqrt(6 / (in + out)), for "
           "small models: the image, not the position, makes most of what the first block sees.");
  f("rescale_init", e.rescale_init,
    "Divide output projections by sqrt(2 layer) at the start. The published runs did not.");
  f.section("predictor", m.predictor,
            "The narrow transformer that predicts target features from context features.");
}

static void describe(MaskConfig& m, Fields& f) {
  f.choice("shape", m.shape, {{"blocks", MaskShape::blocks}, {"random", MaskShape::random}},
           "`blocks`: as in the paper. `random`: the encoder sees `context_patches` patches chosen "
           "at random, and all others are the one target, as in a masked autoencoder.");
  f("num_targets", m.num_targets, between(1, 64), "Target blocks an image (K).");
  f("num_contexts", m.num_contexts, between(1, 64), "Context blocks an image (E).");
  f("target_scale_min", m.target_scale_min, up_to(1),
    "Smallest area of a target block, as a share of the grid.");
  f("target_scale_max", m.target_scale_max, up_to(1), "Largest area of a target block.");
  f("context_scale_min", m.context_scale_min, up_to(1),
    "Smallest area of a context block, before target cells are taken out.");
  f("context_scale_max", m.context_scale_max, up_to(1), "Largest area of a context block.");
  f("aspect_min", m.aspect_min, between(0.01, 100),
    "Smallest aspect ratio (height over width) of a target block.");
  f("aspect_max", m.aspect_max, between(0.01, 100), "Largest aspect ratio of a target block.");
  f("min_keep", m.min_keep, between(0, most_images),
    "A mask with this many patches or fewer is drawn again.");
  f("allow_overlap", m.allow_overlap, "Let context blocks keep the cells of target blocks.");
  f("compat", m.compat,
    "Draw as the published runs did: one random number for scale and aspect ratio, last row and "
    "column never chosen, truncation keeps the first indices.");
  f("truncate_group", m.truncate_group, between(1, most_images),
    "Consecutive images whose masks are cut to one length: the batch per GPU of the published run. "
    "Divides the global batch. 1: no truncation.");
  f("context_patches", m.context_patches, between(0, most_images),
    "Contexts are cut to so many patches at most, as they are for a truncate group. 0: no limit.");
  f("context_multiple", m.context_multiple, between(1, 1024),
    "Context masks are cut further, to a multiple of so many patches. On GPUs 8 makes far fewer "
    "shapes of attention and products to compile, at up to 7 patches of context. 1: as published.");
}

static void describe(LossConfig& l, Fields& f) {
  f("variance_covariance", l.variance_covariance, between(0, 1e6),
    "Weight of two terms on the mean of each image's context features, over the global batch: "
    "deviations below 1, and covariances (VICReg). Around 1 for small models and little data, "
    "whose features otherwise share few directions. 0: none, as published.");
  f("centre", l.centre, between(0, 1e6),
    "Weight of the square of those means' own mean, over the global batch: without it all images "
    "are alike by the angle between their features. Around 1 beside `variance_covariance`. 0: "
    "none, "
    "as published.");
  f("pooled_prediction", l.pooled_prediction, between(0, 1e6),
    "Weight of a linear map of that mean which predicts the mean of the target's features, "
    "standardised over the global batch. 0: none, as published.");
  f("pixels", l.pixels, between(0, 1e6),
    "Weight of the hidden patches' pixels, each patch normalised, which a linear map of the "
    "predictor's tokens tells. 0: none, as published.");
  f("pixel_epochs", l.pixel_epochs, between(0, 1e6),
    "Epochs at the start, or parts of one, in which the network is a masked autoencoder: it sees "
    "a quarter of the patches, chosen at random, and predicts the pixels of all others; after "
    "them this section and `mask` hold. 0: none, as published.");
  f("features", l.features, between(0, 1e6),
    "Weight of the hidden patches' features, I-JEPA's own loss. 0, with `pixels` above it: a "
    "masked "
    "autoencoder, to compare with.");
  f.choice(
      "targets", l.targets,
      {{"normalised", TargetScaling::normalised}, {"centred", TargetScaling::centred}},
      "How the target encoder's features become targets. `normalised`: each token by its own "
      "mean and deviation, as published. `centred`: less the mean of the token's position over "
      "images, divided by each feature's deviation around it, both running over the steps, so "
      "that nothing is won by knowing the place alone.");
  f("target_blocks", l.target_blocks, between(1, 1000),
    "Targets are the mean of the outputs of so many last blocks of the target encoder, each "
    "normalised (data2vec). 1: the last one's after the final norm, as published.");
}

static void describe(DataSettings& d, Fields& f) {
  f("shards", d.shards, "Folder of training shards, as ijepa-shards writes it. Required.");
  f("valid_shards", d.valid_shards,
    "Folder of shards of held-out images for the health figures; empty: images of `shards`.");
  f.choice("order", d.order.order, {{"full", Order::full}, {"blocks", Order::blocks}},
           "`full`: a true permutation each epoch. `blocks`: large sequential reads, for parallel "
           "file systems.");
  f("block_images", d.order.block_images, between(1, most_images),
    "Images of one sequential read, with order = \"blocks\".");
  f("window_blocks", d.order.window_blocks, between(1, most_images),
    "Blocks whose images are mixed, with order = \"blocks\".");
  f("threads", d.threads, between(0, 1024),
    "Decoding threads of a rank. 0: as many as the rank has cores.");
  f("prefetch", d.prefetch, between(1, 1024), "Micro-batches prepared ahead.");
  f("stage_dir", d.stage_dir,
    "Folder on the node's own disk to which shards are copied first; empty: none.");
  f("max_bad_rate", d.max_bad_rate, between(0, 1),
    "Share of unreadable images above which the run stops.");
  f("crop_scale_min", d.augment.scale_min, up_to(1),
    "Smallest area of a random crop, as a share of the image.");
  f("crop_scale_max", d.augment.scale_max, up_to(1), "Largest area of a random crop.");
  f("crop_ratio_min", d.augment.ratio_min, between(0.01, 100),
    "Smallest width over height of a random crop.");
  f("crop_ratio_max", d.augment.ratio_max, between(0.01, 100),
    "Largest width over height of a random crop.");
  f("flip", d.augment.flip, "Mirror every other image, at random.");
  f("colour_strength", d.augment.colour_strength, between(0, 2.5),
    "Strength s of colour distortion (brightness, contrast, saturation 0.8 s, hue 0.2 s with "
    "probability 0.8; grey with probability 0.2). 0: none.");
  f("blur", d.augment.blur, "Gaussian blur of radius 0.1 to 2 with probability 0.5.");
  f("channels", d.channels, between(1, most_channels),
    "Channels that images are read as. 3: red, green and blue of 8 bits, whatever is stored. 1: "
    "grey "
    "of 16 bits, the luminance of colours. Others: PNG and TIFF of exactly so many channels of 8 "
    "or "
    "16 bits. `mean` and `std` have a number for each (ijepa-shards --statistics measures them).");
  f("mean", d.mean, between(-10, 10), "Mean of each channel (pixels 0 to 1), subtracted.");
  f("std", d.std, up_to(10), "Deviation of each channel, divided by.");
}

static void describe(OptimSettings& o, Fields& f) {
  f("global_batch", o.global_batch, between(1, most_images), "Images a step, over all ranks.");
  f("micro_batch", o.micro_batch, between(0, most_images),
    "Images a rank computes at once; gradients accumulate over the rest. 0: as many as divide the "
    "rank's batch and have at most 8192 patches; of more than 3 channels fewer, in proportion.");
  f("epochs", o.epochs, between(1, 1e6), "Passes over the data; the schedules span them.");
  f("max_steps", o.max_steps, between(0, most_steps),
    "Stop after this many steps, with the schedules of the whole run. 0: never.");
  f("warmup_epochs", o.warmup_epochs, between(0, 1e6), "Epochs in which the learning rate rises.");
  f("start_lr", o.start_lr, between(0, 100), "Learning rate at the start.");
  f("lr", o.lr, between(0, 100),
    "Learning rate after the warm-up, at this global batch (it is never scaled).");
  f("final_lr", o.final_lr, between(0, 100), "Learning rate at the end of its cosine.");
  f("weight_decay", o.weight_decay, between(0, 100),
    "AdamW weight decay at the start, for tensors of two or more dimensions.");
  f("final_weight_decay", o.final_weight_decay, between(0, 100),
    "Weight decay at the end of its cosine.");
  f("ema_start", o.ema_start, between(0, 1), "Momentum of the target encoder at the start.");
  f("ema_end", o.ema_end, between(0, 1), "Momentum at the end of its linear rise.");
  f("ipe_scale", o.ipe_scale, between(0.01, 100), "Length of the schedules relative to the run.");
  f("beta1", o.beta1, below(1), "AdamW decay of the first moment.");
  f("beta2", o.beta2, below(1), "AdamW decay of the second moment.");
  f("eps", o.eps, up_to(1), "AdamW epsilon.");
  f("clip_grad", o.clip_grad, between(0, 1e12),
    "Largest norm of the whole gradient. 0: no clipping.");
  f.choice(
      "optimizer", o.optimizer,
      {{"adamw", MatrixOptimizer::adamw}, {"muon", MatrixOptimizer::muon}},
      "`muon`: the weight matrices of all blocks move by their momentum made orthogonal, as far "
      "as AdamW would move them; all else by AdamW.");
  f("muon_momentum", o.muon_momentum, below(1), "Momentum of those matrices' gradients.");
}

/// "auto" stands beside the type, which is float32 until one is chosen.
static Choice precision_choice(ComputeSettings& c) {
  static constexpr DType types[] = {DType::f32, DType::bf16, DType::f64};
  static constexpr std::size_t automatic = std::size(types);
  Choice choice{{"float32", "bfloat16", "float64", "auto"}, {}, {}};
  choice.get = [&c]() -> std::size_t {
    if (c.automatic_precision) return automatic;
    return static_cast<std::size_t>(std::ranges::find(types, c.precision) - std::begin(types));
  };
  choice.set = [&c](std::size_t i) {
    c.automatic_precision = i == automatic;
    c.precision = c.automatic_precision ? DType::f32 : types[i];
  };
  return choice;
}

static void describe(ComputeSettings& c, Fields& f) {
  f.choice(
      "device", c.device,
      {{"auto", DeviceChoice::automatic}, {"cpu", DeviceChoice::cpu}, {"cuda", DeviceChoice::cuda}},
      "`auto`: the CPU; GPUs are used when asked for.");
  f.choice_of("precision", precision_choice(c),
              "Of matrix products and activations; master weights are float32. `auto`: bfloat16 "
              "where the machine multiplies it faster, as on GPUs and CPUs with AMX, chosen when "
              "the run is begun. float64 is for checks on the CPU.");
  f.choice("residual", c.residual, {{"float32", DType::f32}, {"bfloat16", DType::bf16}},
           "Of the residual stream, where precision is bfloat16.");
  f("threads", c.threads, between(0, 1024),
    "Compute threads of a rank. 0: as many as the rank has cores.");
  f.choice(
      "cpu_kernels", c.cpu_kernels,
      {{"auto", "auto"},
       {"avx2", "avx2"},
       {"avx512", "avx512"},
       {"onednn", "onednn"},
       {"float16", "float16"}},
      "Instructions of the CPU's arithmetic; `onednn` is AVX-512 with oneDNN's matrix products "
      "where these are faster. `auto`: the last of these three that the machine can run. "
      "`float16`: float32 operands of linear layers are rounded to 11 bits, as TF32's, and "
      "multiplied in float16, on processors with AVX512-FP16. Results are equal bit for bit only "
      "between runs with the same.");
  f.choice("recompute", c.recompute, {{"none", Recompute::none}, {"block", Recompute::block}},
           "`block`: keep each block's input only and compute the block again in backward: less "
           "memory, a third more work.");
  f("bucket_mib", c.bucket_mib, between(1, 65536),
    "MiB of gradients reduced over the ranks at once while backward runs.");
  f.choice(
      "bind_cores", c.bind_cores, {{"auto", BindCores::automatic}, {"no", BindCores::no}},
      "`auto`: ranks of a node that the launcher lets run on the same cores divide them, where "
      "there are enough for their threads. `no`: they run where the launcher put them.");
  f.choice("product_algorithms", c.product_algorithms,
           {{"first", ProductAlgorithms::first}, {"measured", ProductAlgorithms::measured}},
           "On GPUs: `first`: matrix products by cuBLASLt's first suggestion. `measured`: by the "
           "fastest of several, timed when a shape is first met; product_algorithms.jsonl in the "
           "run folder keeps what was found.");
}

static void describe_saves(RunSettings& r, Fields& f) {
  f("checkpoint_steps", r.checkpoint_steps, between(0, most_steps),
    "Steps between checkpoints. 0: none by steps.");
  f("checkpoint_minutes", r.checkpoint_minutes, between(0, 1e6),
    "Minutes between checkpoints. 0: none by time.");
  f("keep_last", r.keep_last, between(1, 1e6),
    "Checkpoints that are kept, beside the newest one with healthy features.");
  f("keep_every", r.keep_every, between(0, most_steps),
    "A checkpoint is saved at every multiple of this step, too, and kept for ever. 0: none.");
  f.choice("keep_best", r.keep_best,
           {{"auto", KeepBest::automatic},
            {"none", KeepBest::none},
            {"rankme", KeepBest::rankme},
            {"evaluation", KeepBest::evaluation}},
           "Save whenever this figure is the best of the run so far, and keep that checkpoint: "
           "`rankme` of every `health_every` steps, or the k-NN accuracy of [eval]. `auto`: "
           "`evaluation` where [eval] has test shards, else `none`.");
  f("save_retry_seconds", r.save_retry_seconds, between(0.01, 3600),
    "Training goes on after a save that failed (full disk, ...); it is tried again after this "
    "pause, which doubles up to `checkpoint_minutes`, or an hour.");
}

static void describe_stops(RunSettings& r, Fields& f) {
  f("max_seconds", r.max_seconds, between(0, 1e9),
    "Save and end with code 85 after so many seconds of one start (--max-seconds). 0: no limit.");
  f("stop_margin_seconds", r.stop_margin_seconds, between(0, 1e6),
    "The run stops so many seconds before its Slurm job ends, and twice the time of a save and of "
    "a step before that.");
  f("stop_grace_seconds", r.stop_grace_seconds, between(0, 1e6),
    "After a signal so long without any progress of any rank ends the job with code 86; longer "
    "than "
    "a micro-batch and a save. 0: never.");
  f("hang_seconds", r.hang_seconds, between(0, 1e6),
    "A rank whose process does not answer for so long ends the job with code 86. 0: never.");
  f("standstill_seconds", r.standstill_seconds, between(0, 1e6),
    "So long without any progress of any rank, though they answer, ends the job with code 86; "
    "longer than the longest save. 0: never.");
  f("wait_notice_seconds", r.wait_notice_seconds, between(0, 1e6),
    "Ranks that others have waited for so long are named in the log. 0: never.");
}

static void describe(RunSettings& r, Fields& f) {
  f("dir", r.dir, "Folder of the run: logs, configuration, checkpoints. Required.");
  f.choice("used_folder", r.used_folder,
           {{"resume", UsedFolder::resume},
            {"refuse", UsedFolder::refuse},
            {"extend", UsedFolder::extend}},
           "What to do when `dir` holds a run: go on with it, stop, or go on for a larger "
           "`optim.epochs` than it was begun with (--extend). It is never overwritten.");
  f("seed", r.seed, between(0, 9e15), "Seed of everything random.");
  f("log_every", r.log_every, between(1, most_steps),
    "Steps between progress lines; metrics.csv has every step.");
  f("tensorboard", r.tensorboard,
    "Write event files for TensorBoard into `dir`: figures of every `log_every` steps, health, "
    "evaluation, histograms and pictures.");
  f("health_every", r.health_every, between(0, most_steps),
    "Steps between looks at the health of the features. 0: never.");
  f("health_images", r.health_images, between(2, 1 << 20), "Images for them.");
  describe_saves(r, f);
  f("nan_limit", r.nan_limit, between(0, 1e6),
    "Steps in a row with a loss or gradient that is not finite, which are skipped before the run "
    "stops.");
  f("keep_replays", r.keep_replays, between(0, 1e6),
    "The first so many steps that are not finite, each the first of a row, are repeated with every "
    "operation checked: the log names the operation and the layer, and the run folder keeps what "
    "`--replay` repeats. Later ones are skipped alone. 0: none is repeated.");
  describe_stops(r, f);
}

static void describe(EvalSettings& e, Fields& f) {
  f("test_shards", e.test_shards,
    "Labelled held-out images: shards, or a folder of class folders. Empty: no evaluation.");
  f("train_shards", e.train_shards,
    "Labelled images of the same classes, among which neighbours are looked for. Empty: "
    "`data.shards`.");
  f("every_epochs", e.every_epochs, between(1, 1e6),
    "Epochs between evaluations; there is one before the first step and one after the last, too.");
  f("images", e.images, between(0, most_images), "Images of each set at most, the first. 0: all.");
  f("linear", e.linear, "Train linear heads on the features, too.");
}

void describe(PretrainRecipe& recipe, Fields& f) {
  f.listed_in("docs/configuration.md");
  f.section("model", recipe.model, "The vision transformer that is trained.");
  f.section("mask", recipe.mask,
            "Multi-block masks: what the encoder sees and what must be predicted.");
  f.section(
      "loss", recipe.loss,
      "What is learned beside the features of hidden blocks. Sums over the global batch: with "
      "more than one micro-batch a rank, every image passes the encoders twice a step.");
  f.section("data", recipe.data, "Images, their order and their augmentation.");
  f.section("optim", recipe.optim, "Batch, length of the run, AdamW and the schedules.");
  f.section("compute", recipe.compute,
            "Where and how precisely the run computes. None of these changes what is learned, "
            "apart from rounding.");
  f.section("run", recipe.run, "The run folder, and what is written there when.");
  f.section("eval", recipe.eval,
            "k-NN accuracy of the target encoder's features while the run trains, in events.jsonl. "
            "It does not change what is trained.");
}

std::string configuration_page() {
  PretrainRecipe recipe;
  return "# Configuration of ijepa-pretrain\n\n"
         "Generated from the code; do not edit. A configuration is a TOML file with these sections "
         "and keys; what it leaves out has the default. `--set section.key=value` changes one "
         "value. Unknown keys, wrong types and values outside the allowed range are errors. The "
         "defaults are those of the published ViT-H/14 run on ImageNet-1k, but in float32.\n" +
         to_markdown(fields_of(recipe));
}

}  // namespace ijepa
