// Probe report: the accuracies of several features of the same images side by side, as a table for
// people and as files for programs.
#pragma once
#include <string>
#include <vector>

#include "ijepa/tasks/probing/knn.hpp"
#include "ijepa/tasks/probing/linear_probe.hpp"

namespace ijepa {

struct ProbeRow {
  std::string features;       // "trained", "untrained", "pixels", "histogram"
  std::int64_t width = 0;     // of a layer
  std::vector<Accuracy> knn;  // of each k
  LinearProbeResult linear;
};

struct ProbeReport {
  std::string checkpoint;  // where the trained weights came from
  std::string encoder;     // "target" or "context"
  std::string subset;      // of the training images; empty: all
  std::string views;       // that heads were trained on: a name of TrainViews
  std::string precision;   // of the networks: "float32" or "bfloat16"
  std::int64_t train_images = 0, test_images = 0;
  std::vector<std::string> classes;
  KnnOptions knn;
  LinearProbeOptions linear;
  std::vector<ProbeRow> rows;
  std::int64_t bad_images = 0;  // left out
  std::string train, test;      // where the images are
};

/// Aligned text, accuracies in percent, with the chance level below and the best heads.
std::string as_table(const ProbeReport& report);
/// One line a row of features, with a header; accuracies in percent.
std::string as_csv(const ProbeReport& report);
/// One line a grid point of every row of features.
std::string grid_csv(const ProbeReport& report);
std::string as_json(const ProbeReport& report);

/// Writes probe.csv, probe.json, grid.csv, per_class.csv and, of the first row and up to
/// Confusion::most_classes classes, confusion.csv and confusion.png into `folder` (made if
/// missing), each complete or not at all.
void write_report(const ProbeReport& report, const std::string& folder);

}  // namespace ijepa
