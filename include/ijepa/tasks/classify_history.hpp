// Classify history: what each epoch of a classifier's training gave, as a CSV file and plots.
#pragma once
#include <cstdint>
#include <string>
#include <vector>

namespace ijepa {

/// Losses are means over images; accuracies are shares, 0 to 1. Training figures are those of the
/// training views, as the weights changed.
struct EpochRow {
  std::int64_t epoch = 0;  // from 1
  double train_loss = 0, train_top1 = 0;
  double valid_loss = 0, valid_top1 = 0, valid_top5 = 0;
  double learning_rate = 0, seconds = 0;
};
using ClassifyHistory = std::vector<EpochRow>;

/// A line an epoch, with a header; accuracies in percent.
std::string as_csv(const ClassifyHistory& history);
/// Of what as_csv() gave. An Error for anything else.
ClassifyHistory parse_history(const std::string& csv);

/// The row with the lowest validation loss, the earlier of equals; null without rows.
const EpochRow* best_row(const ClassifyHistory& history);

/// PREFIX.csv, PREFIX_loss.png and PREFIX_accuracy.png.
void write_history(const ClassifyHistory& history, const std::string& prefix);

}  // namespace ijepa
