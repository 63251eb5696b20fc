#include "ijepa/tasks/probing/probe_report.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>

#include "ijepa/core/error.hpp"
#include "ijepa/core/file.hpp"
#include "ijepa/data/names.hpp"
#include "ijepa/tasks/probing/confusion_report.hpp"

namespace ijepa {
namespace {

using Json = nlohmann::ordered_json;

const char* name_of(HeadNorm norm) {
  return norm == HeadNorm::batch ? "batch" : "none";
}
const char* name_of(HeadOptimizer optimizer) {
  return optimizer == HeadOptimizer::lars ? "lars" : "sgd";
}

const GridPoint& best_of(const ProbeRow& row) {
  return row.linear.grid.at(row.linear.best);
}

std::string head_csv(const Head& h) {
  return fmt::format("{},{},{},{}", h.layers, name_of(h.norm), h.settings.learning_rate,
                     h.settings.weight_decay);
}

/// A number as JSON has it: one that is not finite is null.
Json number(double value) {
  return std::isfinite(value) ? Json(value) : Json(nullptr);
}

Json grid_json(const ProbeRow& row) {
  auto out = Json::array();
  for (const auto& p : row.linear.grid)
    out.push_back({{"layers", p.head.layers},
                   {"norm", name_of(p.head.norm)},
                   {"learning_rate", p.head.settings.learning_rate},
                   {"weight_decay", p.head.settings.weight_decay},
                   {"validation_top1", p.validation.accuracy.top1},
                   {"validation_loss", number(p.validation.loss)},
                   {"test_top1", p.test.accuracy.top1},
                   {"test_top5", p.test.accuracy.top5},
                   {"test_loss", number(p.test.loss)}});
  return out;
}

Json row_json(const ProbeReport& r, const ProbeRow& row) {
  const auto& best = best_of(row);
  Json out{{"name", row.features},
           {"width", row.width},
           {"knn_top1", row.knn.at(0).top1},
           {"knn_top5", row.knn.at(0).top5},
           {"knn", Json::array()},
           {"linear_top1", row.linear.test.top1},
           {"linear_top5", row.linear.test.top5},
           {"linear_validation_top1", best.validation.accuracy.top1},
           {"layers", best.head.layers},
           {"norm", name_of(best.head.norm)},
           {"learning_rate", best.head.settings.learning_rate},
           {"weight_decay", best.head.settings.weight_decay},
           {"grid", grid_json(row)}};
  for (std::size_t i = 0; i < row.knn.size(); ++i)
    out["knn"].push_back({{"k", r.knn.k[i]}, {"top1", row.knn[i].top1}, {"top5", row.knn[i].top5}});
  return out;
}

}  // namespace

std::string as_table(const ProbeReport& r) {
  auto out = fmt::format("{} training and {} test images of {} classes; accuracies in percent\n",
                         r.train_images, r.test_images, r.classes.size());
  const auto line = [&](const std::string& name, const std::string& width, auto knn, double top1,
                        double top5) {
    out += fmt::format("{:<12}{:>8}", name, width);
    for (std::size_t i = 0; i < r.knn.k.size(); ++i)
      out += fmt::format("{:>12.1f}{:>8.1f}", 100 * knn(i).top1, 100 * knn(i).top5);
    out += fmt::format("{:>14.1f}{:>8.1f}\n", 100 * top1, 100 * top5);
  };
  out += fmt::format("{:<12}{:>8}", "features", "width");
  for (const auto k : r.knn.k)
    out += fmt::format("{:>12}{:>8}", fmt::format("{}-NN top1", k), "top5");
  out += fmt::format("{:>14}{:>8}\n", "linear top1", "top5");
  for (const auto& row : r.rows)
    line(
        row.features, std::to_string(row.width), [&](std::size_t i) { return row.knn[i]; },
        row.linear.test.top1, row.linear.test.top5);
  const auto classes = static_cast<double>(r.classes.size());
  const Accuracy chance{1 / classes, std::min(5.0, classes) / classes};
  line(
      "chance", "", [&](std::size_t) { return chance; }, chance.top1, chance.top5);
  out += fmt::format("linear heads: the best of {} by a validation part of the training images\n",
                     r.rows.at(0).linear.grid.size());
  for (const auto& row : r.rows)
    out += fmt::format("{:<12}{}\n", row.features, describe(best_of(row).head));
  return out;
}

std::string as_csv(const ProbeReport& r) {
  std::string out = "features,width";
  for (const auto k : r.knn.k) out += fmt::format(",knn{0}_top1,knn{0}_top5", k);
  out += ",linear_top1,linear_top5,linear_validation_top1,layers,norm,learning_rate,weight_decay\n";
  for (const auto& row : r.rows) {
    out += fmt::format("{},{}", row.features, row.width);
    for (const auto& a : row.knn) out += fmt::format(",{:.3f},{:.3f}", 100 * a.top1, 100 * a.top5);
    const auto& best = best_of(row);
    out += fmt::format(",{:.3f},{:.3f},{:.3f},{}\n", 100 * row.linear.test.top1,
                       100 * row.linear.test.top5, 100 * best.validation.accuracy.top1,
                       head_csv(best.head));
  }
  return out;
}

std::string grid_csv(const ProbeReport& r) {
  std::string out =
      "features,layers,norm,learning_rate,weight_decay,validation_top1,validation_loss,test_top1,"
      "test_top5,test_loss,best\n";
  for (const auto& row : r.rows)
    for (std::size_t i = 0; i < row.linear.grid.size(); ++i) {
      const auto& p = row.linear.grid[i];
      out += fmt::format("{},{},{:.3f},{:.5g},{:.3f},{:.3f},{:.5g},{}\n", row.features,
                         head_csv(p.head), 100 * p.validation.accuracy.top1, p.validation.loss,
                         100 * p.test.accuracy.top1, 100 * p.test.accuracy.top5, p.test.loss,
                         i == row.linear.best ? 1 : 0);
    }
  return out;
}

std::string as_json(const ProbeReport& r) {
  Json out{{"checkpoint", utf8_name(r.checkpoint)},
           {"encoder", r.encoder},
           {"subset", r.subset},
           {"precision", r.precision},
           {"views", r.views},
           {"train", utf8_name(r.train)},
           {"test", utf8_name(r.test)},
           {"train_images", r.train_images},
           {"test_images", r.test_images},
           {"classes", r.classes.size()},
           {"k", r.knn.k},
           {"temperature", r.knn.temperature},
           {"optimizer", name_of(r.linear.optimizer)},
           {"epochs", r.linear.epochs},
           {"batch", r.linear.batch},
           {"decay_epochs", r.linear.decay_epochs},
           {"validation_share", r.linear.validation_share},
           {"seed", r.linear.seed},
           {"features", Json::array()}};
  for (const auto& row : r.rows) out["features"].push_back(row_json(r, row));
  return out.dump(2) + "\n";
}

void write_report(const ProbeReport& report, const std::string& folder) {
  make_folder(folder);
  write_file_atomically(folder + "/probe.csv", as_csv(report));
  write_file_atomically(folder + "/grid.csv", grid_csv(report));
  std::vector<std::pair<std::string, const Confusion*>> confusions;
  for (const auto& row : report.rows) confusions.emplace_back(row.features, &row.linear.confusion);
  write_file_atomically(folder + "/per_class.csv", per_class_csv(confusions, report.classes));
  const auto& first = report.rows.at(0).linear.confusion;
  if (first.counts.rows > 0) {
    write_file_atomically(folder + "/confusion.csv", confusion_csv(first, report.classes));
    write_confusion_picture(first, report.classes, folder + "/confusion.png");
  }
  write_file_atomically(folder + "/probe.json", as_json(report));
}

}  // namespace ijepa
