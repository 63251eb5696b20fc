#include "ijepa/train/fit/suggest.hpp"

#include <algorithm>
#include <cmath>

#include "ijepa/core/error.hpp"
#include "ijepa/train/step/memory_plan.hpp"

namespace ijepa {
namespace {

/// A recipe of configs/ as it depends on images and machine. Images seen in all: `least`, under
/// which it was not seen to learn, to `most`, beyond which nothing was measured.
struct Row {
  const char* config;
  const char* measured;
  std::int64_t side, patch, width, depth, heads, predictor_width, predictor_depth, batch;
  double lr, ema_start, ema_end;
  std::int64_t least, most;
  bool small;          // with the start and the losses of small networks
  double pixel_share;  // of the steps, the first, in which photographs are learned by their pixels
};

constexpr Row rows[] = {
    {"configs/cifar10_3min.toml",
     "On CIFAR-10 it lifted 20-NN from 32.9 to 55.9 % in 160,000 images (docs/recipes.md).", 32, 4,
     96, 4, 3, 48, 3, 32, 1.5e-3, 0.98, 0.998, 60'000, 400'000, true, 0.52},
    {"configs/cifar10_15min.toml",
     "On CIFAR-10 it lifted linear heads from 47.4 to 63.2 % in 416,000 images (docs/recipes.md).",
     32, 4, 128, 5, 4, 64, 3, 32, 1.5e-3, 0.985, 0.999, 250'000, 1'500'000, true, 0.54},
    {"configs/cifar10_2h.toml",
     "On CIFAR-10 it lifted linear heads from 48.1 to 66.7 % in 1,500,000 images "
     "(docs/recipes.md).",
     32, 4, 192, 6, 6, 96, 3, 64, 1.5e-3, 0.99, 0.9995, 1'200'000, 2'500'000, true, 0.54},
    {"configs/synthetic.toml",
     "On synthetic images it lifted 20-NN from 15.5 to 54.2 % in 79,360 images (docs/recipes.md).",
     64, 8, 96, 4, 3, 48, 3, 64, 2e-3, 0.95, 0.99, 40'000, 300'000, true, 0},
    {"configs/stl10_96.toml",
     "It has not been run whole; its small relatives were (docs/recipes.md).", 96, 8, 384, 6, 6,
     192, 4, 256, 1e-3, 0.98, 0.999, 2'000'000, 10'000'000, true, 0},
    {"configs/imagenet_vits16.toml",
     "It has the published settings for a smaller network and was not tuned (docs/recipes.md).",
     224, 16, 0, 0, 0, 192, 6, 512, 5e-4, 0.996, 1.0, 60'000'000, 128'000'000, false, 0}};

constexpr std::int64_t most_passes = 100, fewest_images = 64;
constexpr std::int64_t small_passes = 40;  // of runs of minutes
// Ranks of one machine lose some time to one another.
constexpr double efficiency = 0.9;

/// Height and width near side x side pixels, of the images' shape where that is not nearly square.
Size crop_of(const Row& row, const Size& image) {
  const double aspect =
      std::clamp(static_cast<double>(image.width) / std::max(1, image.height), 1.0 / 3, 3.0);
  const auto side = static_cast<double>(row.side);
  if (aspect > 0.6 && aspect < 1.7) return {static_cast<int>(row.side), static_cast<int>(row.side)};
  const auto patches = [&](double length) {
    return static_cast<int>(std::lround(length / static_cast<double>(row.patch)) * row.patch);
  };
  return {patches(side / std::sqrt(aspect)), patches(side * std::sqrt(aspect))};
}

void set_model(PretrainRecipe& r, const Row& row, const Size& crop) {
  auto& e = r.model.encoder;
  e.name = row.width > 0 ? "custom" : "vit_small";
  e.width = row.width;
  e.depth = row.depth;
  e.heads = row.heads;
  e.patch = row.patch;
  e.image_height = crop.height;
  e.image_width = crop.width;
  r.model.predictor.width = row.predictor_width;
  r.model.predictor.depth = row.predictor_depth;
  r.mask.truncate_group = std::min<std::int64_t>(row.batch, 128);
  if (!row.small) return;
  e.start = StartWeights::xavier;
  r.model.predictor.joint = true;
  r.mask.compat = false;
  r.mask.truncate_group = std::min<std::int64_t>(row.batch, 64);
  r.loss.variance_covariance = r.loss.pooled_prediction = 1;
  // On grids of 8 x 8 target blocks have 9 to 12 patches.
  if (e.tokens() < 100) r.mask.min_keep = 4;
}

void set_data(PretrainRecipe& r, const Row& row, const ImageFacts& images, const Size& crop) {
  r.data.shards = images.shards;
  r.eval.test_shards = images.test_shards;
  r.data.channels = images.channels;
  r.data.mean = images.mean;
  r.data.std = images.std;
  r.data.augment.flip = row.small && !images.mirrored.one_sided();
  const double shape = static_cast<double>(crop.width) / crop.height;
  r.data.augment.ratio_min *= shape;
  r.data.augment.ratio_max *= shape;
}

/// Signs, unlike photographs, were learned better without.
double pixel_share(const Row& row, const ImageFacts& images) {
  return images.mirrored.one_sided() ? 0 : row.pixel_share;
}

void set_rates(PretrainRecipe& r, const Row& row, const ImageFacts& images) {
  auto& o = r.optim;
  o.global_batch = row.batch;
  o.lr = row.lr;
  if (pixel_share(row, images) > 0) {  // on textures it is better and worse (docs/recipes.md)
    o.optimizer = MatrixOptimizer::muon;
    o.lr *= 2;
  }
  o.start_lr = row.small ? o.lr / 50 : o.lr / 5;
  o.final_lr = row.small ? o.lr / 200 : 1e-6;
  o.ema_start = row.ema_start;
  o.ema_end = row.ema_end;
  if (row.width > 0 && row.width <= 192) o.weight_decay = o.final_weight_decay = 0.05;
}

/// Whole passes, or where there are few, the part of them that comes to `seen` images.
void set_length(PretrainRecipe& r, const Row& row, const ImageFacts& facts, std::int64_t seen) {
  const std::int64_t images = facts.images;
  const auto part = [](double passes) { return std::round(1e4 * passes) / 1e4; };
  constexpr std::int64_t few = 4;
  auto& o = r.optim;
  const std::int64_t epoch = images / o.global_batch;  // steps
  o.epochs = std::max<std::int64_t>(1, (seen + images - 1) / images);
  double passes = static_cast<double>(o.epochs);
  if (const auto steps = seen / o.global_batch; o.epochs < few && steps < o.epochs * epoch) {
    o.max_steps = steps;
    o.ipe_scale = static_cast<double>(steps) / static_cast<double>(o.epochs * epoch);
    passes *= o.ipe_scale;
  }
  o.warmup_epochs = part(passes * (row.small ? 0.08 : 0.1));
  r.loss.pixel_epochs = part(passes * pixel_share(row, facts));
}

std::int64_t images_seen(const OptimSettings& o, std::int64_t images) {
  const auto steps = o.max_steps > 0 ? o.max_steps : o.epochs * (images / o.global_batch);
  return steps * o.global_batch;
}

PretrainRecipe recipe_of(const Row& row, const ImageFacts& images, const MachineFacts& machine) {
  PretrainRecipe r;
  const Size crop = crop_of(row, images.median);
  set_model(r, row, crop);
  set_data(r, row, images, crop);
  set_rates(r, row, images);
  r.optim.epochs = 1;  // until its length is known
  r.loss.pixel_epochs = pixel_share(row, images);
  r.compute.automatic_precision = machine.bfloat16;
  r.run.dir = "runs/suggested";
  r.run.health_every = 200;
  r.run.checkpoint_minutes = 5;
  return r;
}

/// Ranks share the batch equally: a power of two, small networks with a core each.
int ranks_of(const Row& row, int cores) {
  int ranks = 1;
  while (row.small && ranks * 2 <= cores && row.batch % (ranks * 2) == 0 && ranks < 16) ranks *= 2;
  return ranks;
}

/// Losses on means pass every image twice where a rank's batch is cut: the whole of it where the
/// memory allows.
void set_micro_batch(PretrainRecipe& r, int ranks, std::size_t memory) {
  if (!r.loss.pooled()) return;
  PretrainRecipe resolved = r;
  resolve(resolved);
  const std::int64_t whole = r.optim.global_batch / ranks;
  if (plan_run(resolved, r.optim.global_batch, ranks).micro_batch == whole) return;
  const IJepa model(resolved.model.encoder, resolved.model.predictor, resolved.loss);
  const auto bytes = plan_memory(model, resolved, whole).total() * static_cast<std::size_t>(ranks);
  if (bytes < memory / 2) r.optim.micro_batch = whole;
}

/// Of the run on all cores, each image decoded once a pass.
double seconds_an_image(const PretrainRecipe& recipe, const ImageFacts& images,
                        const MachineFacts& machine) {
  return (machine.step_seconds(recipe) + images.decode_seconds) / (efficiency * machine.cores);
}

}  // namespace

Suggestion suggest(const ImageFacts& images, const MachineFacts& machine, double hours,
                   std::int64_t seen) {
  check(images.images >= fewest_images,
        "{} holds {} images, too few to train on: a step takes {}. Start from published weights "
        "(docs/weights.md), or collect more.",
        images.shards, images.images, fewest_images);
  const int short_side = std::min(images.median.height, images.median.width);
  Suggestion best;
  for (const Row& row : rows) {
    // Pixels that images do not have would only cost time.
    const bool shortest = row.least <= rows[0].least;
    const bool fits = 4 * row.side <= 5 * short_side && row.batch <= images.images &&
                      (shortest || row.least <= most_passes * images.images);
    if (!best.based_on.empty() && !fits) continue;
    Suggestion s{.recipe = recipe_of(row, images, machine),
                 .based_on = row.config,
                 .measured = row.measured};
    s.ranks = ranks_of(row, machine.cores);
    const double one = seconds_an_image(s.recipe, images, machine);
    // The shortest useful run is suggested whatever it takes, but not of images made smaller.
    if (!shortest && (seen > 0 || one * static_cast<double>(row.least) > 3600 * hours)) continue;
    const auto afford = static_cast<std::int64_t>(3600 * hours / one);
    const auto passes = row.least < 1'000'000 ? small_passes : most_passes;
    const auto most = std::min(row.most, std::max(row.least, passes * images.images));
    const auto length = seen > 0 ? std::min(seen, passes * images.images)
                                 : std::clamp(afford, std::min(row.least, most), most);
    set_length(s.recipe, row, images, length);
    set_micro_batch(s.recipe, s.ranks, machine.memory);
    s.images_seen = images_seen(s.recipe.optim, images.images);
    s.seconds = one * static_cast<double>(s.images_seen);
    best = s;
  }
  return best;
}

}  // namespace ijepa
