// The parts of a report that show figures of one run and say what is healthy.
#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <fstream>

#include "data_tools/plots/report_parts.hpp"
#include "data_tools/plots/svg_plot.hpp"
#include "ijepa/train/health/health.hpp"

namespace ijepa::tools {
namespace {

namespace fs = std::filesystem;
using Json = nlohmann::json;

/// A line from side to side of the other curves.
Curve level(const std::string& name, double value, const RunLog& run) {
  const double last = static_cast<double>(run.step) / run.steps_per_epoch;
  return {name, {0, last}, {value, value}};
}

Curve scaled(Curve curve, const std::string& name, double factor = 1) {
  curve.name = name;
  for (auto& y : curve.y) y *= factor;
  return curve;
}

/// Resumes and skipped steps, as marks on the axis.
std::vector<PlotMark> marks_of(const RunLog& run) {
  std::vector<PlotMark> marks;
  const auto add = [&](const char* kind, const char* symbol, const char* text, std::size_t from) {
    const auto events = run.events_of(kind);
    for (std::size_t i = from; i < events.size(); ++i)
      marks.push_back({number_of(*events[i], "step") / run.steps_per_epoch, symbol, text});
  };
  add("start", "\u25b2", "resumed", 1);
  add("non_finite", "\u2715", "a step skipped: loss or gradient was no number", 0);
  return marks;
}

/// The figures of a health event; images and width from the settings where an old run's event lacks
/// them.
Health health_of(const RunLog& run, const Json& event) {
  Health health;
  const auto size = [&](const char* name, const char* key) {
    const double told = number_of(event, name);
    return std::isfinite(told) ? std::llround(told) : std::atoll(run.setting(key).c_str());
  };
  health.images = size("images", "run.health_images");
  health.width = size("width", "model.width");
  for (const auto& figure : health_figures)
    health.*figure.value = number_of(event, std::string(figure.name));
  return health;
}

double full_rank(const Health& health) {
  return static_cast<double>(std::min(health.images, health.width));
}

using TableRows = std::vector<std::vector<std::string>>;

TableRows health_rows(const Health& h, Predicts predicts, const HealthLimits& limits) {
  const double most = full_rank(h);
  const double usual_std = 1 / std::sqrt(static_cast<double>(h.width));
  const auto row = [](const char* name, double value, const std::string& wanted, bool good,
                      const char* meaning) {
    return std::vector<std::string>{name, number_text(value), wanted,
                                    !std::isfinite(value) ? "?"
                                    : good                ? "\u2713 good"
                                                          : "! look",
                                    meaning};
  };
  TableRows rows{
      {"figure", "now", "healthy", "", "what it says"},
      row("RankMe", h.rankme,
          fmt::format("{:.0f} or more of {:.0f}", limits.rank_good * most, most),
          h.rankme >= limits.rank_good * most,
          "How many directions the features of images span. Few: most of the width is wasted."),
      row("mean cosine", h.pairwise_cosine, fmt::format("below {}", limits.cosine),
          h.pairwise_cosine <= limits.cosine,
          "How alike the features of two images are. 1: all images look the same."),
      row("deviation", h.feature_std,
          fmt::format("above {}", number_text(limits.std_share * usual_std)),
          h.feature_std >= limits.std_share * usual_std,
          "How far features of unit length spread. 0: collapse."),
      row("position share", h.position_share, fmt::format("below {}", limits.position_share),
          h.position_share <= limits.position_share,
          "Share of the targets' variance that the place in the image explains. 1: features say "
          "where a patch is, not what it shows.")};
  if (predicts == Predicts::pixels) return rows;
  rows.push_back(row(
      "gap to other images", h.cross_sample_gap, fmt::format("above {}", limits.cross_sample_gap),
      h.cross_sample_gap >= limits.cross_sample_gap,
      "How much better predictions fit their own image than another. 0: the predictor knows "
      "the place alone."));
  rows.push_back(
      row("loss / position's mean", h.loss_to_position_mean, "below 1", h.loss_to_position_mean < 1,
          "Loss on held-out images, relative to a predictor that only knows the place."));
  return rows;
}

/// The newest result of ijepa-probe on the run; null where there is none.
Json newest_probe(const RunLog& run) {
  std::error_code none;
  std::vector<fs::path> files;
  for (const auto& entry : fs::directory_iterator(fs::path(run.folder) / "probe", none))
    if (fs::is_regular_file(entry.path() / "probe.json", none))
      files.push_back(entry.path() / "probe.json");
  if (files.empty()) return {};
  std::ifstream file(*std::ranges::max_element(files));
  auto probe = Json::parse(file, nullptr, false);
  return probe.is_object() && probe.contains("features") && probe["features"].is_array() ? probe
                                                                                         : Json();
}

std::string probe_table(const Json& probe) {
  if (probe.is_null()) return "";
  TableRows rows{{"features", "k-NN", "linear"}};
  for (const auto& row : probe["features"])
    if (row.is_object())
      rows.push_back({text_of(row, "name"), percent_text(number_of(row, "knn_top1")),
                      percent_text(number_of(row, "linear_top1"))});
  const auto test = text_of(probe, "test");
  return fmt::format("<p>What <code>ijepa-probe</code> found of {}{}:</p>\n{}",
                     escaped(fs::path(text_of(probe, "checkpoint")).filename().string()),
                     test.empty() ? "" : ", judged by the images of " + escaped(test),
                     html_table(rows));
}

/// Whether a probe judged by the images that the run's evaluations judge by. One of an earlier
/// version does not say which it took.
bool is_of_same_images(const Json& probe, const RunLog& run) {
  const auto same = [&](const char* key, const std::string& of_run) {
    std::error_code none;
    const auto path = text_of(probe, key);
    return path.empty() || path == of_run || fs::equivalent(path, of_run, none);
  };
  const auto train = run.setting("eval.train_shards");
  return text_of(probe, "subset").empty() && same("test", run.setting("eval.test_shards")) &&
         same("train", train.empty() ? run.setting("data.shards") : train);
}

/// Levels to see the k-NN accuracy beside: of the untrained network and of pixels.
void add_levels(const RunLog& run, const Curve& knn, const Json& probe, Plot& plot) {
  if (!knn.x.empty() && knn.x.front() == 0)
    plot.curves.push_back(level("untrained", knn.y.front(), run));
  if (probe.is_null() || !is_of_same_images(probe, run)) return;
  for (const auto& row : probe["features"])
    if (row.is_object() && text_of(row, "name") == "pixels")
      plot.curves.push_back(level("pixels", 100 * number_of(row, "knn_top1"), run));
}

std::string loss_figures(const RunLog& run, std::int64_t points) {
  const Plot training{"Training loss", "epoch", {curve_of(run, "loss", "training", points)}};
  Plot held_out{"Loss on held-out images", "epoch", {}};
  for (const auto& [figure, name] : {std::pair{"loss", "predictor"}, std::pair{"zero_loss", "zero"},
                                     std::pair{"position_mean_loss", "place only"}})
    held_out.curves.push_back(scaled(run.figure("health", figure), name));
  return svg_figure(training,
                    "Of the predicted features, and of the further terms of [loss] where they are "
                    "set. That it falls does not show that features are good: it falls when they "
                    "collapse, too.",
                    marks_of(run)) +
         svg_figure(held_out,
                    "Of the predicted features alone, beside two predictors that see nothing: zero "
                    "everywhere, and the mean of all images at each place. The predictor has "
                    "learned something about images where it lies below both.");
}

std::string health_figures_of(const RunLog& run, double good_rank) {
  const Plot rank{
      "RankMe",
      "epoch",
      {scaled(run.figure("health", "rankme"), "RankMe"), level("good from", good_rank, run)}};
  const Plot shares{"Cosine, position and gap",
                    "epoch",
                    {scaled(run.figure("health", "pairwise_cosine"), "mean cosine"),
                     scaled(run.figure("health", "position_share"), "position"),
                     scaled(run.figure("health", "cross_sample_gap"), "gap")}};
  return svg_figure(rank,
                    "Directions that the features of held-out images span. It should rise or "
                    "stay; good runs had a quarter of the possible and more.") +
         svg_figure(shares,
                    "Mean cosine of two images and share of the position: 1 is collapse. Gap: how "
                    "much predictions fit their own image better than others; 0 is collapse.");
}

std::string model_text(const RunLog& run) {
  const auto s = [&](const char* key) { return run.setting(key); };
  return fmt::format(
      "{}: {} wide, {} deep, {} heads; images of {} x {} in patches of {}; predictor {} wide, {} "
      "deep; {} images a step, {} epochs; seed {}.",
      s("model.name"), s("model.width"), s("model.depth"), s("model.heads"),
      s("model.image_height"), s("model.image_width"), s("model.patch"), s("model.predictor.width"),
      s("model.predictor.depth"), s("optim.global_batch"), s("optim.epochs"), s("run.seed"));
}

}  // namespace

std::string settings_part(const RunLog& run) {
  if (run.settings.empty()) return "";
  std::string list;
  for (const auto& [key, value] : run.settings) {
    const auto usual = run.defaults.find(key);
    const auto before = usual == run.defaults.end() ? "" : usual->second;
    if (value != before && bears_on_learning(key))
      list += fmt::format("<li><code>{}</code> {} <small>({})</small></li>\n", escaped(key),
                          escaped(value), escaped(before));
  }
  return fmt::format(
      "<p>{}</p>\n<h3>Settings that are not the defaults</h3>\n<ul class=\"settings\">{}</ul>\n",
      escaped(model_text(run)), list);
}

std::string learning_part(const RunLog& run, std::int64_t points) {
  const HealthLimits limits;
  const auto events = run.events_of("health");
  std::string out = "<div class=\"plots\">" + loss_figures(run, points);
  if (events.empty())
    return out +
           "</div>\n<p class=\"none\">Nobody has looked at the health of its features: "
           "run.health_every is 0, or it has not come so far.</p>\n";
  const Health now = health_of(run, *events.back());
  const Predicts predicts = run.predicts(number_of(*events.back(), "step"));
  return out + health_figures_of(run, limits.rank_good * full_rank(now)) +
         "</div>\n<h3>Health</h3>\n<p>" + escaped(judgement(now, predicts, limits)) + "</p>\n" +
         html_table(health_rows(now, predicts, limits));
}

std::string evaluation_part(const RunLog& run) {
  const auto probe = newest_probe(run);
  const auto knn = scaled(run.figure("evaluation", "knn_top1"), "k-NN", 100);
  const auto linear = scaled(run.figure("evaluation", "linear_top1"), "linear", 100);
  std::string out = "<h3>Evaluation</h3>\n" + probe_table(probe);
  if (knn.x.empty() && probe.is_null())
    return out + fmt::format(
                     "<p class=\"none\">Nobody has judged its features yet. <code>ijepa-"
                     "probe --run {} --test SHARDS</code> does.</p>\n",
                     escaped(run.folder));
  if (knn.x.empty()) return out;
  Plot plot{"Accuracy in percent", "epoch", {knn}};
  if (!linear.x.empty()) plot.curves.push_back(linear);
  add_levels(run, knn, probe, plot);
  return out + "<div class=\"plots\">" +
         svg_figure(plot,
                    "Of held-out images while it trained. It should lie above what the untrained "
                    "network and pixels give.") +
         "</div>\n";
}

std::string speed_part(const RunLog& run, std::int64_t points) {
  const Plot speed{
      "Images a second", "epoch", {curve_of(run, "images_per_second", "images/s", points)}};
  const Plot waits{"Waiting, in percent of the time",
                   "epoch",
                   {curve_of(run, "data_wait", "for images", points, 100),
                    curve_of(run, "rank_wait", "for ranks", points, 100)}};
  return "<h3>Speed</h3>\n<div class=\"plots\">" +
         svg_figure(speed, "Over all ranks. Dips are other work on the machine, or waiting.") +
         svg_figure(waits,
                    "For images: more than a few percent asks for data.threads or faster disks. "
                    "For ranks: gradients on their way, and ranks that are slower.",
                    {}, 10) +
         "</div>\n";
}

}  // namespace ijepa::tools
