#include "ijepa/tasks/probe_report.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <filesystem>
#include <nlohmann/json.hpp>

#include "ijepa/core/error.hpp"
#include "ijepa/core/file.hpp"

namespace ijepa {

std::string as_table(const ProbeReport& r) {
  auto out = fmt::format("{} training and {} test images of {} classes; accuracies in percent\n",
                         r.train_images, r.test_images, r.classes);
  out += fmt::format("{:<12}{:>8}{:>12}{:>8}{:>14}{:>8}\n", "features", "width",
                     fmt::format("{}-NN top1", r.knn.k), "top5", "linear top1", "top5");
  for (const auto& row : r.rows)
    out += fmt::format("{:<12}{:>8}{:>12.1f}{:>8.1f}{:>14.1f}{:>8.1f}\n", row.features, row.width,
                       100 * row.knn.top1, 100 * row.knn.top5, 100 * row.linear.test.top1,
                       100 * row.linear.test.top5);
  const auto classes = static_cast<double>(r.classes);
  const double chance = 100 / classes, chance5 = 100 * std::min(5.0, classes) / classes;
  return out + fmt::format("{:<12}{:>8}{:>12.1f}{:>8.1f}{:>14.1f}{:>8.1f}\n", "chance", "", chance,
                           chance5, chance, chance5);
}

std::string as_csv(const ProbeReport& r) {
  std::string out =
      "features,width,knn_top1,knn_top5,linear_top1,linear_top5,linear_validation_top1,"
      "learning_rate,weight_decay\n";
  for (const auto& row : r.rows)
    out += fmt::format("{},{},{:.3f},{:.3f},{:.3f},{:.3f},{:.3f},{},{}\n", row.features, row.width,
                       100 * row.knn.top1, 100 * row.knn.top5, 100 * row.linear.test.top1,
                       100 * row.linear.test.top5, 100 * row.linear.validation_top1,
                       row.linear.chosen.learning_rate, row.linear.chosen.weight_decay);
  return out;
}

std::string as_json(const ProbeReport& r) {
  nlohmann::ordered_json out{{"checkpoint", r.checkpoint},
                             {"encoder", r.encoder},
                             {"train_images", r.train_images},
                             {"test_images", r.test_images},
                             {"classes", r.classes},
                             {"k", r.knn.k},
                             {"temperature", r.knn.temperature},
                             {"features", nlohmann::ordered_json::array()}};
  for (const auto& row : r.rows)
    out["features"].push_back({{"name", row.features},
                               {"width", row.width},
                               {"knn_top1", row.knn.top1},
                               {"knn_top5", row.knn.top5},
                               {"linear_top1", row.linear.test.top1},
                               {"linear_top5", row.linear.test.top5},
                               {"linear_validation_top1", row.linear.validation_top1},
                               {"learning_rate", row.linear.chosen.learning_rate},
                               {"weight_decay", row.linear.chosen.weight_decay}});
  return out.dump(2) + "\n";
}

void write_report(const ProbeReport& report, const std::string& folder) {
  std::error_code error;
  std::filesystem::create_directories(folder, error);
  check(!error, "The folder {} for the report could not be made: {}.", folder, error.message());
  write_file_atomically(folder + "/probe.csv", as_csv(report));
  write_file_atomically(folder + "/probe.json", as_json(report));
}

}  // namespace ijepa
