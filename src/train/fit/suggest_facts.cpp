// What suggest() is told: a look at the images, and what the machine can do.
#include <unistd.h>

#include <algorithm>
#include <cmath>
#include <filesystem>

#include "ijepa/comm/communicator.hpp"
#include "ijepa/core/clock.hpp"
#include "ijepa/core/cores.hpp"
#include "ijepa/core/error.hpp"
#include "ijepa/core/rng.hpp"
#include "ijepa/data/images/pixel_sums.hpp"
#include "ijepa/data/images/samples.hpp"
#include "ijepa/data/names.hpp"
#include "ijepa/data/shards/shard_set.hpp"
#include "ijepa/train/fit/precision_choice.hpp"
#include "ijepa/train/fit/suggest.hpp"
#include "ijepa/train/run/run_data.hpp"
#include "ijepa/train/step/engine.hpp"
#include "ijepa/train/step/step_gradients.hpp"

namespace ijepa {
namespace {

/// A set beside this one whose images have labels, to judge by.
std::string labelled_neighbour(const std::string& shards) {
  const auto folder = std::filesystem::path(shards).lexically_normal();
  for (const char* name : {"test", "testing", "val", "valid", "validation"}) {
    const auto other = (folder.has_filename() ? folder : folder.parent_path()).parent_path() / name;
    std::error_code error;
    if (!std::filesystem::is_directory(other, error)) continue;
    try {
      const auto set = ShardSet::open(other.string());
      if (set.class_names().size() > 1 && set.size() > 0) return other.string();
    } catch (const Error&) {
      // Whatever it is, it is no set to judge by.
    }
  }
  return "";
}

/// Rounded to four decimals, or to so many digits where 16 bits are seldom used up to their ends.
double rounded(double value, int channels) {
  const double scale =
      channels == 3 || value <= 0 ? 1e4 : std::pow(10.0, 4 - std::floor(std::log10(value)));
  return std::round(scale * value) / scale;
}

void set_pixels(ImageFacts& facts, const PixelSums& pixels) {
  facts.mean = pixels.mean();
  facts.std = pixels.deviation();
  // Images of one colour have no deviation.
  const double least = facts.channels == 3 ? 0.01 : 1e-4;
  for (auto& v : facts.mean) v = rounded(v, facts.channels);
  for (auto& v : facts.std) v = std::max(least, rounded(v, facts.channels));
}

/// Red, green and blue where a picture can be read so, unless it is grey of 16 bits, which would be
/// cut to 8.
int channels_of(std::span<const std::uint8_t> encoded) {
  const auto [channels, bits] = stored_channels(encoded);
  if (channels == 1 && bits == 16) return 1;
  try {
    decode_image(encoded);
  } catch (const WrongChannels&) {
    return channels;
  }
  return 3;
}

/// The first readable one of some images says how all are read.
int channels_of(const ShardSet& set, std::int64_t count) {
  std::vector<std::uint8_t> encoded;
  for (std::int64_t i = 0; i < count; ++i) try {
      set.read(i * set.size() / count, encoded);
      return channels_of(encoded);
    } catch (const Error&) {
      // Damaged ones are left out of training, too.
    }
  return 3;
}

[[noreturn]] void tell_mixed(const ShardSet& set, const std::string& shards, std::int64_t image,
                             int channels, const WrongChannels& error) {
  fail(
      "{}: image {} ({}) cannot be read with {} channel{} as the others: {}. Pack those of one "
      "kind "
      "by ijepa-shards --channels.",
      shards, image, set.key(image), channels, channels == 1 ? "" : "s", error.what_it_has());
}

/// Seconds an image of steps of random pixels on one thread, for about a second.
double time_steps(PretrainRecipe recipe, bool pixels_only) {
  const std::int64_t tokens = recipe.model.encoder.tokens();
  const std::int64_t batch = tokens <= 64 ? 32 : tokens <= 144 ? 16 : 4;
  recipe.optim.global_batch = recipe.optim.micro_batch = recipe.mask.truncate_group = batch;
  if (recipe.compute.automatic_precision) recipe.compute.precision = DType::bf16;
  resolve(recipe);
  RunPlan plan = plan_run(recipe, 1000 * batch, 1);
  plan.pixel_steps = pixels_only ? plan.total_steps : 0;
  const auto device = make_device({.name = "cpu", .threads = 1});
  const auto comm = local_communicator();
  Engine engine(recipe, batch, *device, *comm);
  engine.store().initialise(1);
  const auto& e = recipe.model.encoder;
  std::vector<std::uint8_t> pixels(image_tensor(nullptr, e, batch).bytes());
  Rng rng(1, Purpose::test);
  for (auto& p : pixels) p = static_cast<std::uint8_t>(rng.bits());
  auto start = Clock::now();
  int steps = 0;
  for (; steps < 2 || (steps < 200 && seconds_since(start) < 1); ++steps) {
    if (steps == 1) start = Clock::now();  // the first one also plans products
    const auto masks = draw_step_masks(recipe, plan, place_of(steps, 1000, batch), 0);
    const auto token_plan = masks.token_plan(0, batch, tokens);
    engine.accumulate({pixels, token_plan}, masks.loss_scale, Part::only);
    engine.finish(0);
    engine.update(adamw_step({}, steps, 1e-4, 0.04, 0.996));
  }
  return seconds_since(start) / static_cast<double>((steps - 1) * batch);
}

/// The mean over the run's steps, those of pixels and the others.
double time_step(const PretrainRecipe& recipe) {
  const auto& o = recipe.optim;
  const double features = time_steps(recipe, false),
               share = recipe.loss.pixel_epochs / (static_cast<double>(o.epochs) * o.ipe_scale);
  return share > 0 ? share * time_steps(recipe, true) + (1 - share) * features : features;
}

}  // namespace

ImageFacts look_at_images(const std::string& shards) {
  constexpr std::int64_t looks = 128;
  check(mapped_text(shards, 0).has_value(),
        "{} is no text in UTF-8, which settings are: give a link to it.", utf8_name(shards));
  const auto set = ShardSet::open(shards);
  ImageFacts facts{
      .shards = shards, .test_shards = labelled_neighbour(shards), .images = set.size()};
  const std::int64_t count = std::min(looks, set.size());
  std::vector<Size> sizes;
  std::vector<std::uint8_t> encoded;
  facts.channels = channels_of(set, count);
  ImageDecoder decoder;
  SampleDecoder samples(facts.channels);
  PixelSums pixels(facts.channels);
  const auto start = Clock::now();
  for (std::int64_t i = 0; i < count; ++i) try {
      set.read(i * set.size() / count, encoded);
      if (facts.channels == 3) {
        sizes.push_back(decoder.open(encoded));
        pixels.add(decoder.decode());
      } else {
        const Size size = samples.open(encoded);
        pixels.add(samples.decode());
        sizes.push_back(size);
      }
    } catch (const WrongChannels& e) {
      tell_mixed(set, shards, i * set.size() / count, facts.channels, e);
    } catch (const Error&) {
      // Damaged ones are left out of training, too.
    }
  check(!sizes.empty(),
        "{}: none of {} images looked at can be decoded; ijepa-inspect {} --verify tells more.",
        shards, count, shards);
  facts.decode_seconds = seconds_since(start) / static_cast<double>(sizes.size());
  std::ranges::sort(sizes, {}, [](const Size& s) { return std::min(s.height, s.width); });
  facts.median = sizes[sizes.size() / 2];
  set_pixels(facts, pixels);
  // About a third of a second of decoding; of few images of many pixels nothing can be said.
  constexpr std::int64_t most_pixels = 32'000'000, fewest_looked_at = 2, most_looked_at = 1024;
  const auto each = std::int64_t{1} * facts.median.height * facts.median.width;
  facts.mirrored = look_at_mirrored(
      set, facts.channels, std::clamp(most_pixels / each, fewest_looked_at, most_looked_at));
  return facts;
}

MachineFacts look_at_machine() {
  const auto pages = static_cast<std::size_t>(std::max(0L, ::sysconf(_SC_AVPHYS_PAGES)));
  const auto page = static_cast<std::size_t>(std::max(0L, ::sysconf(_SC_PAGESIZE)));
  bool float16 = true;
  try {
    make_device({.threads = 1, .cpu_kernels = "float16"});
  } catch (const Error&) {
    float16 = false;
  }
  return {.cores = usable_cores(),
          .memory = pages * page,
          .float16 = float16,
          .bfloat16 = faster_precision(measured_rate("auto", DType::f32),
                                       measured_rate("auto", DType::bf16)) == DType::bf16,
          .step_seconds = time_step};
}

}  // namespace ijepa
