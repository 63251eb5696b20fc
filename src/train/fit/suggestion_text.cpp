#include <fmt/format.h>

#include <string_view>
#include <utility>

#include "ijepa/core/field_text.hpp"
#include "ijepa/train/fit/suggest.hpp"
#include "ijepa/train/logs/progress.hpp"

namespace ijepa {
namespace {

/// Why a setting is as it is, where its help does not say so.
constexpr std::pair<std::string_view, std::string_view> reasons[] = {
    {"model.width", "Twice as wide costs three to four times as much."},
    {"model.patch", "Small patches see more and cost more: the time grows with their number."},
    {"model.image_height", "Of the crop that the network sees."},
    {"model.init", "For small networks: at the start the image outweighs the position."},
    {"model.predictor.joint", "All target blocks in one sequence: less work a step."},
    {"mask.min_keep", "Target blocks of this grid have 9 patches and more."},
    {"mask.compat", "Contexts are cut at random, not always from below."},
    {"loss.variance_covariance", "Keeps features of small runs from sharing a few directions."},
    {"loss.pixel_epochs",
     "Photographs are learned sooner by their pixels; then it predicts features."},
    {"loss.pooled_prediction", "The mean of the context predicts the mean of the target."},
    {"data.flip", "Mirrors every other image. Set it to false where left and right differ."},
    {"data.channels", "As your images are stored: 1 is grey of 16 bits, 3 red, green and blue."},
    {"data.mean", "Of your images, as are the deviations."},
    {"data.std", "Smaller values make pixels louder beside the positions."},
    {"data.crop_ratio_min", "Crops have the shape of your images."},
    {"optim.global_batch", "Over all ranks, whatever their number."},
    {"optim.micro_batch", "A rank's whole batch at once, so that no image is computed twice."},
    {"optim.epochs", "Passes over the images. More are the first thing to try with more time."},
    {"optim.max_steps", "A part of these passes; the schedules end with it (ipe_scale)."},
    {"optim.optimizer", "Matrices move by Muon: linear heads of photographs gained three points."},
    {"optim.lr", "Halve it where rankme falls after the warm-up (docs/troubleshooting.md)."},
    {"optim.ema_start", "The target forgets within 1 / (1 - this) steps."},
    {"compute.precision", "bfloat16 where, as here, the machine multiplies it faster."},
    {"run.health_every", "Steps between looks at the features' health."},
    {"run.dir", "Everything of the run is kept here."},
    {"eval.test_shards", "Labelled images beside yours: k-NN accuracy while the run trains."}};

/// Of a setting that is not printed, because it is the default.
std::string mirror_text(const MirrorLook& look) {
  if (!look.one_sided()) return "";
  return fmt::format(
      "# Of {} images {:.0f} % are less like the others when they are mirrored, as letters are: "
      "so\n"
      "# training mirrors none (data.flip = false).\n",
      look.images, 100 * look.farther);
}

const char* float16_text(const MachineFacts& machine) {
  if (!machine.float16 || machine.bfloat16) return "";
  return "# With compute.cpu_kernels = \"float16\" steps are 1.2 to 1.4 times as fast here, by "
         "products\n"
         "# of numbers of 11 bits (docs/numerics.md).\n";
}

std::string head(const Suggestion& s, const ImageFacts& images, const MachineFacts& machine) {
  const auto batch = s.recipe.optim.global_batch;
  const auto memory = static_cast<double>(machine.memory) / (1 << 30);
  return fmt::format(
      "# Suggested for the {} images of {}, of {} x {} pixels (width x height, the\n"
      "# median), on {} cores with {:.0f} GiB. It is {} with what follows from them.\n"
      "# {}\n"
      "# {} steps of {} images take about {} here, as timed just now.\n{}{}#\n"
      "# What it costs:      ijepa-pretrain THIS.toml --dry-run\n"
      "# Train:              bash jobs/local.sh -n {} ijepa-pretrain THIS.toml\n"
      "# What it is worth:   ijepa-probe --run {} --test {}\n",
      images.images, images.shards, images.median.width, images.median.height, machine.cores,
      memory, s.based_on, s.measured, s.images_seen / batch, batch, duration_text(s.seconds),
      mirror_text(images.mirrored), float16_text(machine), s.ranks, s.recipe.run.dir,
      images.test_shards.empty() ? "SHARDS_WITH_CLASSES" : images.test_shards);
}

}  // namespace

std::string suggestion_text(const Suggestion& suggestion, const ImageFacts& images,
                            const MachineFacts& machine) {
  PretrainRecipe recipe = suggestion.recipe, standard;
  const auto ours = field_texts(fields_of(recipe)), usual = field_texts(fields_of(standard));
  std::string text = head(suggestion, images, machine), section;
  for (std::size_t i = 0; i < ours.size(); ++i) {
    if (ours[i].value == usual[i].value) continue;
    const auto dot = ours[i].path.rfind('.');
    if (ours[i].path.substr(0, dot) != section) {
      section = ours[i].path.substr(0, dot);
      text += fmt::format("\n[{}]\n", section);
    }
    for (const auto& [path, why] : reasons)
      if (path == ours[i].path) text += fmt::format("# {}\n", why);
    text += fmt::format("{} = {}\n", ours[i].path.substr(dot + 1), ours[i].value);
  }
  return text;
}

}  // namespace ijepa
