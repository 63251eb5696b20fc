// Probe report: the accuracies of several features of the same images side by side, as a table for
// people and as CSV and JSON for programs.
#pragma once
#include <string>
#include <vector>

#include "ijepa/tasks/knn.hpp"
#include "ijepa/tasks/linear_probe.hpp"

namespace ijepa {

struct ProbeRow {
  std::string features;  // "trained", "untrained", "pixels", "histogram"
  std::int64_t width = 0;
  Accuracy knn;
  LinearProbeResult linear;
};

struct ProbeReport {
  std::string checkpoint;  // where the trained weights came from
  std::string encoder;     // "target" or "context"
  std::int64_t train_images = 0, test_images = 0, classes = 0;
  KnnOptions knn;
  std::vector<ProbeRow> rows;
};

/// Aligned text, accuracies in percent, with the chance level below.
std::string as_table(const ProbeReport& report);
/// One line a row of features, with a header; accuracies in percent.
std::string as_csv(const ProbeReport& report);
std::string as_json(const ProbeReport& report);

/// Writes probe.csv and probe.json into `folder` (made if missing), each complete or not at all.
void write_report(const ProbeReport& report, const std::string& folder);

}  // namespace ijepa
