#include "data_tools/plots/run_log.hpp"

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <fstream>
#include <limits>
#include <set>

#include "ijepa/core/error.hpp"
#include "ijepa/core/file.hpp"
#include "ijepa/train/recipe/recipe.hpp"
#include "ijepa/train/run/run_folder.hpp"
#include "ijepa/train/run/run_lock.hpp"

namespace ijepa::tools {
namespace {

namespace fs = std::filesystem;
using Json = nlohmann::json;

constexpr double nan = std::numeric_limits<double>::quiet_NaN();

/// What a run has that names only the model of this one.
std::map<std::string, std::string> defaults_of(const PretrainRecipe& recipe) {
  PretrainRecipe base;
  auto& to = base.model.encoder;
  const auto& from = recipe.model.encoder;
  to.name = from.name;
  if (from.name == "custom") to.width = from.width, to.depth = from.depth, to.heads = from.heads;
  const std::string given(1, '-');
  base.data.shards = base.run.dir = given;
  try {
    resolve(base);
  } catch (const Error&) {
    // Sizes that only fit other settings of the run: then they stay "as the preset says".
  }
  base.data.shards.clear();
  base.run.dir.clear();
  return settings_of(recipe_text(base));
}

void read_settings(RunLog& run) {
  const auto path = fs::path(run.folder) / "config.toml";
  PretrainRecipe recipe;
  try {
    read_toml_file(fields_of(recipe), path.string());
    run.settings = settings_of(recipe_text(recipe));
  } catch (const Error& e) {
    run.problems.push_back(fmt::format("Its settings are not shown: {}", e.what()));
  }
  run.defaults = defaults_of(recipe);
}

void read_table(RunLog& run) {
  const auto path = (fs::path(run.folder) / "metrics.csv").string();
  try {
    run.table = read_log_table(path);
  } catch (const Error& e) {
    run.problems.emplace_back(e.what());
    run.table = {};
  }
  if (run.table.bad_lines > 0)
    run.problems.push_back(
        fmt::format("{} Lines passed over in all: {}.", run.table.problem, run.table.bad_lines));
}

void read_events(RunLog& run) {
  const auto path = (fs::path(run.folder) / "events.jsonl").string();
  std::ifstream file(path);
  if (!file.good()) {
    run.problems.push_back(fmt::format("The log {} is no file that can be read.", path));
    return;
  }
  std::int64_t number = 0, bad = 0, first_bad = 0;
  for (std::string line; std::getline(file, line);) {
    ++number;
    auto event = Json::parse(line, nullptr, false);
    const bool last = file.peek() == EOF;  // which a kill cuts
    if (event.is_object() && event.contains("event") && event["event"].is_string()) {
      run.events.push_back(std::move(event));
    } else if (!last && bad++ == 0) {
      first_bad = number;
    }
  }
  if (bad > 0)
    run.problems.push_back(fmt::format(
        "Line {} of the log {} is no event. Lines passed over in all: {}.", first_bad, path, bad));
}

/// How far it came, by the table where there is one.
void count_steps(RunLog& run) {
  const auto starts = run.events_of("start");
  if (!starts.empty()) {
    const double total = number_of(*starts.back(), "total_steps");
    const double per_epoch = number_of(*starts.back(), "steps_per_epoch");
    const double pixel_steps = number_of(*starts.back(), "pixel_steps");
    if (std::isfinite(total)) run.total_steps = std::llround(total);
    if (std::isfinite(pixel_steps)) run.pixel_steps = pixel_steps;
    run.steps_per_epoch = per_epoch > 0 ? per_epoch : run.table.per_epoch;
  }
  const auto weight = run.settings.find("loss.features");
  if (weight != run.settings.end() && std::stod(weight->second) == 0)
    run.pixel_steps = std::numeric_limits<double>::infinity();
  if (run.table.rows() > 0) {
    if (run.steps_per_epoch > 0) run.table.per_epoch = run.steps_per_epoch;
    run.step = std::llround(run.table.epochs().back() * run.table.per_epoch);
  }
}

/// Earlier versions told them at every look, also while pixels were predicted.
void drop_figures_of_no_predictions(RunLog& run) {
  for (auto& event : run.events) {
    if (event["event"] != "health") continue;
    const auto predicts = run.predicts(number_of(event, "step"));
    for (const auto& figure : health_figures)
      if (!figure.told(predicts)) event.erase(std::string(figure.name));
  }
}

void judge_state(RunLog& run) {
  const auto of_total = run.total_steps > 0
                            ? fmt::format("{} of {} steps", run.step, run.total_steps)
                            : fmt::format("{} steps", run.step);
  const auto say = [&](const char* state, std::string text) {
    run.state = state;
    run.state_text = std::move(text);
  };
  const auto stops = run.events_of("stopped");
  const double stopped = stops.empty() ? nan : number_of(*stops.back(), "step");
  if (const auto holder = living_holder(run.folder))
    return say("running", fmt::format("It is being written by {}: {} are done, and this shows "
                                      "what was there when it was read.",
                                      *holder, of_total));
  if (run.table.rows() == 0) return say("empty", "It has not made a step.");
  if (run.total_steps > 0 && run.step >= run.total_steps)
    return say("finished", fmt::format("It is finished: {}.", of_total));
  if (static_cast<double>(run.step) == stopped)
    return say("stopped", fmt::format("It was stopped and saved after {}; the command that started "
                                      "it goes on from there.",
                                      of_total));
  say("broken off", fmt::format("It broke off after {}; the command that started it goes on from "
                                "its last checkpoint.",
                                of_total));
}

}  // namespace

double number_of(const nlohmann::json& event, const std::string& name) {
  const auto at = event.find(name);
  return at != event.end() && at->is_number() ? at->get<double>() : nan;
}

std::string text_of(const nlohmann::json& event, const std::string& name) {
  const auto at = event.find(name);
  return at != event.end() && at->is_string() ? at->get<std::string>() : "";
}

std::vector<const Json*> RunLog::events_of(const std::string& kind) const {
  std::vector<const Json*> found;
  for (const auto& event : events)
    if (event["event"] == kind) found.push_back(&event);
  return found;
}

Curve RunLog::figure(const std::string& kind, const std::string& figure_name) const {
  std::map<double, double> values;
  for (const auto* event : events_of(kind)) {
    const double at = number_of(*event, "step"), value = number_of(*event, figure_name);
    if (std::isfinite(at) && std::isfinite(value)) values[at / steps_per_epoch] = value;
  }
  Curve curve{figure_name, {}, {}};
  for (const auto& [x, y] : values) {
    curve.x.push_back(x);
    curve.y.push_back(y);
  }
  return curve;
}

double RunLog::recent(const std::string& column, std::size_t rows) const {
  if (std::ranges::count(table.names, column) == 0) return nan;
  const auto& values = table.column(column);
  double sum = 0, count = 0;
  for (std::size_t i = values.size() - std::min(rows, values.size()); i < values.size(); ++i)
    if (std::isfinite(values[i])) sum += values[i], ++count;
  return count > 0 ? sum / count : nan;
}

double RunLog::newest(const std::string& kind, const std::string& figure_name) const {
  const auto curve = figure(kind, figure_name);
  return curve.y.empty() ? nan : curve.y.back();
}

std::string RunLog::setting(const std::string& key) const {
  const auto at = settings.find(key);
  if (at == settings.end()) return "";
  const auto& text = at->second;
  return text.starts_with('"') && text.size() > 1 ? text.substr(1, text.size() - 2) : text;
}

bool is_run(const std::string& folder) {
  std::error_code ignored;
  return fs::is_regular_file(fs::path(folder) / "metrics.csv", ignored) ||
         fs::is_regular_file(fs::path(folder) / "events.jsonl", ignored);
}

RunLog read_run(const LogFile& log) {
  check(is_run(log.path), "{} is no run's folder: it holds neither metrics.csv nor events.jsonl.",
        log.path);
  RunLog run;
  run.name = log.name;
  run.folder = log.path;
  read_settings(run);
  read_table(run);
  read_events(run);
  count_steps(run);
  drop_figures_of_no_predictions(run);
  judge_state(run);
  return run;
}

std::vector<std::string> find_runs(const std::string& folder) {
  check(fs::is_directory(folder), "{} is no folder.", folder);
  std::vector<std::string> found;
  if (is_run(folder)) return {folder};
  const auto options = fs::directory_options::skip_permission_denied;
  std::error_code problem;
  for (auto it = fs::recursive_directory_iterator(folder, options, problem);
       it != fs::recursive_directory_iterator(); it.increment(problem)) {
    if (problem || !it->is_directory(problem) || !is_run(it->path().string())) continue;
    found.push_back(it->path().string());
    it.disable_recursion_pending();  // a run holds no others
  }
  check(!found.empty(), "There is no run in {}: no folder of it holds metrics.csv.", folder);
  std::ranges::sort(found);
  return found;
}

bool bears_on_learning(const std::string& key) {
  return !key.starts_with("run.") || key == "run.seed";
}

std::map<std::string, std::vector<std::string>> differing_settings_of(
    const std::vector<RunLog>& runs) {
  std::map<std::string, std::vector<std::string>> values;
  for (const auto& run : runs)
    for (const auto& [key, unused] : run.settings)
      if (bears_on_learning(key)) values[key];
  for (auto& [key, row] : values)
    for (const auto& run : runs) {
      const auto at = run.settings.find(key);
      row.push_back(at == run.settings.end() ? "?" : at->second);
    }
  std::erase_if(values, [](const auto& entry) {
    return std::set(entry.second.begin(), entry.second.end()).size() == 1;
  });
  return values;
}

}  // namespace ijepa::tools
