#include "ijepa/train/run/run_folder.hpp"

#include <fmt/ranges.h>

#include <algorithm>
#include <array>
#include <cstdlib>
#include <filesystem>
#include <sstream>
#include <string_view>

#include "ijepa/core/error.hpp"
#include "ijepa/core/file.hpp"
#include "ijepa/train/checkpoint/checkpoint_file.hpp"

namespace ijepa {
namespace {

namespace fs = std::filesystem;

/// What may change between the parts of one run: a whole section, or one key.
constexpr std::array<std::string_view, 26> free_settings{"run.dir",
                                                         "run.used_folder",
                                                         "run.log_every",
                                                         "run.tensorboard",
                                                         "run.health_every",
                                                         "run.health_images",
                                                         "run.checkpoint_steps",
                                                         "run.checkpoint_minutes",
                                                         "run.keep_last",
                                                         "run.keep_every",
                                                         "run.keep_best",
                                                         "run.save_retry_seconds",
                                                         "run.nan_limit",
                                                         "run.keep_replays",
                                                         "run.max_seconds",
                                                         "run.stop_margin_seconds",
                                                         "run.stop_grace_seconds",
                                                         "run.hang_seconds",
                                                         "run.standstill_seconds",
                                                         "run.wait_notice_seconds",
                                                         "data.shards",
                                                         "data.valid_shards",
                                                         "data.threads",
                                                         "data.prefetch",
                                                         "data.stage_dir",
                                                         "data.max_bad_rate"};

bool is_free(const std::string& key) {
  const bool computes =
      key.starts_with("compute.") && key != "compute.precision" && key != "compute.residual";
  return computes || key.starts_with("eval.") || key == "optim.micro_batch" ||
         key == "optim.max_steps" ||
         std::find(free_settings.begin(), free_settings.end(), key) != free_settings.end();
}

bool is_extended(const std::string& key, const std::string& before, const std::string& now) {
  return key == "optim.epochs" && std::atoll(now.c_str()) > std::atoll(before.c_str());
}

}  // namespace

std::map<std::string, std::string> settings_of(const std::string& text) {
  std::map<std::string, std::string> settings;
  std::istringstream lines(text);
  std::string line, section;
  while (std::getline(lines, line)) {
    if (line.starts_with('[')) section = line.substr(1, line.find(']') - 1) + ".";
    const auto equals = line.find(" = ");
    if (line.starts_with('#') || line.starts_with('[') || equals == std::string::npos) continue;
    settings[section + line.substr(0, equals)] = line.substr(equals + 3);
  }
  return settings;
}

std::vector<std::string> differing_settings(const std::string& there, const std::string& here,
                                            UsedFolder used) {
  auto old_settings = settings_of(there);
  const auto new_settings = settings_of(here);
  // Settings that did not exist when the run began had the effect of their defaults.
  old_settings.merge(settings_of(recipe_text({})));
  const auto value = [](const auto& settings, const std::string& key) -> std::string {
    const auto found = settings.find(key);
    return found == settings.end() ? "nothing" : found->second;
  };
  std::map<std::string, std::string> keys = old_settings;
  keys.insert(new_settings.begin(), new_settings.end());
  std::vector<std::string> differing;
  for (const auto& [key, unused] : keys) {
    const std::string before = value(old_settings, key), now = value(new_settings, key);
    if (before == now || is_free(key)) continue;
    if (used == UsedFolder::extend && is_extended(key, before, now)) continue;
    differing.push_back(fmt::format("{}: {} there, {} here", key, before, now));
  }
  return differing;
}

void prepare_run_folder(const PretrainRecipe& recipe, const Log& log) {
  const fs::path folder = recipe.run.dir, config = folder / "config.toml";
  make_folder(folder.string());
  // A start that failed before its first save left a configuration and perhaps logs, but no run.
  if (list_checkpoints(recipe.run.dir).empty() || !fs::exists(config)) {
    write_file_atomically(config.string(), recipe_text(recipe));
    return;
  }
  check(recipe.run.used_folder != UsedFolder::refuse,
        "{} already holds a run and run.used_folder is \"refuse\": give another run.dir, or "
        "\"resume\" to go on with it.",
        folder.string());
  const std::string there = read_text_file(config.string()), here = recipe_text(recipe);
  const auto differing = differing_settings(there, here, recipe.run.used_folder);
  const bool longer = differing.size() == 1 && differing.front().starts_with("optim.epochs") &&
                      differing_settings(there, here, UsedFolder::extend).empty();
  check(differing.empty(),
        "{} holds a run with other settings ({}): go on with the settings of {}, {}or give another "
        "run.dir.",
        folder.string(), fmt::join(differing, "; "), config.string(),
        longer ? "add --extend to train it longer, " : "");
  log.info("Going on with the run in {}.", folder.string());
  if (differing_settings(there, here, UsedFolder::resume).empty()) return;
  write_file_atomically(config.string(), here);
  log.info("It is extended to {} epochs: from here on the schedules are those of a run that long.",
           recipe.optim.epochs);
}

}  // namespace ijepa
