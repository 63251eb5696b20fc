// Run log: what a run's folder tells of it, for those who look at runs from outside: settings, the
// table of its steps, its events, and whether it is still being written. Damage is named, not
// fatal.
#pragma once
#include <cstdint>
#include <map>
#include <nlohmann/json.hpp>
#include <string>
#include <utility>
#include <vector>

#include "data_tools/plots/log_curves.hpp"
#include "data_tools/plots/log_table.hpp"
#include "ijepa/train/health/health.hpp"

namespace ijepa::tools {

/// A number or a text of an event; NaN and "" where it has none of that name and kind.
double number_of(const nlohmann::json& event, const std::string& name);
std::string text_of(const nlohmann::json& event, const std::string& name);

struct RunLog {
  std::string name, folder;
  /// "section.key" -> value as TOML, of every setting; those of the run's config.toml, and what a
  /// run of the same model has that leaves all others at their defaults.
  std::map<std::string, std::string> settings, defaults;
  LogTable table;                      // metrics.csv
  std::vector<nlohmann::json> events;  // of health without figures of predictions nobody made
  std::vector<std::string> problems;   // sentences: what could not be read
  std::string state;                   // "finished", "running", "stopped", "broken off", "empty"
  std::string state_text;              // a sentence
  std::int64_t step = 0, total_steps = 0;  // total: 0 where it is not known
  /// The first ones, which learn pixels alone; infinitely many where features are never predicted.
  double pixel_steps = 0;
  double steps_per_epoch = 1;

  /// The events of one kind, in the order in which they were written.
  std::vector<const nlohmann::json*> events_of(const std::string& kind) const;
  /// A figure of the events of one kind over epochs; of a step that came again, as it was last.
  Curve figure(const std::string& kind, const std::string& figure_name) const;
  /// The mean of a column's last `rows` finite values; NaN without any.
  double recent(const std::string& column, std::size_t rows = 100) const;
  /// The newest value of such a figure, NaN where there is none.
  double newest(const std::string& kind, const std::string& figure_name) const;
  /// What the last of so many steps learned.
  Predicts predicts(double steps) const {
    return steps <= pixel_steps ? Predicts::pixels : Predicts::features;
  }
  /// A setting as written, without quotes; "" where the run has none.
  std::string setting(const std::string& key) const;
};

/// Whether the folder is a run's: it holds metrics.csv or events.jsonl.
bool is_run(const std::string& folder);

/// Reads what there is. An Error where the folder is no run's.
RunLog read_run(const LogFile& run);

/// The folders of runs at or below `folder`, in the order of their names. An Error where it is
/// none.
std::vector<std::string> find_runs(const std::string& folder);

/// Whether a setting is more than where things lie and when they are written: all but run.*, apart
/// from run.seed.
bool bears_on_learning(const std::string& key);

/// Such settings that are not the same in all runs, by key: a value of each run.
std::map<std::string, std::vector<std::string>> differing_settings_of(
    const std::vector<RunLog>& runs);

}  // namespace ijepa::tools
