#include "ijepa/train/weights/import.hpp"

#include <fmt/ranges.h>

#include <cmath>

#include "../checkpoint/checkpoint_folder.hpp"
#include "ijepa/core/file.hpp"
#include "ijepa/data/names.hpp"
#include "ijepa/train/checkpoint/checkpoint_recipe.hpp"
#include "naming.hpp"
#include "stored_positions.hpp"
#include "weight_plan.hpp"

namespace ijepa {
namespace {

/// Where training stood: texts of a checkpoint, and their names in the authors' archive.
constexpr std::array<std::pair<const char*, const char*>, 11> progress_names{
    {{"epoch", "epoch"},
     {"loss", "loss"},
     {"batch_size", "batch_size"},
     {"world_size", "world_size"},
     {"lr", "lr"},
     {"weight_decay", "opt/param_groups/0/weight_decay"},
     {"scaler_scale", "scaler/scale"},
     {"scaler_growth_factor", "scaler/growth_factor"},
     {"scaler_backoff_factor", "scaler/backoff_factor"},
     {"scaler_growth_interval", "scaler/growth_interval"},
     {"scaler_growth_tracker", "scaler/_growth_tracker"}}};

/// The number of updates, which all parameters of the optimizer share.
std::int64_t steps_of(WeightFile& file) {
  for (const auto& tensor : file.tensors()) {
    if (!tensor.name.starts_with("opt/state/") || !tensor.name.ends_with("/step")) continue;
    float step = 0;
    check(tensor.shape.empty(), "{} in {} is no single number.", tensor.name, file.path());
    read_as_float(file, tensor, {&step, 1});
    check(step >= 0 && step < 1e12F, "{} in {} is no number of steps: {}.", tensor.name,
          file.path(), step);
    return static_cast<std::int64_t>(step);
  }
  const double step = file.number("opt/state/1/step", 0);
  check(step >= 0 && step < 1e12, "{} has done {} steps, which no training has.", file.path(),
        step);
  return static_cast<std::int64_t>(step);
}

CheckpointMeta meta_of(WeightFile& file, const PretrainRecipe& recipe, const WeightPlan& plan,
                       const PositionTables& positions) {
  CheckpointMeta meta{steps_of(file), texts_of_positions(positions)};
  meta.text["config"] = recipe_text(recipe);
  meta.text["imported"] = fmt::format("{} ({}), holding {}\n", utf8_name(file.path()),
                                      file.format(), fmt::join(plan.groups(), ", "));
  for (const auto& [key, name] : progress_names)
    if (const double value = file.number(name, NAN); std::isfinite(value))
      meta.text[key] = fmt::format("{}", value);
  return meta;
}

/// Where they are not red, green and blue.
std::string channels_text(const EncoderConfig& e) {
  if (e.channels == 3) return "";
  return fmt::format(", {} channel{}", e.channels, e.channels == 1 ? "" : "s");
}

std::string model_text(const PretrainRecipe& recipe) {
  const auto& e = recipe.model.encoder;
  return fmt::format(
      "{}: {} blocks of width {}, {} heads, MLP {}, {} x {} pixels in patches of {}{}", e.name,
      e.depth, e.width, e.heads, e.mlp_hidden, e.image_height, e.image_width, e.patch,
      channels_text(e));
}

}  // namespace

ImportResult import_weights(const ImportOptions& options) {
  const auto file = open_weight_file(options.file);
  const auto recipe = recipe_of_weights(*file, options);
  const WeightPlan plan(*file, recipe, options);
  plan.check_complete(options);
  const auto positions = positions_in(*file, recipe);
  check(list_checkpoints(options.run).empty(),
        "{} already holds checkpoints; import into a new folder.", options.run);
  const auto meta = meta_of(*file, recipe, plan, positions);
  std::vector<StoredTensor> stored;
  for (const auto& planned : plan.tensors()) stored.push_back(planned.stored);
  std::vector<float> values;  // of one tensor, valid until the next
  const auto bytes_of = [&](std::size_t i) {
    values.resize(static_cast<std::size_t>(stored[i].numel()));
    plan.read(*file, plan.tensors()[i], values);
    return std::as_bytes(std::span<const float>(values));
  };
  const std::string folder = checkpoint_folder(options.run, meta.step);
  write_checkpoint_folder(folder, meta, stored, bytes_of);
  write_file_atomically(options.run + "/config.toml", meta.text.at("config"));
  return {folder,
          model_text(recipe),
          positions_text(positions, recipe),
          normalisation_text(*file, options, recipe),
          plan.groups(),
          plan.report()};
}

std::string describe_weights(WeightFile& file, const ImportOptions& options) {
  std::map<std::string, std::pair<std::int64_t, std::uint64_t>> groups;
  for (const auto& t : file.tensors()) {
    auto& [count, bytes] =
        groups[t.name.substr(0, std::min(t.name.find_first_of("/."), t.name.size()))];
    ++count;
    bytes += t.bytes();
  }
  std::string text = fmt::format("file         {}\nformat       {}\ntensors      {}\n", file.path(),
                                 file.format(), file.tensors().size());
  for (const auto& [name, sums] : groups)
    text += fmt::format("  {:<18} {:>6} tensors {:>14} bytes\n", name, sums.first, sums.second);
  const auto said = encoder_said(file);
  const auto one = said.empty() ? "an encoder, unsaid which" : said + " encoder, as it says";
  for (const auto& held : held_groups(file))
    text += fmt::format("holds        {}\n", held.group.empty() ? one : held.group);
  for (const auto& [key, name] : progress_names)
    if (const double value = file.number(name, NAN); std::isfinite(value))
      text += fmt::format("{:<12} {}\n", key, value);
  const auto recipe = recipe_of_weights(file, options);
  return text + fmt::format("model        {}\npositions    {}\npixels       {}\n",
                            model_text(recipe), positions_text(positions_in(file, recipe), recipe),
                            normalisation_text(file, options, recipe));
}

}  // namespace ijepa
