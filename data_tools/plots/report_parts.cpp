#include "data_tools/plots/report_parts.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <numeric>

#include "data_tools/plots/svg_plot.hpp"

namespace ijepa::tools {
namespace {

/// A figure of every run that has it, in one plot.
std::string figure_of_all(const std::vector<ReportRun>& runs, const std::string& title,
                          const std::string& words, const auto& curve) {
  Plot plot{title, "epoch", {}};
  for (const auto& run : runs) {
    auto c = curve(run.log);
    c.name = run.log.name;
    plot.curves.push_back(std::move(c));  // an empty one keeps the others' colours
  }
  const bool any = std::ranges::any_of(plot.curves, [](const auto& c) { return !c.x.empty(); });
  return any ? svg_figure(plot, words) : "";
}

std::string differences(const std::vector<ReportRun>& runs) {
  std::vector<RunLog> logs;
  for (const auto& run : runs) logs.push_back(run.log);
  const auto differing = differing_settings_of(logs);
  if (differing.empty()) return "<p>All settings that bear on what is learned are the same.</p>\n";
  std::vector<std::vector<std::string>> rows{{"setting"}};
  for (const auto& log : logs) rows[0].push_back(log.name);
  for (const auto& [key, values] : differing) {
    rows.push_back({key});
    rows.back().insert(rows.back().end(), values.begin(), values.end());
  }
  return html_table(rows);
}

std::vector<std::string> event_row(const nlohmann::json& event, const std::string& what) {
  return {text_of(event, "time"), number_text(number_of(event, "step")), what};
}

/// What an event says that a reader of a report wants to know of; "" of the others.
std::string event_text(const nlohmann::json& event, bool first_start) {
  const std::string kind = event["event"];
  const auto text = [&](const char* key) { return text_of(event, key); };
  if (kind == "start")
    return fmt::format("{} on {}, {} ranks, {}", first_start ? "began" : "resumed", text("host"),
                       number_text(number_of(event, "ranks")), text("device"));
  if (kind == "stopped") return "stopped and saved: " + text("saved");
  if (kind == "non_finite") return "loss or gradients were no numbers: the step was skipped";
  if (kind == "non_finite_explained") return text("explanation");
  if (kind == "save_failed") return "a save failed: " + text("reason");
  if (kind == "evaluation_failed") return "no evaluation: " + text("reason");
  if (kind == "collapse_warning") return text("text");
  if (kind == "hang") return "a rank hung";
  return "";
}

std::string saves_text(const RunLog& run) {
  double seconds = 0, waited = 0;
  const auto saves = run.events_of("saved");
  for (const auto* save : saves) {
    seconds += number_of(*save, "seconds");
    waited += number_of(*save, "blocked_seconds");
  }
  if (saves.empty()) return "It has saved nothing.";
  return fmt::format(
      "It has saved {} times, the last time after step {}; a save took {} s on average, and "
      "training waited {} s for all of them.",
      saves.size(), number_text(number_of(*saves.back(), "step")),
      number_text(seconds / static_cast<double>(saves.size())), number_text(waited));
}

}  // namespace

std::string number_text(double value) {
  if (!std::isfinite(value)) return "-";
  return std::abs(value) >= 1000 && std::abs(value) < 1e15 ? fmt::format("{:.0f}", value)
                                                           : fmt::format("{:.4g}", value);
}

std::string percent_text(double share) {
  return std::isfinite(share) ? fmt::format("{:.1f} %", 100 * share) : "-";
}

namespace {

/// A cell's text; what is short stays on one line.
std::string cell_text(const std::string& cell) {
  constexpr std::size_t short_text = 12;
  std::string out;
  for (const char c : escaped(cell))
    out += c == ' ' && cell.size() <= short_text ? "&#160;" : std::string(1, c);
  return out;
}

}  // namespace

std::string html_table(const std::vector<std::vector<std::string>>& rows) {
  std::string out = "<div class=\"wide\"><table>\n";
  for (std::size_t r = 0; r < rows.size(); ++r) {
    out += "<tr>";
    for (const auto& cell : rows[r])
      out += fmt::format("<{0}>{1}</{0}>", r == 0 ? "th" : "td", cell_text(cell));
    out += "</tr>\n";
  }
  return out + "</table></div>\n";
}

Curve curve_of(const RunLog& run, const std::string& column, const std::string& name,
               std::int64_t points, double factor) {
  if (std::ranges::count(run.table.names, column) == 0) return {name, {}, {}};
  auto means = means_of(run.table.epochs(), run.table.column(column), points);
  for (auto& y : means.y) y *= factor;
  return {name, std::move(means.x), std::move(means.y)};
}

std::string summary_part(const std::vector<ReportRun>& runs) {
  std::vector<std::vector<std::string>> rows{
      {"run", "state", "steps", "epochs", "loss", "RankMe", "k-NN", "linear", "images/s"}};
  for (const auto& [run, unused] : runs) {
    rows.push_back({run.name, run.state,
                    run.total_steps > 0 ? fmt::format("{} of {}", run.step, run.total_steps)
                                        : fmt::format("{}", run.step),
                    number_text(static_cast<double>(run.step) / run.steps_per_epoch),
                    number_text(run.recent("loss")), number_text(run.newest("health", "rankme")),
                    percent_text(run.newest("evaluation", "knn_top1")),
                    percent_text(run.newest("evaluation", "linear_top1")),
                    number_text(run.recent("images_per_second"))});
  }
  return html_table(rows) +
         "<p>Loss and images/s are means of the last 100 steps, the others are the newest that "
         "were measured while training (<code>-</code>: none was).</p>\n";
}

std::string comparison_part(const std::vector<ReportRun>& runs, std::int64_t points) {
  const auto column = [&](const char* name) {
    return [=](const RunLog& run) { return curve_of(run, name, "", points); };
  };
  const auto figure = [](const char* kind, const char* name, double factor) {
    return [=](const RunLog& run) {
      auto curve = run.figure(kind, name);
      for (auto& y : curve.y) y *= factor;
      return curve;
    };
  };
  return "<section><h2>What differs</h2>\n" + differences(runs) + "<div class=\"plots\">" +
         figure_of_all(runs, "Training loss",
                       "Runs with other targets, masks or weights of [loss] cannot be compared by "
                       "it.",
                       column("loss")) +
         figure_of_all(runs, "RankMe",
                       "How many directions the features of held-out images span: more is "
                       "better, up to the smaller of images and width.",
                       figure("health", "rankme", 1)) +
         figure_of_all(runs, "k-NN accuracy in percent",
                       "Of held-out images, by the nearest training images.",
                       figure("evaluation", "knn_top1", 100)) +
         figure_of_all(runs, "Linear accuracy in percent", "A linear head on the features.",
                       figure("evaluation", "linear_top1", 100)) +
         figure_of_all(runs, "Images a second", "Over all ranks.", column("images_per_second")) +
         "</div></section>\n";
}

std::string pictures_part(const ReportRun& run) {
  if (run.pictures.empty()) return "";
  std::string out = "<div class=\"plots\">";
  for (const auto& picture : run.pictures)
    out += fmt::format(
        "<figure><figcaption><h3>{0}</h3><p>{1}</p></figcaption><img alt=\"{0}\" "
        "src=\"data:image/png;base64,{2}\"></figure>\n",
        escaped(picture.title), escaped(picture.words), base64(picture.png));
  return out + "</div>\n";
}

std::string events_part(const RunLog& run) {
  constexpr std::size_t most = 40;
  std::vector<std::vector<std::string>> rows{{"time", "step", "what"}};
  bool first = true;
  for (const auto& event : run.events) {
    const auto text = event_text(event, first);
    if (event["event"] == "start") first = false;
    if (!text.empty()) rows.push_back(event_row(event, text));
  }
  std::string left_out;
  if (rows.size() > most + 1) {
    left_out = fmt::format("<p>The first of {} events are in events.jsonl.</p>\n", rows.size() - 1);
    rows.erase(rows.begin() + 1, rows.end() - most);
  }
  return "<h3>Events</h3>\n<p>" + saves_text(run) + "</p>\n" + left_out +
         (rows.size() > 1 ? html_table(rows) : "");
}

}  // namespace ijepa::tools
